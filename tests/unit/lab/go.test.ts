import assert from "node:assert/strict";
import { goIsRecent, goTools, requiredVersion } from "../../../lab/go";

describe("goIsRecent", () => {
  const table: [string, boolean][] = [
    ["go version go1.26.8 linux/amd64", true],
    ["go version go1.26.9 linux/amd64", true],
    ["go version go1.27 linux/amd64", true],
    ["go version go2.0.1 linux/amd64", true],
    ["go version go1.26.7 linux/amd64", false],
    ["go version go1.26 linux/amd64", false],
    ["go version go1.19.8 linux/amd64", false],
    ["gccgo 12", false],
  ];
  for (const [line, expected] of table) {
    it(`says ${expected} to "${line}"`, () => {
      assert.equal(goIsRecent(line, "1.26.8"), expected);
    });
  }
});

describe("requiredVersion", () => {
  it("reads the version that a module asks for", () => {
    assert.equal(requiredVersion(goTools.kind, "sigs.k8s.io/kind"), "v0.30.0");
  });

  it("refuses a module that is not asked for", () => {
    assert.throws(() => requiredVersion(goTools.kind, "example.org/none"), /go\.mod requires no example\.org\/none/);
  });
});
