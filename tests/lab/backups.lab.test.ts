import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf, latestDump, nameDump, parseMeta } from "../../domain/dumps";
import { jobs, type JobResult, type KeptResult } from "../../domain/jobs";
import { names } from "../../domain/names";
import { killPod } from "../../lab/faults";
import { nodeName } from "../../lab/kind";
import { engine } from "../../lab/parts";
import { paths } from "../../lab/paths";
import { openCluster, runCronJob } from "../../lab/stage/cluster";
import { startStore, storeNames, stores, stopStore } from "../../lab/stores";
import { withClient } from "../../lab/workload/connection";
import { command, loseEverything, namespace, primary, region, succeed, until } from "./region";

const { configure, database, inMember, kubectl, pulumiArguments, query, up } = primary;

const onNode = (...args: string[]) => succeed(command(engine(), ["exec", nodeName(region), ...args]));
const cronJob = "postgres-backup";
const offSiteClaim = "offsite";

/** A claim that stands for whatever an operator mounts. */
const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: offSiteClaim },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

let runs = 0;
/** Runs the CronJob's job now, and waits for its end. @throws Error with its last words where it fails */
const run = (): Promise<void> => {
  const cluster = openCluster(paths.kubeconfig, region, namespace);
  return runCronJob(cluster, cronJob, `dump-${(runs += 1)}`, 300);
};

/** Starts the job of a run, and lets it go on. */
const begin = async (): Promise<{ readonly job: string; readonly log: () => Promise<string> }> => {
  const job = `dump-${(runs += 1)}`;
  await succeed(kubectl("create", "job", job, `--from=cronjob/${cronJob}`));
  const log = async () => (await kubectl("logs", "--selector", `job-name=${job}`, "--tail=-1")).output;
  return { job, log };
};

const ended = async (job: string, condition: "Complete" | "Failed"): Promise<void> => {
  await succeed(kubectl("wait", `job/${job}`, `--for=condition=${condition}`, "--timeout=240s"));
};

/** Where a claim's volume lies on the node. */
const folderOf = async (name: string): Promise<string> => {
  const volume = await succeed(kubectl("get", "pvc", name, "--output", "jsonpath={.spec.volumeName}"));
  const path = "jsonpath={.spec.hostPath.path}{.spec.local.path}";
  return succeed(kubectl("get", "pv", volume, "--output", path));
};

const listed = async (folder: string): Promise<string[]> => (await onNode("ls", "-A", folder)).split("\n").sort();

const newestResult = async (): Promise<KeptResult> => {
  const json = await succeed(kubectl("get", "configmap", jobs.results, "--output", "jsonpath={.data.dump}"));
  return JSON.parse(json) as KeptResult;
};

const storeFolder = (name: (typeof storeNames)[number], ...path: string[]): string =>
  join(stores[name].folder, stores[name].bucket, ...path);

