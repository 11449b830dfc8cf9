import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cutRegion } from "../../lab/faults";
import { regionNames } from "../../lab/kind";
import { configureApplication } from "../../lab/pulumi";
import { loseState } from "../../lab/stage/pulumi";
import { startStore, stopStore, storeNames } from "../../lab/stores";
import { labEnvironment } from "../../lab/environment";
import { paths } from "../../lab/paths";
import { createRegion, destroyRegion } from "../../lab/regions";
import { countAcknowledged } from "../../lab/workload/count";
import { clock } from "../../lab/workload/ledger";
import { startWriter, type Writer } from "../../lab/workload/writer";
import type { RunRecord } from "../../ops/record";
import {
  becomesWritable,
  dissolvePair,
  fenceOf,
  isFollowed,
  isWritable,
  leaderOf,
  makePair,
  type Region,
  secondary,
} from "./pair";
import { command, goesOn, newLedger, primary, succeed, until } from "./region";

const dr = (...args: string[]) =>
  command(process.execPath, [join(paths.root, "ops", "dr.js"), ...args, "--project", paths.pulumiProject]);

let records = 0;
const newRecord = (): string => join(paths.lab, "tests", `${process.pid}-record-${(records += 1)}.json`);
const readRecord = (file: string): RunRecord => JSON.parse(readFileSync(file, "utf8")) as RunRecord;

/** Starts the command, and returns when it is in its n-th step; nothing, when it ended before. */
const runToStep = async (step: number, ...args: string[]) => {
  const { execa } = await import("execa");
  const file = newRecord();
  const run = execa(
    process.execPath,
    [join(paths.root, "ops", "dr.js"), ...args, "--project", paths.pulumiProject, "--record", file],
    {
      env: labEnvironment(),
      extendEnv: false,
      reject: false,
      stdin: "ignore",
      all: true,
      detached: true,
      timeout: 300_000,
    },
  );
  const running = () => existsSync(file) && readRecord(file).steps.length >= step;
  const over = { is: false };
  const ended = run.then(({ exitCode, all }) => {
    over.is = true;
    return { code: exitCode, output: all };
  });
  await until(`step ${step}`, () => over.is || running(), 300);
  return over.is ? undefined : { pid: run.pid ?? 0, ended };
};

/** Kills the command and all that it started when it is in its n-th step. Whether it came so far. */
const killInStep = async (step: number, ...args: string[]): Promise<boolean> => {
  const run = await runToStep(step, ...args);
  if (run === undefined) return false;
  process.kill(-run.pid, "SIGKILL");
  await run.ended;
  return true;
};

/** Ctrl-C. */
const interrupt = async (run: NonNullable<Awaited<ReturnType<typeof runToStep>>>): Promise<void> => {
  process.kill(run.pid, "SIGINT");
  const { code, output } = await run.ended;
  assert.equal(code, 130, output);
};

/** The region's leader holds commits back for five minutes, as Patroni lets an operator ask of a standby. */
const delayReplay = async (region: Region): Promise<void> => {
  const shared = ["configmap", "postgres-config"];
  const annotation = "jsonpath={.metadata.annotations.config}";
  const config = await succeed(region.kubectl("get", ...shared, "--output", annotation));
  const settings = JSON.parse(config) as { standby_cluster: Record<string, unknown> };
  settings.standby_cluster["recovery_min_apply_delay"] = "5min";
  await succeed(region.kubectl("annotate", ...shared, "--overwrite", `config=${JSON.stringify(settings)}`));
  const leader = await leaderOf(region);
  const show = ["psql", "--no-align", "--tuples-only", "--command", "SHOW recovery_min_apply_delay"];
  await until("it holds back", async () => (await region.inMember(leader, ...show)).output.includes("5min"));
};

/** Pods that each Deployment of the application tier has ready. */
const scaleOf = async ({ kubectl }: Region): Promise<string> => {
  const columns = "jsonpath={range .items[*]}{.metadata.name} {.status.readyReplicas}/{.spec.replicas} {end}";
  return (await kubectl("get", "deployments", "--output", columns)).output.trim();
};
const inService = "api-gateway 3/3 auth-service 2/2";
const standingBy = "api-gateway 1/1 auth-service 1/1";
const applicationKeys = ["apiGatewayImage", "authServiceImage", "applicationCpu"];

