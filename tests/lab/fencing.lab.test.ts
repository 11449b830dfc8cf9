import assert from "node:assert/strict";
import { cutRegion, freezeMembers, mendRegion, shiftClock, thawMembers } from "../../lab/faults";
import { startStore, stopStore } from "../../lab/stores";
import { countAcknowledged } from "../../lab/workload/count";
import { clock, readLedger } from "../../lab/workload/ledger";
import { startWriter, type Writer } from "../../lab/workload/writer";
import { becomesWritable, dissolvePair, fenceLog, fenceOf, isFollowed, isWritable, leaderOf, makePair } from "./pair";
import { type Region, secondary } from "./pair";
import { goesOn, newLedger, primary, succeed, until } from "./region";

/** A writer of one region, and what it was told. */
const writeTo = async (region: Region) => {
  const ledger = newLedger();
  const writer = await startWriter(region.database, ledger, { commitsPerSecond: 200 });
  return { writer, ledger, count: (lostAt?: number) => countAcknowledged(region.database, ledger, lostAt) };
};

const acknowledgements = (ledger: string): number[] => readLedger(ledger).acknowledged.map(({ at }) => at);

/** The longest time between two acknowledgements, or since the last one, in seconds. */
const quietSince = (writer: Writer) => {
  let rows = writer.acknowledgedRows();
  let at = clock();
  return (): number => {
    if (writer.acknowledgedRows() !== rows) {
      rows = writer.acknowledgedRows();
      at = clock();
    }
    return (clock() - at) / 1000;
  };
};

/** The old writer's fence has seen the other one's lease: as a primary, or as one that waits because its probes ended it. */
const knowsItsPlace = async (region: Region, writer: string): Promise<boolean> => {
  const logs = await Promise.all(["postgres-0", "postgres-1"].map((pod) => region.memberLog(pod)));
  const waits = new RegExp(`waiting: region ${writer} is the writer`);
  return /ALARM not-the-writer/.test(await fenceLog(region)) || logs.some((log) => waits.test(log));
};

const followAgain = async (region: Region, leader: Region): Promise<void> => {
  await region.configure("role", "standby");
  await succeed(region.up());
  await until(`${region.name} follows`, () => isFollowed(leader));
};

/** A planned change of the writer, the new one told first. */
const change = async (from: Region, to: Region): Promise<void> => {
  await to.configure("role", "primary");
  await succeed(to.up());
  await from.configure("role", "standby");
  await succeed(from.up());
  await becomesWritable(to);
  await until(`${from.name} follows`, () => isFollowed(to));
};

/**
 * Faults in a pair of regions under a writer's lease, each injected for real. After each the acknowledged writes are
 * counted, and no moment has two regions that acknowledge.
 */
