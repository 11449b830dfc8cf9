import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { nameDump } from "../../domain/dumps";
import type { Fault, JobResult, VerifySettings } from "../../domain/jobs";
import type { RepositoryFacts } from "../../domain/verification";
import {
  archiveAll,
  emptyVaults,
  files,
  flipBit,
  inMember,
  loseMember,
  removeFile,
  repositories,
  setUp,
  snapshot,
  sql,
  startMember,
  startVault,
  stopVault,
  tearDown,
  tool,
  type VaultName,
  writeFile,
} from "./vaults";

const settings: VerifySettings = {
  ...{ region: "here", namespace: "marimo-erp", repositories, repositoryPath: "/marimo", offSite: undefined },
  storeSeconds: 90 * 86_400,
};

/** What the verification finds. There is no Kubernetes here to tell it to, which is a fault of its own. */
const verify = async (): Promise<{ result: JobResult; faults: readonly Fault[]; log: string }> => {
  const environment = {
    MARIMO_JOB: JSON.stringify(settings),
    NODE_EXTRA_CA_CERTS: "/etc/store-ca/ca.crt",
  };
  const { code, output } = await tool("verifier", ["marimo-verify"], { environment });
  const line = output.split("\n").find((text) => text.startsWith('{"job":"verify"'));
  assert.ok(line, output);
  const result = JSON.parse(line) as JobResult;
  assert.equal(code, 1, output);
  return { result, faults: result.faults.filter(({ where }) => where !== "kubernetes"), log: output };
};

const places = (faults: readonly Fault[]) => faults.map(({ where }) => where).sort();
const factsOf = ({ facts }: JobResult, name: VaultName) =>
  (facts["repositories"] as Record<VaultName, RepositoryFacts>)[name];

const segments = (name: VaultName) =>
  files(name, "marimo/archive/marimo/17-1").filter((file) => /-[0-9a-f]{40}\.zst$/.test(file));
const segmentOf = (file: string) => /\/([0-9A-F]{24})-/.exec(file)?.[1] ?? "";

