import assert from "node:assert/strict";
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { jobs, type JobResult, type KeptResult } from "../../domain/jobs";
import { paths } from "../../lab/paths";
import { openCluster, runCronJob } from "../../lab/stage/cluster";
import { type StoreName, storeNames, stores } from "../../lab/stores";
import { command, loseEverything, namespace, primary, region, succeed, until } from "./region";

const { archiveEverything, configure, kubectl, pulumiArguments, query, up } = primary;

const repository = "verified";

/** What the lab's store has in its bucket: a file of the store's server. */
const inStore = (name: StoreName, path: string): string => join(stores[name].folder, stores[name].bucket, path);

const filesBelow = (name: StoreName, path: string): string[] =>
  readdirSync(inStore(name, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(inStore(name, "").length))
    .sort();

/** One bit of a store's disk, behind the back of its server. */
const flipBit = (name: StoreName, path: string): void => {
  const handle = openSync(inStore(name, path), "r+");
  try {
    const byte = Buffer.alloc(1);
    const middle = Math.floor(fstatSync(handle).size / 2);
    readSync(handle, byte, 0, 1, middle);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(handle, byte, 0, 1, middle);
  } finally {
    closeSync(handle);
  }
};

const segmentsIn = (name: StoreName): string[] =>
  filesBelow(name, `${repository}/archive`).filter((file) => /-[0-9a-f]{40}\.zst$/.test(file));
const segmentOf = (file: string) => /\/([0-9A-F]{24})-/.exec(file)?.[1] ?? "";

/** The daily verification as a region runs it; what it finds in every kind of file, tests/image/verify.lab.test.ts has. */
describe("The daily verification of a region", function () {
  this.timeout("15m");
  this.bail(true);

  const cluster = () => openCluster(paths.kubeconfig, region, namespace);
  const result = async (): Promise<KeptResult> =>
    JSON.parse(
      await succeed(kubectl("get", "configmap", jobs.results, "--output", "jsonpath={.data.verify}")),
    ) as KeptResult;

  before(async () => {
    await loseEverything();
    // Dumps of other stories are none of this one.
    for (const name of storeNames) rmSync(inStore(name, "dumps"), { recursive: true, force: true });
    await configure("repositoryPath", `/${repository}`);
    await succeed(up());
    await query("CREATE TABLE users AS SELECT generate_series(1, 5000) AS id");
    for (let count = 0; count < 3; count += 1) {
      await query("INSERT INTO users SELECT generate_series(1, 5000)");
      await archiveEverything();
    }
    await runCronJob(cluster(), "postgres-backup", "dump-to-verify", 300);
  });

  after(async () => {
    await succeed(command("pulumi", pulumiArguments("config", "rm", "repositoryPath")));
  });

  it("finds everything good, and says so in the ConfigMap, the vaults and the metrics", async () => {
    await runCronJob(cluster(), "backup-verify", "verify-good", 300);
    const { good, faults, facts, startedAt } = await result();
    assert.ok(good, JSON.stringify(faults));
    const { dumps, newestGoodDump } = facts as { dumps: Record<string, { good: number }>; newestGoodDump: string };
    assert.deepEqual(
      Object.values(dumps).map((one) => one.good),
      [1, 1, 1],
    );
    assert.match(newestGoodDump, /^marimo_backup_/);
    for (const name of storeNames) {
      const [kept = "", ...more] = filesBelow(name, "evidence/verify").filter((file) =>
        readFileSync(inStore(name, file), "utf8").includes(startedAt),
      );
      assert.deepEqual(more, []);
      assert.ok((JSON.parse(readFileSync(inStore(name, kept), "utf8")) as JobResult).good);
    }
    const path = `/api/v1/namespaces/${namespace}/services/postgres-backup-metrics:${jobs.metricsPort}/proxy/metrics`;
    await until(
      "the metrics have the newest point",
      async () =>
        /^marimo_backup_newest_point_timestamp_seconds\{job="verify"\} \d+/m.test(
          (await kubectl("get", "--raw", path)).output,
        ),
      180,
    );
  });

  it("names a flipped bit in a dump, a base backup and a segment, and a segment that is gone; the Job fails, with an Event", async () => {
    const dump = filesBelow("gcs", "dumps").find((file) => file.endsWith(".dump.gz")) ?? "";
    const bundle = filesBelow("gcs", `${repository}/backup`).find((file) => /F\/bundle\/1$/.test(file)) ?? "";
    const [gone = "", damaged = ""] = segmentsIn("s3").slice(-2);
    flipBit("gcs", dump);
    flipBit("gcs", bundle);
    flipBit("s3", damaged);
    rmSync(inStore("s3", gone));
    await assert.rejects(runCronJob(cluster(), "backup-verify", "verify-bad", 300));

    const { good, faults, facts } = await result();
    assert.equal(good, false);
    const where = faults.map((fault) => fault.where);
    const expected = [`gcs: ${dump}`, `gcs: ${bundle}`, `s3: ${damaged}`, `s3: ${segmentOf(gone)}`];
    for (const file of expected) assert.ok(where.includes(file), `${file} among ${where.join(", ")}`);
    const before = segmentOf(segmentsIn("s3").at(-2) ?? "");
    assert.equal((facts["newestGoodPoint"] as { segment: string }).segment, before);
    const events = await succeed(
      kubectl(
        "get",
        "events",
        "--field-selector",
        "involvedObject.name=verify-bad,reason=BackupFault",
        "--output",
        "jsonpath={.items[*].message}",
      ),
    );
    assert.match(events, /and \d+ more/);
  });
});
