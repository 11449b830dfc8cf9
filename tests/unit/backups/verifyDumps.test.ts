import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judgeDumps, type DumpPlaceRead } from "../../../domain/dumpFaults";
import { nameDump } from "../../../domain/dumps";
import { Duration } from "../../../domain/duration";
import { FolderPlace } from "../../../images/postgres/jobs/places/folder";
import { readDumps } from "../../../images/postgres/jobs/verify/dumps";

const hour = 3_600_000;
const now = new Date("2026-11-24T06:00:00Z");
const nightly = (nights: number) => new Date(now.getTime() - 4 * hour - nights * 24 * hour);
const names = [2, 1, 0].map((nights) => nameDump(nightly(nights)));
const [oldest = "", middle = "", newest = ""] = names;

/** Real files in real folders, each a place. */
describe("the daily verification of dumps", () => {
  const placeNames = ["local", "s3", "gcs"];
  let root = "";
  const path = (place: string, file: string) => join(root, place, file);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "verify-dumps-"));
    for (const [index, name] of names.entries()) {
      const content = Buffer.from(`a dump that is ${name}, `.repeat(1000));
      const sha256 = createHash("sha256").update(content).digest("hex");
      const meta = {
        timestamp: nightly(2 - index).toISOString(),
        database: "marimo_erp",
        size: content.length,
        sha256,
      };
      for (const place of placeNames) {
        mkdirSync(join(root, place), { recursive: true });
        const files = { dump: content, checksum: `${sha256}  ${name}.dump.gz\n`, meta: JSON.stringify(meta) };
        writeFileSync(path(place, `${name}.dump.gz`), files.dump);
        writeFileSync(path(place, `${name}.sha256`), files.checksum);
        writeFileSync(path(place, `${name}.meta`), files.meta);
      }
    }
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  const flip = (place: string, file: string, at = 500) => {
    const content = readFileSync(path(place, file));
    content[at] = (content[at] ?? 0) ^ 1;
    writeFileSync(path(place, file), content);
  };
  /** As if it had been so for a day: what is young may be under way. */
  const age = (place: string, ...files: string[]) => {
    for (const file of files) utimesSync(path(place, file), nightly(1), nightly(1));
  };
  const read = (): Promise<DumpPlaceRead[]> =>
    Promise.all(placeNames.map((name) => readDumps({ place: new FolderPlace(name, join(root, name)), folder: "" })));
  const judge = async (rest: { latest?: string; now?: Date } = {}) =>
    judgeDumps({
      ...{ places: await read(), latest: `${newest}.dump.gz`, now, namespace: "marimo-erp" },
      ...{ storeTime: Duration.days(90), ...rest },
    });
  const places = async () => (await judge()).faults.map(({ where }) => where);

  it("nothing is wrong", async () => {
    const { faults, newestGood, damagedFiles } = await judge();
    assert.deepEqual(faults, []);
    assert.equal(newestGood?.name, newest);
    assert.equal(damagedFiles, 0);
  });

  it("a flipped bit is found in the very file that has it: dump, checksum or description", async () => {
    flip("s3", `${oldest}.dump.gz`);
    flip("gcs", `${middle}.sha256`, 3);
    flip("local", `${oldest}.meta`, 100);
    const { faults, damagedFiles } = await judge();
    const found = Object.fromEntries(faults.map(({ where, what }) => [where, what]));
    assert.deepEqual(Object.keys(found).sort(), [
      `gcs: ${middle}.sha256`,
      `local: ${oldest}.meta`,
      `s3: ${oldest}.dump.gz`,
    ]);
    assert.match(found[`s3: ${oldest}.dump.gz`] ?? "", /its SHA-256 is [0-9a-f]{64}, and not [0-9a-f]{64}/);
    assert.ok(damagedFiles >= 2);
  });

  it("says which copy is good, or that none is", async () => {
    flip("s3", `${newest}.dump.gz`);
    assert.match((await judge()).faults[0]?.remedy ?? "", /The copy in local and gcs is good/);
    for (const place of ["local", "gcs"]) flip(place, `${newest}.dump.gz`);
    const { faults, newestGood } = await judge();
    assert.equal(newestGood?.name, middle);
    assert.match(faults[0]?.remedy ?? "", /No other place has a good copy/);
    // The newest good one is of yesterday, and the name that operators know leads to a damaged one.
    assert.ok(faults.some(({ what }) => /last night's is missing or damaged/.test(what)));
    assert.ok(faults.some(({ where }) => where === "local: marimo_backup_latest.dump.gz"));
  });

  it("a dump without its checksum is not proved by its name", async () => {
    rmSync(path("s3", `${oldest}.sha256`));
    age("s3", `${oldest}.meta`, `${oldest}.dump.gz`);
    assert.deepEqual(await places(), [`s3: ${oldest}.sha256`]);
  });

  it("what is being written is left alone, and what an old run left is told", async () => {
    rmSync(path("s3", `${newest}.dump.gz`));
    assert.deepEqual(await places(), []);
    age("s3", `${newest}.sha256`, `${newest}.meta`);
    assert.deepEqual(await places(), [`s3: ${newest}.dump.gz`]);
  });

  it("a place that lacks a dump of the volume, once it had time to get it", async () => {
    for (const name of [newest, oldest]) {
      for (const end of ["dump.gz", "sha256", "meta"]) rmSync(path("gcs", `${name}.${end}`));
    }
    const { faults } = await judge();
    assert.deepEqual(
      faults.map(({ where, what }) => [where, what]),
      [["gcs", `it lacks a dump that the volume has: ${oldest}`]],
    );
  });

  it("a description without a checksum of its own is compared with its copies", async () => {
    const changed = readFileSync(path("s3", `${oldest}.meta`), "utf8").replace("marimo_erp", "marimo_eqp");
    writeFileSync(path("s3", `${oldest}.meta`), changed);
    const { faults } = await judge();
    assert.deepEqual(
      faults.map(({ where }) => where),
      [`s3: ${oldest}.meta`],
    );
    assert.match(faults[0]?.what ?? "", /copies of this description differ/);
  });

  it("an old newest dump, no dump at all, and a place that doesn't answer", async () => {
    const late = await judge({ now: new Date(now.getTime() + 24 * hour) });
    assert.ok(late.faults.every(({ what }) => /last night's is missing/.test(what)) && late.faults.length === 1);
    const seen = { latest: undefined, now, namespace: "marimo-erp", storeTime: Duration.days(90) };
    const empty = judgeDumps({ ...seen, places: [{ place: "s3", folder: "dumps/", dumps: [] }] });
    assert.match(empty.faults[0]?.what ?? "", /no good dump in any place/);
    const silent = judgeDumps({
      ...seen,
      latest: `${newest}.dump.gz`,
      places: [...(await read()), { place: "offsite", folder: "dumps/", dumps: [], error: "500" }],
    });
    assert.deepEqual(
      silent.faults.map(({ where }) => where),
      ["offsite"],
    );
  });

  it("reads a stream that breaks off as unread, and not as damaged", async () => {
    const place = new FolderPlace("s3", join(root, "s3"));
    const broken = new Proxy(place, {
      get: (target, key) =>
        key === "read"
          ? async (file: string) => {
              const stream = await target.read(file);
              if (file === `${newest}.dump.gz`) stream.destroy(new Error("socket hang up"));
              return stream;
            }
          : key === "list"
            ? target.list.bind(target)
            : (Reflect.get(target, key) as unknown),
    });
    const { dumps } = await readDumps({ place: broken, folder: "" });
    const last = dumps.at(-1);
    assert.equal(last?.good, false);
    assert.deepEqual(
      last.problems.map(({ kind, file }) => [kind, file]),
      [["unread", `${newest}.dump.gz`]],
    );
  });
});