/** A process that was killed leaves Pulumi's lock, and the operator's runbook says how to take it away. */
const unlock = async (): Promise<void> => {
  for (const region of [primary, secondary]) await region.pulumi("cancel", "--yes");
};

/**
 * The `dr` command as an operator uses it, under load. What it does not prove: how it looks on a terminal.
 */
describe("dr", function () {
  this.timeout("10m");
  this.bail(true);

  let at: Region = primary;
  const writeThrough = async (work: (writer: Writer) => Promise<void>, lostAt?: () => number) => {
    const ledger = newLedger();
    const writer = await startWriter(() => at.database(), ledger, { commitsPerSecond: 100 });
    try {
      await goesOn(writer);
      await work(writer);
    } finally {
      await writer.stop();
    }
    const count = await countAcknowledged(at.database, ledger, lostAt?.());
    console.log(`      ${JSON.stringify(count)}`);
    return count;
  };

  before(async () => {
    rmSync(join(paths.lab, "tests"), { recursive: true, force: true });
    await makePair("/dr");
    for (const region of regionNames) await configureApplication(region);
    await succeed(primary.up());
    await becomesWritable(primary);
    await succeed(secondary.up());
    await until("it streams", () => isFollowed(primary));
  });

  after(async () => {
    for (const store of storeNames) await startStore(store);
    for (const { pulumi } of [primary, secondary]) {
      for (const key of applicationKeys) await succeed(pulumi("config", "rm", key));
    }
    await dissolvePair();
  });

  it("status tells of both regions, for people and for programs", async () => {
    assert.match(await succeed(dr("status")), /primary[^]*secondary/);
    const { output } = await dr("status", "--json");
    assert.doesNotThrow(() => JSON.parse(output) as unknown, output);
  });

  it("the plan's commands for the application work as written, and what they set stays", async () => {
    await until("each region has the pods of its role", async () => {
      const [here, there] = await Promise.all([scaleOf(primary), scaleOf(secondary)]);
      return here === inService && there === standingBy;
    });
    const kubectl = (line: string) => command("kubectl", line.split(" "));
    await succeed(kubectl("--context=secondary get pods -n marimo-erp"));
    await succeed(kubectl("--context=secondary scale deployment api-gateway --replicas=3 -n marimo-erp"));
    await succeed(kubectl("--context=secondary scale deployment auth-service --replicas=2 -n marimo-erp"));
    await until("they are there", async () => (await scaleOf(secondary)) === inService);
    const log = await succeed(kubectl("--context=secondary logs -n marimo-erp -l app=api-gateway"));
    assert.match(log, /\/ready/);
    const page = "/api/v1/namespaces/marimo-erp/services/api-gateway-service:http/proxy/health";
    assert.match(await succeed(kubectl(`--context=secondary get --raw ${page}`)), /"ok"/);
    await succeed(secondary.up("--refresh", "--expect-no-changes"));
    assert.equal(await scaleOf(secondary), inService);
  });

  it("promote refuses while the other side writes, and changes nothing", async () => {
    const { code, output } = await dr("promote", "secondary", "--confirm-lost", "writes");
    assert.equal(code, 2, output);
    assert.match(output, /Refused, and nothing was changed/);
    assert.ok(await isWritable(primary));
    await succeed(secondary.up("--expect-no-changes"));
  });

  it("a dry run changes nothing", async () => {
    assert.match(await succeed(dr("switchover", "secondary", "--dry-run")), /would do/);
    await succeed(secondary.up("--expect-no-changes"));
  });

  it("a run whose lock another one took stops before its next step", async () => {
    const run = await runToStep(1, "switchover", "secondary");
    assert.ok(run);
    const taken = JSON.stringify({ spec: { holderIdentity: "you@there/2" } });
    await succeed(secondary.kubectl("patch", "lease", "marimo-dr", "--type=merge", `--patch=${taken}`));
    const { code, output } = await run.ended;
    assert.equal(code, 130, output);
    assert.match(output, /lock marimo-dr is lost/);
    const holder = "jsonpath={.spec.holderIdentity}";
    assert.equal(await succeed(secondary.kubectl("get", "lease", "marimo-dr", "--output", holder)), "you@there/2");
    await succeed(secondary.kubectl("delete", "lease", "marimo-dr"));
    await unlock();
  });

  it("switchover, killed in every step and run again: nothing is lost", async () => {
    const count = await writeThrough(async (writer) => {
      let killed = 0;
      while (await killInStep(killed + 1, "switchover", "secondary")) {
        killed += 1;
        await unlock();
        // The change may have happened before the command was killed.
        if (await isWritable(secondary)) at = secondary;
        await goesOn(writer);
      }
      assert.ok(killed >= 3, `killed in ${killed} steps only`);
      at = secondary;
      await succeed(dr("switchover", "secondary"));
      await goesOn(writer);
    });
    assert.equal(count.lostWrites, 0);
    await until("the other one follows", () => isFollowed(secondary));
    await until("the new one's application is at its scale", async () => (await scaleOf(secondary)) === inService);
    await until("the old one's is at its own", async () => (await scaleOf(primary)) === standingBy);
  });

  it("the writer's region and Pulumi's state are lost, the other one replays five minutes late: promote takes all that came", async () => {
    let lostAt = 0;
    const count = await writeThrough(
      async (writer) => {
        await delayReplay(primary);
        const rows = writer.acknowledgedRows();
        await until("it is behind by several seconds", () => writer.acknowledgedRows() > rows + 1000);
        await destroyRegion("secondary");
        lostAt = clock();
        await loseState();
        const refused = await dr("promote", "primary", "--confirm-lost", "writes");
        assert.equal(refused.code, 2, refused.output);
        assert.match(refused.output, /behind .* [1-9][0-9]* s not replayed \(by the lease\)/);
        const promoted = async () => (await dr("promote", "primary", "--confirm-lost", "writes")).code === 0;
        await until("the lease runs out, and it is promoted", promoted, 120);
        at = primary;
        await goesOn(writer);
      },
      () => lostAt,
    );
    assert.equal(count.holes, 0);
    assert.ok(count.rpoSeconds < 5);
  });

  it("failback builds the lost region again, and changes over to it", async () => {
    await createRegion("secondary");
    const count = await writeThrough(async (writer) => {
      const failingBack = dr("failback", "secondary");
      await until("the region takes writes", () => isWritable(secondary), 400);
      at = secondary;
      await succeed(failingBack);
      await goesOn(writer);
    });
    assert.equal(count.lostWrites, 0);
    await until("the other one follows", () => isFollowed(secondary));
  });

  it("S3 goes while a region is promoted, GCS when it has the writes: the operator's word makes up for one", async () => {
    let lostAt = 0;
    const count = await writeThrough(
      async (writer) => {
        await cutRegion("secondary");
        lostAt = clock();
        let promoting: Awaited<ReturnType<typeof runToStep>>;
        const begin = async () => (promoting = await runToStep(1, "promote", "primary", "--confirm-lost", "writes"));
        await until("the lease runs out, and it is being promoted", async () => (await begin()) !== undefined);
        await stopStore("s3");
        const asks = /waiting: a takeover needs both vaults \(s3/;
        await until("it asks for the vault", async () => asks.test(await primary.memberLog(await leaderOf(primary))));
        if (promoting) await interrupt(promoting);
        await unlock();

        const answered = await runToStep(3, "promote", "primary", "--confirm-lost", "writes", "s3");
        assert.ok(answered, "it has the writes, and its first base backup waits for S3");
        at = primary;
        await goesOn(writer);
        await interrupt(answered);
        await unlock();

        await startStore("s3");
        await stopStore("gcs");
        await until("the lease stands by S3 alone", async () => {
          const { vaults, writer } = await fenceOf(primary);
          const [s3, gcs] = [vaults?.s3, vaults?.gcs];
          const isTaken = s3 !== undefined && "lease" in s3 && s3.lease?.holder === "primary";
          return isTaken && gcs !== undefined && "error" in gcs && (writer.secondsLeft ?? 0) > 20;
        });
        await goesOn(writer);
      },
      () => lostAt,
    );
    assert.equal(count.holes, 0);
  });
});
