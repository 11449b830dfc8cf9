import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loseState } from "../../lab/stage/pulumi";
import { labEnvironment } from "../../lab/environment";
import { paths } from "../../lab/paths";
import { createRegion, destroyRegion } from "../../lab/regions";
import { countAcknowledged } from "../../lab/workload/count";
import { clock } from "../../lab/workload/ledger";
import { startWriter, type Writer } from "../../lab/workload/writer";
import type { RunRecord } from "../../ops/record";
import { becomesWritable, dissolvePair, isFollowed, isWritable, makePair, type Region, secondary } from "./pair";
import { command, goesOn, newLedger, primary, succeed, until } from "./region";

const dr = (...args: string[]) =>
  command(process.execPath, [join(paths.root, "ops", "dr.js"), ...args, "--project", paths.pulumiProject]);

let records = 0;
const newRecord = (): string => join(paths.lab, "tests", `${process.pid}-record-${(records += 1)}.json`);
const readRecord = (file: string): RunRecord => JSON.parse(readFileSync(file, "utf8")) as RunRecord;

/** Starts the command, and kills it and all that it started when it is in its n-th step. Whether it came so far. */
const killInStep = async (step: number, ...args: string[]): Promise<boolean> => {
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
  const ended = run.then(() => {
    over.is = true;
  });
  await until(`step ${step}`, () => Promise.resolve(over.is || running()), 300);
  if (over.is) return false;
  process.kill(-(run.pid ?? 0), "SIGKILL");
  await ended;
  return true;
};

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
    await succeed(primary.up());
    await becomesWritable(primary);
    await succeed(secondary.up());
    await until("it streams", () => isFollowed(primary));
  });

  after(dissolvePair);

  it("status tells of both regions, for people and for programs", async () => {
    assert.match(await succeed(dr("status")), /primary[^]*secondary/);
    const { output } = await dr("status", "--json");
    assert.doesNotThrow(() => JSON.parse(output) as unknown, output);
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
  });

  it("the writer's region and Pulumi's state are lost: promote takes over with what is left", async () => {
    let lostAt = 0;
    const count = await writeThrough(
      async (writer) => {
        await destroyRegion("secondary");
        lostAt = clock();
        await loseState();
        const refused = await dr("promote", "primary", "--confirm-lost", "writes");
        assert.equal(refused.code, 2, refused.output);
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
});
