import assert from "node:assert/strict";
import { createRegion, destroyRegion } from "../../lab/regions";
import { countAcknowledged } from "../../lab/workload/count";
import { clock } from "../../lab/workload/ledger";
import { startWriter } from "../../lab/workload/writer";
import { ask, dissolvePair, fenceLog, isFollowed, makePair, type Region, secondary } from "./pair";
import { goesOn, newLedger, primary, succeed, until } from "./region";

const labelsOf = async ({ kubectl }: Region): Promise<string> =>
  (await kubectl("get", "pods", "--selector", "app=postgres", "--output", "jsonpath={.items[*].metadata.labels.role}"))
    .output;

/**
 * The story of two regions: each part begins where the one before ended. What it does not prove: that the old primary can't
 * write any more; fencing.lab.test.ts does.
 */
describe("Two regions", function () {
  this.timeout("20m");
  this.bail(true);

  before(() => makePair("/two-regions"));
  after(dissolvePair);

  it("the second one builds itself from the repository, and streams", async () => {
    await succeed(primary.up());
    await primary.query("CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL)");
    await succeed(secondary.up());
    assert.match(await secondary.memberLog("postgres-0"), /"replica-restore-end".*"exitStatus": 0/);
    assert.match(await labelsOf(secondary), /standby-leader/);
    await until("it streams", () => isFollowed(primary));
  });

  it("a second pulumi up changes nothing in either", async () => {
    for (const region of [primary, secondary]) await succeed(region.up("--expect-no-changes"));
  });

  it("a row reaches it in moments, and it takes none itself", async () => {
    await primary.query("INSERT INTO users VALUES (1, 'one@example.com')");
    await until("the row is there", async () => (await ask(secondary, "SELECT count(*) FROM users")) === "1", 10);
    const { output } = await secondary.inMember("postgres-0", "psql", "--dbname=marimo_erp", "-c", "DELETE FROM users");
    assert.match(output, /read-only transaction/);
  });

  it("cut off from the primary, it goes on from the archive, and streams again by itself", async () => {
    await succeed(primary.kubectl("delete", "service", "postgres-replication"));
    await primary.query(
      "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'other_region'",
    );
    await primary.query("INSERT INTO users VALUES (2, 'two@example.com')");
    await primary.archiveEverything();
    await until("the row is there", async () => (await ask(secondary, "SELECT count(*) FROM users")) === "2");
    assert.ok(!(await isFollowed(primary)));
    await until("it calls for help", async () =>
      /ALARM replication-lag: .*archive only/.test(await fenceLog(secondary)),
    );
    await succeed(primary.up("--refresh"));
    await until("it streams", () => isFollowed(primary));
  });

  it("the primary is lost under load: one key of the configuration makes the second one take writes", async () => {
    const ledger = newLedger();
    const writer = await startWriter(primary.database, ledger, { commitsPerSecond: 200 });
    let lostAt: number;
    try {
      await until("the writer has written", () => Promise.resolve(writer.acknowledgedRows() > 2000));
      await destroyRegion("primary");
      lostAt = clock();
    } finally {
      await writer.stop();
    }
    await secondary.configure("role", "primary");
    const preview = await succeed(secondary.pulumi("preview", "--diff"));
    assert.match(preview, /standby_cluster/);
    await succeed(secondary.up());
    await until("it leads", async () => (await secondary.leader()) !== "");
    const count = await countAcknowledged(secondary.database, ledger, lostAt);
    console.log(`      ${JSON.stringify(count)}`);
    assert.ok(count.acknowledgedWrites > 2000);
    // Streaming is asynchronous: what was acknowledged in the last moment may be lost, and nothing else.
    assert.equal(count.holes, 0);
    assert.ok(count.rpoSeconds < 5, `lost: ${count.lostWrites} rows of the last ${count.rpoSeconds} s`);
    assert.equal(await secondary.query("SELECT count(*) FROM users"), "2");
  });

  it("the lost region comes back as standby of the other", async () => {
    await createRegion("primary");
    await primary.configure("role", "standby");
    await succeed(primary.up("--refresh", "--run-program"));
    await secondary.query("INSERT INTO users VALUES (3, 'three@example.com')");
    await until("the row is there", async () => (await ask(primary, "SELECT count(*) FROM users")) === "3");
    assert.match(await labelsOf(primary), /standby-leader/);
    await until("it streams", () => isFollowed(secondary));
  });

  it("changes back as planned, under load, and loses nothing: demoted first, promoted when the other has all", async () => {
    let writing = secondary;
    const ledger = newLedger();
    const writer = await startWriter(() => writing.database(), ledger, { commitsPerSecond: 200 });
    try {
      await goesOn(writer);
      await secondary.configure("role", "standby");
      await succeed(secondary.up());
      await until("nobody leads there", async () => (await secondary.leader()) === "");
      // The demoted member's last record is its shutdown's checkpoint.
      const replayed = (region: Region) => ask(region, "SELECT pg_last_wal_replay_lsn() - '0/0'");
      await until("the other region has replayed all", async () => {
        const [there, here] = await Promise.all([replayed(secondary), replayed(primary)]);
        return there !== "" && here === there;
      });
      await primary.configure("role", "primary");
      writing = primary;
      await succeed(primary.up());
      await goesOn(writer);
    } finally {
      await writer.stop();
    }
    const count = await countAcknowledged(primary.database, ledger);
    console.log(`      ${JSON.stringify(count)}`);
    assert.equal(count.lostWrites, 0);
    await until("the demoted region follows", () => isFollowed(primary));
    for (const pod of ["postgres-0", "postgres-1"]) {
      assert.doesNotMatch(await secondary.memberLog(pod), /Failed to archive WAL file with the shutdown checkpoint/);
    }
  });
});