describe("Fencing", function () {
  this.timeout("10m");
  this.bail(true);

  before(async () => {
    await makePair("/fencing");
    await succeed(primary.up());
    await becomesWritable(primary);
    await succeed(secondary.up());
    await until("it streams", () => isFollowed(primary));
  });

  after(dissolvePair);

  it("both sides told to be primary: the one that writes goes on, the other waits, and follows", async () => {
    const { writer, count } = await writeTo(primary);
    try {
      await secondary.configure("role", "primary");
      await succeed(secondary.up());
      await until("it waits", async () =>
        /waiting: region primary is the writer/.test(await secondary.memberLog(await leaderOf(secondary))),
      );
      await goesOn(writer);
      assert.ok(await isFollowed(primary), "it streams on while it waits");
      assert.equal((await fenceOf(secondary)).writable, false);
    } finally {
      await writer.stop();
    }
    assert.equal((await count()).lostWrites, 0);
  });

  it("the writer is told to follow: the waiting one takes over in moments, and nothing is lost", async () => {
    const ledger = newLedger();
    let at = primary;
    const writer = await startWriter(() => at.database(), ledger, { commitsPerSecond: 200 });
    try {
      await goesOn(writer);
      await primary.configure("role", "standby");
      const demoted = succeed(primary.up());
      await until("the other one leads", async () => (await secondary.leader()) !== "");
      at = secondary;
      await demoted;
      await goesOn(writer);
    } finally {
      await writer.stop();
    }
    const counted = await countAcknowledged(secondary.database, ledger);
    console.log(`      ${JSON.stringify(counted)}`);
    assert.equal(counted.lostWrites, 0);
    await until("the demoted one follows", () => isFollowed(secondary));
    await change(secondary, primary);
  });

  it("a writer whose region loses the network for ten seconds writes on", async () => {
    const { writer, ledger, count } = await writeTo(primary);
    try {
      await goesOn(writer);
      await cutRegion("primary");
      const mended = clock() + 10_000;
      await until("ten seconds", () => Promise.resolve(clock() > mended));
      await mendRegion("primary");
      await goesOn(writer);
    } finally {
      await writer.stop();
    }
    const counted = await count();
    assert.equal(counted.lostWrites, 0);
    const gaps = acknowledgements(ledger).map((time, n, times) => time - (times[n - 1] ?? time));
    assert.ok(Math.max(...gaps) < 3000, `the longest gap was ${Math.max(...gaps)} ms`);
    await until("it streams again", () => isFollowed(primary));
  });

  it("for longer than the lease: it stops by itself, says so, and goes on when it can renew", async () => {
    // The cut before must not count.
    const isRenewed = async () => ((await fenceOf(primary)).writer.secondsLeft ?? 0) > 20;
    await until("the lease is renewed", isRenewed);
    const { writer, count } = await writeTo(primary);
    let silentAfter: number;
    try {
      await goesOn(writer);
      await cutRegion("primary");
      const cutAt = clock();
      const quiet = quietSince(writer);
      await until("commits stop", () => Promise.resolve(quiet() > 5), 60);
      silentAfter = (clock() - cutAt) / 1000 - 5;
      console.log(`      commits stopped ${silentAfter.toFixed(1)} s after the cut`);
      assert.match(await fenceLog(primary), /ALARM lease-vaults-silent/);
      assert.equal(await isWritable(primary), false);
      await mendRegion("primary");
      await goesOn(writer);
    } finally {
      await writer.stop();
    }
    assert.ok(silentAfter <= 28 + 1, `${silentAfter} s`);
    assert.ok(
      silentAfter >= 28 - 10,
      `${silentAfter} s: a renewal is 6 s old at most, and a busy machine takes its time`,
    );
    assert.equal((await count()).lostWrites, 0);
    await until("it streams again", () => isFollowed(primary));
  });

  it("one store is lost: the writer writes on; a change needs the operator's word", async () => {
    const { writer, count } = await writeTo(primary);
    try {
      await stopStore("s3");
      const renewed = clock() + 40_000;
      await until("longer than a lease", () => Promise.resolve(clock() > renewed));
      await goesOn(writer);
    } finally {
      await writer.stop();
      await startStore("s3");
    }
    assert.equal((await count()).lostWrites, 0);
    assert.match(await fenceLog(primary), /a vault does not renew.*s3/);
  });

  it("Patroni's ConfigMaps are deleted in both regions: the writer goes on, and the other one still may not write", async () => {
    const { writer, count } = await writeTo(primary);
    try {
      for (const { kubectl } of [secondary, primary]) {
        await succeed(kubectl("delete", "configmap", "postgres-config", "postgres-leader", "--ignore-not-found"));
      }
      await until("a leader is written down again", async () => (await primary.leader()) !== "");
      await goesOn(writer);
      for (const region of [primary, secondary]) await succeed(region.up("--refresh"));
      await goesOn(writer);
      assert.equal(await isWritable(secondary), false);
    } finally {
      await writer.stop();
    }
    const counted = await count();
    console.log(`      ${JSON.stringify(counted)}`);
    assert.equal(counted.lostWrites, 0);
    await until("it streams", () => isFollowed(primary));
  });

  it("frozen for a minute and thawed after a promotion: it acknowledges nothing more", async () => {
    const before = await writeTo(primary);
    let frozenAt: number;
    let secondWriter: Awaited<ReturnType<typeof writeTo>>;
    try {
      await goesOn(before.writer);
      await freezeMembers("primary");
      frozenAt = clock();
      await secondary.configure("role", "primary");
      await succeed(secondary.up());
      await becomesWritable(secondary);
      console.log(`      promoted ${((clock() - frozenAt) / 1000).toFixed(1)} s after the writer was frozen`);
      secondWriter = await writeTo(secondary);
      await goesOn(secondWriter.writer);
      const thawed = frozenAt + 60_000;
      await until("a minute", () => Promise.resolve(clock() > thawed));
      await thawMembers("primary");
      await until("the old writer knows", () => knowsItsPlace(primary, "secondary"));
      await goesOn(secondWriter.writer);
      await secondWriter.writer.stop();
    } finally {
      await before.writer.stop();
    }
    const first = acknowledgements(secondWriter.ledger)[0] ?? 0;
    const late = acknowledgements(before.ledger).filter((at) => at >= first);
    assert.deepEqual(late, [], "acknowledged by the old writer beside the new one");
    // The old region's last moments may be lost; nobody streams on while all stands still.
    const counted = await countAcknowledged(secondary.database, before.ledger, frozenAt);
    console.log(`      ${JSON.stringify(counted)}`);
    assert.ok(counted.rpoSeconds < 5);
    assert.equal((await secondWriter.count()).lostWrites, 0);
  });

  it("a stale configuration applied to the old primary does nothing to the new one", async () => {
    const { writer, count } = await writeTo(secondary);
    try {
      await succeed(primary.up());
      await goesOn(writer);
      assert.equal(await isWritable(primary), false);
      assert.equal(await isWritable(secondary), true);
    } finally {
      await writer.stop();
    }
    assert.equal((await count()).lostWrites, 0);
  });

  // Not run yet when it was written: what S3 refuses depends on the store, so only the fence's part is asked for.
  it("a region's clock is an hour off, and set right again: it writes on, says so, and hands over", async () => {
    await shiftClock("secondary", 3600);
    await succeed(secondary.kubectl("delete", "pods", "--selector", "app=postgres"));
    await becomesWritable(secondary);
    const { writer, count } = await writeTo(secondary);
    try {
      await until("it says so", async () => /ALARM clock: .*ahead of the stores/.test(await fenceLog(secondary)));
      await goesOn(writer);
      const { clockAheadSeconds = 0 } = await fenceOf(secondary);
      assert.ok(Math.abs(clockAheadSeconds - 3600) < 30, `${clockAheadSeconds} s`);
      await shiftClock("secondary", 0);
      await until("it is over", async () => /CLEAR clock/.test(await fenceLog(secondary)));
      await goesOn(writer);
    } finally {
      await writer.stop();
    }
    assert.equal((await count()).lostWrites, 0);
    await secondary.archiveEverything();
  });

  it("told to follow, the old primary comes back as standby, and can take over again", async () => {
    await followAgain(primary, secondary);
    await change(secondary, primary);
  });

  it("cut off for good: the other region takes over when the lease has run out", async () => {
    const { writer, ledger } = await writeTo(primary);
    let lostAt: number;
    let after: Awaited<ReturnType<typeof writeTo>>;
    try {
      await goesOn(writer);
      await cutRegion("primary");
      lostAt = clock();
      await secondary.configure("role", "primary");
      await succeed(secondary.up());
      await becomesWritable(secondary);
      console.log(`      took over ${((clock() - lostAt) / 1000).toFixed(1)} s after the cut`);
      after = await writeTo(secondary);
      await goesOn(after.writer);
      await after.writer.stop();
    } finally {
      await writer.stop();
      await mendRegion("primary");
    }
    const first = acknowledgements(after.ledger)[0] ?? 0;
    assert.deepEqual(
      acknowledgements(ledger).filter((at) => at >= first),
      [],
    );
    const counted = await countAcknowledged(secondary.database, ledger, lostAt);
    console.log(`      ${JSON.stringify(counted)}`);
    // What was acknowledged behind the cut, until the lease ran out, is the price of not stopping at once.
    assert.equal(counted.holes, 0);
    await until("the old one knows", () => knowsItsPlace(primary, "secondary"));
    await followAgain(primary, secondary);
    assert.equal((await after.count()).lostWrites, 0);
  });
});
