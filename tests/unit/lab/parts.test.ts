import assert from "node:assert/strict";
import { chooseParts, type Machine } from "../../../lab/parts";

const debian: Machine = { platform: "linux", uid: 0, docker: false, nodeImage: false, apt: true, pulumi: [] };

describe("chooseParts", () => {
  it("builds everything on a Debian machine with nothing on it", () => {
    assert.deepEqual(chooseParts(debian), { engine: "podman", officialPulumi: [] });
  });

  it("prefers Docker with the official node image, for root and for others", () => {
    for (const uid of [0, 1000, undefined]) {
      const machine: Machine = { ...debian, uid, docker: true, nodeImage: true };
      assert.equal(chooseParts(machine).engine, "docker");
    }
  });

  it("needs neither Linux nor apt-get when Docker is there", () => {
    const mac: Machine = { ...debian, platform: "darwin", uid: 501, apt: false, docker: true, nodeImage: true };
    assert.equal(chooseParts(mac).engine, "docker");
  });

  it("falls back to podman where a Docker engine can't pull the node image", () => {
    assert.equal(chooseParts({ ...debian, docker: true }).engine, "podman");
  });

  it("leaves official programs of Pulumi alone, each by itself", () => {
    const machine: Machine = { ...debian, pulumi: ["pulumi", "pulumi-language-nodejs"] };
    assert.deepEqual(chooseParts(machine).officialPulumi, ["pulumi", "pulumi-language-nodejs"]);
  });

  const refused: [string, Partial<Machine>, RegExp][] = [
    [
      "a user without root and without Docker",
      { uid: 1000 },
      /no Docker engine answers.*not root.*as root on Debian 12/s,
    ],
    ["another system without Docker", { platform: "darwin", uid: 501, apt: false }, /this is darwin.*Start Docker/s],
    ["root on a Linux without apt-get", { apt: false }, /there is no apt-get/],
    [
      "a Docker engine without the node image and without root",
      { uid: 1000, docker: true },
      /kindest\/node:\S+ can't be pulled/,
    ],
  ];
  for (const [name, change, message] of refused) {
    it(`refuses ${name}, and says what to do`, () => {
      assert.throws(() => chooseParts({ ...debian, ...change }), message);
    });
  }
});