/** A bit of a damaged disk or a bad cable, for real: in the files of the stores' servers. */
describe("the daily verification against real object stores", function () {
  this.timeout(600_000);
  const now = new Date();
  const dump = nameDump(now);
  const older = nameDump(new Date(now.getTime() - 3_600_000));
  let restore: (() => void)[] = [];

  before(async () => {
    await setUp();
    emptyVaults();
    await startMember("v");
    await sql("v", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS id");
    await archiveAll("v");
    const backUp = async (type: string) => {
      const { code, output } = await inMember("v", "marimo-backup", type);
      assert.equal(code, 0, output);
    };
    await backUp("first");
    for (let count = 0; count < 4; count += 1) {
      await sql("v", `INSERT INTO t SELECT generate_series(1, 1000)`);
      await archiveAll("v");
    }
    await backUp("diff");
    for (let count = 0; count < 2; count += 1) {
      await sql("v", `INSERT INTO t SELECT generate_series(1, 1000)`);
      await archiveAll("v");
    }
    await loseMember("v");
    // What is in them makes no difference here: a dump is proved by its checksum. Only the S3 server takes files that were put
    // into its folder.
    const content = Buffer.alloc(3_000_000, "a dump of the database\n");
    const sha256 = createHash("sha256").update(content).digest("hex");
    const meta = { timestamp: now.toISOString(), database: "marimo_erp", size: content.length, sha256 };
    for (const name of [older, dump]) {
      writeFile("s3", `dumps/${name}.sha256`, `${sha256}  ${name}.dump.gz\n`);
      writeFile("s3", `dumps/${name}.meta`, JSON.stringify(meta));
      writeFile("s3", `dumps/${name}.dump.gz`, content);
    }
    restore = [snapshot("s3"), snapshot("gcs")];
  });
  after(tearDown);
  afterEach(() => {
    for (const putBack of restore) putBack();
  });

  it("finds nothing where nothing is, and says to which point all of it leads", async () => {
    const { result, faults } = await verify();
    assert.deepEqual(faults, []);
    const last = segmentOf(segments("s3").at(-1) ?? "");
    for (const name of ["s3", "gcs"] as const) {
      const { windows, newestGoodPoint, segments: read, backupFiles, gaps } = factsOf(result, name);
      assert.equal(windows.length, 1);
      assert.equal(windows[0]?.backups.length, 2);
      assert.equal(newestGoodPoint?.segment, last);
      assert.equal(read, segments(name).length);
      assert.ok(backupFiles > 1000, String(backupFiles));
      assert.equal(gaps, 0);
    }
    assert.equal(result.facts["newestGoodDump"], dump);
    assert.equal(result.measures.damaged_files, 0);
    assert.equal(result.measures.bytes, 6_000_000);
    // The record that stays.
    for (const name of ["s3", "gcs"] as const) assert.equal(files(name, "evidence/verify").length, 1);
  });

  it("names a dump, a base backup's file and a WAL segment of which one bit has flipped, and the newest good point", async () => {
    const bundle =
      files("s3", "marimo/backup/marimo").find((file) => /\/[0-9]{8}-[0-9]{6}F\/bundle\/1$/.test(file)) ?? "";
    const label = bundle.split("/")[3] ?? "";
    const all = segments("gcs");
    const segment = all.at(-1) ?? "";
    flipBit("s3", `dumps/${older}.dump.gz`, 1_234_567);
    flipBit("s3", bundle, 100_000);
    flipBit("gcs", segment);
    const { result, faults, log } = await verify();
    const damaged = [`s3: dumps/${older}.dump.gz`, `s3: ${bundle}`, `gcs: ${segment}`];
    assert.deepEqual(places(faults), [...damaged, "s3"].sort(), log);
    const about = (where: string) => faults.find((fault) => fault.where === where) ?? { what: "", remedy: "" };
    assert.match(about(damaged[0] ?? "").remedy, /No other place has a good copy/);
    // The differential has files in the full one, so nothing of s3 can be trusted.
    assert.match(
      about(damaged[1] ?? "").what,
      new RegExp(`no restore from base backup ${label} or ${label}_[0-9-]+D can be trusted`),
    );
    assert.match(about("s3").what, /no base backup in it can be restored/);
    const before = segmentOf(all.at(-2) ?? "");
    assert.match(about(damaged[2] ?? "").what, new RegExp(`the newest good point is .*segment ${before}`));
    assert.equal((result.facts["newestGoodPoint"] as { segment: string }).segment, before);
    assert.equal(result.facts["newestGoodDump"], dump);
    assert.equal(result.measures.damaged_files, 3);
    assert.match(log, /^ALARM s3: dumps\//m);
  });

  it("names segments that are gone, and where they can be had", async () => {
    const gone = segments("s3").slice(-4, -2);
    for (const file of gone) removeFile("s3", file);
    const { faults, result } = await verify();
    const [first = "", last = ""] = gone.map(segmentOf);
    assert.deepEqual(places(faults), [`s3: ${first}-${last}`]);
    assert.match(faults[0]?.what ?? "", /\(2\) are missing/);
    assert.match(faults[0]?.remedy ?? "", /gcs has them/);
    assert.equal(
      (result.facts["newestGoodPoint"] as { segment: string }).segment,
      segmentOf(segments("gcs").at(-1) ?? ""),
    );
  });

  // pgbackrest verify reads the first segment's header before all else, and ends without a word about any file if it can't.
  it("names the very first segment, damaged at its beginning, and all else that is damaged beside it", async () => {
    const all = segments("gcs");
    const bundle = files("gcs", "marimo/backup/marimo").find((file) => /D\/bundle\/1$/.test(file)) ?? "";
    const damaged = [all[0] ?? "", all.at(-2) ?? "", bundle];
    flipBit("gcs", damaged[0] ?? "", 100);
    flipBit("gcs", damaged[1] ?? "");
    flipBit("gcs", bundle, 50);
    const { faults, log } = await verify();
    assert.match(log, /broke off in gcs/);
    assert.deepEqual(places(faults), damaged.map((file) => `gcs: ${file}`).sort(), log);
  });

  it("names the files that hold a repository together, and their copies", async () => {
    const damaged = ["marimo/archive/marimo/archive.info", "marimo/backup/marimo/backup.info.copy"];
    for (const file of damaged) flipBit("s3", file);
    const { faults, log } = await verify();
    assert.deepEqual(places(faults), damaged.map((file) => `s3: ${file}`).sort(), log);
  });

  it("says which store doesn't answer, and checks the other one", async () => {
    await stopVault("gcs");
    try {
      const { faults, result } = await verify();
      assert.deepEqual([...new Set(places(faults))], ["gcs"]);
      assert.equal(factsOf(result, "s3").windows.length, 1);
    } finally {
      await startVault("gcs");
    }
  });
});