/** Keeps pg_dump waiting, for as long as `meanwhile` takes. */
const whileLocked = (meanwhile: () => Promise<void>): Promise<void> =>
  withClient(database, async (client) => {
    await client.query("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    // A standby knows of the lock when its record has reached it, with the next commit.
    const members = ["postgres-0", "postgres-1"];
    const lock =
      "SELECT count(*) > 0 FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation = 'users'::regclass";
    for (const member of members) {
      const locked = () => inMember(member, "psql", "-d", names.database, "-Atc", lock);
      await until(`${member} has the lock`, async () => (await locked()).output.trim() === "t");
    }
    await meanwhile();
    await client.query("COMMIT");
  });

/** The story of a region's dumps: each part begins where the one before ended. */
describe("Logical backups", function () {
  this.timeout("15m");
  this.bail(true);

  let local = "";

  before(async () => {
    await loseEverything();
    await configure("offSite", `claim:${offSiteClaim}`);
    await succeed(up());
    await succeed(
      command("kubectl", ["--context", region, "-n", namespace, "apply", "--filename", "-"], JSON.stringify(claim)),
    );
    await query("CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL)");
    await query("INSERT INTO users (email) SELECT md5(i::text) || '@example.com' FROM generate_series(1, 5000) AS i");
    await until(
      "the standby has the users",
      async () =>
        (await query("SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication")) === "true",
    );
  });

  after(async () => {
    for (const name of storeNames) await startStore(name);
    await succeed(command("pulumi", pulumiArguments("config", "rm", "offSite")));
  });

  it("one dump, taken from the standby, lies whole in four places, and sha256sum -c says so in each", async () => {
    await run();
    const { good, facts, measures } = await newestResult();
    assert.ok(good);
    assert.equal(facts["standby"], true);
    local = await folderOf(jobs.claim);
    const name = String(facts["dump"]);
    const files = filesOf(name);
    assert.equal(await onNode("readlink", `${local}/${latestDump}`), files.dump);
    const check = ["sh", "-c", `cd "$1" && sha256sum -c ${files.checksum} && gzip -t ${files.dump}`, "sh"];
    for (const folder of [local, `${await folderOf(offSiteClaim)}/dumps`]) await onNode(...check, folder);
    for (const store of storeNames) {
      const [shell = "", ...args] = check;
      await succeed(command(shell, [...args, storeFolder(store, "dumps")]));
    }
    const meta = parseMeta(await onNode("cat", `${local}/${files.meta}`));
    assert.equal(meta.manifest?.tables["public.users"], 5000);
    // A standby knows sequences only up to 32 values ahead, as they are logged, and so does a dump that it gives.
    assert.ok(Number(meta.manifest.sequences["public.users_id_seq"]) >= 5000);
    assert.equal(meta.size, measures.bytes);
    // In the custom format, and readable by the server's own tools.
    const inDump = await succeed(
      command("sh", ["-c", `gzip -dc "$1" | head -c 5`, "sh", storeFolder("s3", "dumps", files.dump)]),
    );
    assert.equal(inDump, "PGDMP");
  });

  it("its result is in the log, the vaults, the ConfigMap and the metrics", async () => {
    const { startedAt } = await newestResult();
    for (const store of storeNames) {
      const folder = storeFolder(store, "evidence", "dump");
      const kept = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as JobResult);
      assert.ok(kept.some((result) => result.startedAt === startedAt && result.good));
    }
    const log = await succeed(kubectl("logs", `job/dump-${runs}`));
    assert.ok(log.split("\n").some((line) => line.startsWith('{"job":"dump"') && line.includes(startedAt)));
    const path = `/api/v1/namespaces/${namespace}/services/postgres-backup-metrics:${jobs.metricsPort}/proxy/metrics`;
    await until(
      "the metrics have it",
      async () => /^marimo_backup_good\{job="dump"\} 1$/m.test((await kubectl("get", "--raw", path)).output),
      180,
    );
  });

  it("two at once: the second stops, names the first, and harms nothing", async () => {
    await whileLocked(async () => {
      const first = await begin();
      await until("the first one dumps", async () => (await first.log()).includes("stage: dumping"), 60);
      await assert.rejects(run(), /another run is at work there: dump-\d+-\S+ since/);
    });
    await ended(`dump-${runs - 1}`, "Complete");
    assert.deepEqual(
      (await listed(local)).filter((file) => file.endsWith(".partial")),
      [],
    );
  });

  it("killed while it dumps: the job's next pod removes the remains and makes the dump", async () => {
    let job = "";
    await whileLocked(async () => {
      const begun = await begin();
      ({ job } = begun);
      await until("it dumps", async () => (await begun.log()).includes("stage: dumping"), 60);
      const partial = async () => (await listed(local)).some((file) => file.endsWith(".partial"));
      await until("its file is there", partial, 60);
      const uid = await succeed(
        kubectl("get", "pods", "--selector", `job-name=${job}`, "--output", "jsonpath={.items[0].metadata.uid}"),
      );
      await killPod(region, uid);
      await until("its end is seen", async () => {
        const failed = await kubectl("get", `job/${job}`, "--output", "jsonpath={.status.failed}");
        return failed.output === "1";
      });
    });
    await ended(job, "Complete");
    const { facts, good } = await newestResult();
    assert.ok(good);
    assert.match(String(facts["remains"]), /\.dump\.gz\.partial/);
    assert.deepEqual(
      (await listed(local)).filter((file) => file.endsWith(".partial")),
      [],
    );
  });

  it("a store that is down: the dump is made and kept elsewhere, the fault is told, and the next run makes up for it", async () => {
    await stopStore("s3");
    await assert.rejects(run(), /s3: dumps are not copied there/);
    const failed = await newestResult();
    assert.equal(failed.good, false);
    const name = String(failed.facts["dump"]);
    const { dump } = filesOf(name);
    assert.ok((await listed(local)).includes(dump));
    assert.equal(await onNode("readlink", `${local}/${latestDump}`), dump);
    assert.ok(readdirSync(storeFolder("gcs", "dumps")).includes(dump));
    const events = await succeed(kubectl("get", "events", "--field-selector", "reason=BackupFault"));
    assert.match(events, new RegExp(`job/dump-${runs}.*s3: dumps are not copied there`));
    await startStore("s3");
    await run();
    const { good, facts } = await newestResult();
    assert.ok(good);
    assert.ok((facts["copied"] as Record<string, string[]>)["s3"]?.includes(name));
    await succeed(command("sh", ["-c", `cd "$1" && sha256sum -c ${name}.sha256`, "sh", storeFolder("s3", "dumps")]));
  });

  it("a dump that was damaged on the volume is not copied, and is named", async () => {
    const name = String((await newestResult()).facts["dump"]);
    const { dump } = filesOf(name);
    await succeed(command("rm", [storeFolder("gcs", "dumps", dump)]));
    await onNode("sh", "-c", `printf X | dd of=${local}/${dump} bs=1 seek=1000 conv=notrunc`);
    await assert.rejects(run(), new RegExp(`local: ${name}.*damaged after it was written`));
    assert.ok(!readdirSync(storeFolder("gcs", "dumps")).includes(dump));
    await succeed(command("sh", ["-c", `cd "$1" && sha256sum -c ${name}.sha256`, "sh", storeFolder("s3", "dumps")]));
    const remains = Object.values(filesOf(name)).map((file) => `${local}/${file}`);
    await onNode("rm", ...remains);
  });

  it("old dumps go from the volume, and what somebody brought there yesterday stays", async () => {
    const name = String((await newestResult()).facts["dump"]);
    const old = nameDump(new Date(Date.now() - 40 * 86_400_000));
    const brought = nameDump(new Date(Date.now() - 41 * 86_400_000));
    for (const [end, from] of Object.entries(filesOf(name))) {
      const to = (target: string) => `${local}/${filesOf(target)[end as keyof ReturnType<typeof filesOf>]}`;
      await onNode("cp", `${local}/${from}`, to(old));
      await onNode("touch", "--date", "40 days ago", to(old));
      await onNode("cp", `${local}/${from}`, to(brought));
    }
    await run();
    const left = await listed(local);
    assert.deepEqual(
      left.filter((file) => file.startsWith(old)),
      [],
    );
    assert.equal(left.filter((file) => file.startsWith(brought)).length, 3);
    assert.ok(left.includes(filesOf(name).dump));
  });

  it("a volume with too little room: no dump is begun, and what is there stays", async () => {
    const before = await listed(local);
    // A small file system over the claim's folder, for as long as the job runs.
    await onNode("truncate", "--size=40M", "/var/tiny.img");
    await onNode("mkfs.ext4", "-q", "/var/tiny.img");
    await onNode("mount", "-o", "loop", "/var/tiny.img", local);
    try {
      await onNode("chmod", "777", local);
      await assert.rejects(run(), /the volume has \d+ MiB free, and a dump may need \d+ MiB\. None was begun/);
      assert.deepEqual(
        (await listed(local)).filter((file) => file.includes("marimo_backup")),
        [],
      );
    } finally {
      await onNode("umount", local);
      await onNode("rm", "/var/tiny.img");
    }
    assert.deepEqual(await listed(local), before);
  });
});
