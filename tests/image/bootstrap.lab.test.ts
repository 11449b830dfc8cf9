import assert from "node:assert/strict";
import {
  archiveAll,
  emptyVaults,
  emptyVolume,
  files,
  inMember,
  killMember,
  logOf,
  loseMember,
  removeBucket,
  removeFile,
  setUp,
  snapshot,
  sql,
  startMember,
  startVault,
  stopVault,
  tearDown,
  tool,
  until,
  type Options,
  type VaultName,
} from "./vaults";

const bothFolders = ["s3", "gcs"] as const;
const contents = () => bothFolders.map((name) => files(name, "."));

/** The tools of the image against real stores, with real faults; Patroni and Kubernetes have their part in tests/lab. */
describe("the Postgres image against real object stores", function () {
  this.timeout(300_000);
  before(setUp);
  after(tearDown);

  describe("a database and its losses", () => {
    before(emptyVaults);

    const count = (member: string) => sql(member, "SELECT count(*) FROM t");

    it("initializes where both repositories are empty, and backs up into both", async () => {
      await startMember("a");
      assert.match(await logOf("a"), /"event": "decision".*"action": "initialize"/);
      await sql("a", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS id");
      await archiveAll("a");
      const { code, output } = await inMember("a", "marimo-backup", "first");
      assert.equal(code, 0, output);
      assert.match(output, /"backup-end".*"s3".*"succeeded": true[^]*"backup-end".*"gcs".*"succeeded": true/);
    });

    it("needs no second first backup", async () => {
      const { code, output } = await inMember("a", "marimo-backup", "first");
      assert.equal(code, 0, output);
      assert.equal(output.match(/"backup-skipped"/g)?.length, 2, output);
    });

    it("is restored to its last archived segment, on a new timeline, and archives and backs up again", async () => {
      await sql("a", "INSERT INTO t SELECT generate_series(1001, 2000)");
      await archiveAll("a");
      await loseMember("a");
      await startMember("a");
      assert.equal(await count("a"), "2000");
      assert.equal(await sql("a", "SELECT timeline_id FROM pg_control_checkpoint()"), "2");
      await sql("a", "INSERT INTO t SELECT generate_series(2001, 2500)");
      await archiveAll("a");
      const { code, output } = await inMember("a", "marimo-backup", "diff");
      assert.equal(code, 0, output);
    });

    it("is restored a second and a third time in a row, also when it was lost before it archived anything", async () => {
      for (const timeline of ["3", "4"]) {
        await loseMember("a");
        await startMember("a");
        assert.equal(await count("a"), "2500");
        assert.equal(await sql("a", "SELECT timeline_id FROM pg_control_checkpoint()"), timeline);
        // Its history file is all that a cluster archives which is lost at once.
        await until(`the history of timeline ${timeline}`, () =>
          Promise.resolve(
            files("gcs", "marimo/archive/marimo/17-1").some((file) => file.endsWith(`${timeline}.history`)),
          ),
        );
      }
      await sql("a", "INSERT INTO t SELECT generate_series(2501, 3000)");
      await archiveAll("a");
    });

    it("is restored from gcs while s3 is down, and what waits is archived when s3 is back", async () => {
      await loseMember("a");
      await stopVault("s3");
      await startMember("a", { from: "gcs" });
      assert.equal(await count("a"), "3000");
      await sql("a", "INSERT INTO t SELECT generate_series(3001, 3500)");
      const segment = await sql("a", "SELECT pg_walfile_name(pg_switch_wal())");
      await startVault("s3");
      await until(
        `${segment} is in both repositories`,
        () => Promise.resolve(contents().every((list) => list.some((file) => file.includes(segment)))),
        150,
      );
    });

    it("backs up into gcs while s3 is down, and says so of s3", async () => {
      await stopVault("s3");
      const { code, output } = await inMember("a", "marimo-backup", "diff");
      await startVault("s3");
      assert.equal(code, 1);
      assert.match(output, /"backup-end".*"gcs".*"succeeded": true/);
      assert.match(output, /FAILED s3: .*(unable to connect|timeout connecting).*What to do: .*marimo-dr:s3Endpoint/);
      assert.doesNotMatch(output, /FAILED gcs/);
    });

    it("builds a replica from the repository", async () => {
      emptyVolume("replica");
      const { code, output } = await tool("replica", [
        "sh",
        "-c",
        "marimo-replica && cat $PGDATA/standby.signal && echo standby",
      ]);
      assert.equal(code, 0, output);
      assert.match(output, /standby/);
    });

    describe("with its repositories damaged", () => {
      let restore: (() => void)[] = [];
      before(async () => {
        await archiveAll("a");
        await loseMember("a");
      });
      beforeEach(() => {
        restore = bothFolders.map(snapshot);
      });
      afterEach(async () => {
        restore.forEach((put) => {
          put();
        });
        for (const name of bothFolders) await startVault(name);
      });

      /** A stop: it fails, says what it should, and leaves both vaults and the volume as they were. */
      const stops = async (says: readonly RegExp[], options: Options = {}) => {
        emptyVolume("b");
        const held = contents();
        const { code, output } = await tool("b", ["marimo-bootstrap"], options);
        assert.equal(code, 1, output);
        for (const expected of says) assert.match(output, expected);
        assert.match(output, /"action": "stop"/);
        assert.deepEqual(contents(), held, "something was written");
        const left = await tool("b", ["ls", "-A", "/var/lib/postgresql/data"]);
        assert.equal(left.output.trim(), "");
      };
      const restores = async (options: Options = {}) => {
        emptyVolume("b");
        const { code, output } = await tool("b", ["marimo-bootstrap"], options);
        assert.equal(code, 0, output);
        assert.match(output, /"event": "restore-end".*"exitStatus": 0/);
        return output;
      };

      it("wrong passphrase: stops", () =>
        stops([/repository s3 cannot be decrypted/, /repositoryCipher PASSPHRASE/], {
          environment: {
            PGBACKREST_REPO1_CIPHER_PASS: "another passphrase of enough characters",
            PGBACKREST_REPO2_CIPHER_PASS: "another passphrase of enough characters",
          },
        }));

      it("wrong key: stops", () =>
        stops([/repository s3 refuses our credentials/, /s3AccessKey KEY/], {
          environment: { PGBACKREST_REPO1_S3_KEY: "nobody" },
        }));

      for (const [down, other] of [
        ["s3", "gcs"],
        ["gcs", "s3"],
      ] as const satisfies [VaultName, VaultName][]) {
        it(`${down} down: stops when it is to be read, restores from ${other} when that is`, async () => {
          await stopVault(down);
          await stops([new RegExp(`repository ${down} cannot be reached`), new RegExp(`restoreFrom ${other}`)], {
            from: down,
          });
          const output = await restores({ from: other });
          assert.match(output, new RegExp(`WARNING bootstrap: repository ${down} cannot be reached`));
        });
      }

      it("both down: stops", async () => {
        await stopVault("s3");
        await stopVault("gcs");
        await stops([/repository s3 cannot be reached/, /repository gcs cannot be reached/]);
      });

      it("stores that die during the replay end the recovery, never the WAL", async () => {
        // PostgreSQL takes most exit statuses of restore_command for the end of the archive, and would promote there.
        await restores();
        await stopVault("s3");
        await stopVault("gcs");
        const { code, output } = await tool("b", ["postgres", "-c", "listen_addresses="]);
        assert.notEqual(code, 0, output);
        assert.match(output, /could not restore file .* from archive: child process exited with exit code 255/);
        assert.doesNotMatch(output, /ready to accept connections/);
      });

      it("no bucket: stops", async () => {
        removeBucket("s3");
        emptyVolume("b");
        const { code, output } = await tool("b", ["marimo-bootstrap"]);
        assert.equal(code, 1);
        assert.match(output, /repository s3 has no bucket .*s3Bucket BUCKET/);
      });

      it("empty while the other holds the database: stops", async () => {
        removeFile("s3", "marimo");
        await stops([/repository s3 is empty/, /restoreFrom gcs/]);
      });

      it("a stanza without a backup: stops", async () => {
        removeFile("gcs", "marimo");
        for (const file of files("s3", "marimo/backup/marimo")) removeFile("s3", file);
        for (const file of files("s3", "marimo/archive/marimo/17-1")) removeFile("s3", file);
        await stops([/repository s3 is half written/, /repositoryPath PATH/]);
      });

      it("a backup of which a part is missing: fails, names the other repository, and the other restores", async () => {
        for (const file of files("s3", "marimo/backup/marimo").filter((path) => path.includes("/bundle/")))
          removeFile("s3", file);
        emptyVolume("b");
        const { code, output } = await tool("b", ["marimo-bootstrap"]);
        assert.equal(code, 1);
        assert.match(output, /repository s3: restoring backup \S+ failed.*restoreFrom NAME/);
        await restores({ from: "gcs" });
      });

      const newestSegments = (name: VaultName) =>
        files(name, "marimo/archive/marimo/17-1").filter((file) => /[0-9A-F]{24}-/.test(file));

      it("a missing WAL segment that the other repository has: restores", async () => {
        const segment = newestSegments("s3").at(-2) ?? assert.fail("no segment");
        removeFile("s3", segment);
        assert.match(await restores(), /"walFrom": \["s3", "gcs"\]/);
      });

      it("a missing WAL segment that nobody has: stops and names it", async () => {
        const segment = /[0-9A-F]{24}/.exec(newestSegments("s3").at(-2) ?? "")?.[0] ?? assert.fail("no segment");
        for (const name of bothFolders)
          newestSegments(name)
            .filter((file) => file.includes(segment))
            .forEach((file) => {
              removeFile(name, file);
            });
        await stops([new RegExp(`${segment} is missing in s3 and gcs`)]);
      });
    });
  });

  describe("two regions that were both primary", () => {
    before(emptyVaults);

    const rows = (member: string) =>
      sql(
        member,
        "SELECT string_agg(who || ' ' || n, ', ' ORDER BY who) FROM (SELECT who, count(*) AS n FROM t GROUP BY who) AS counted",
      );
    const write = async (member: string, times: number) => {
      for (let time = 0; time < times; time++) {
        await sql(member, `INSERT INTO t SELECT '${member}', generate_series(1, 100)`);
        await archiveAll(member);
      }
    };
    const choose = (choice: string): Options => ({ environment: { MARIMO_RESTORE_TIMELINE: choice } });
    let restore: (() => void)[] = [];

    it("have forked: a rebuild stops, writes nothing, and says between what to choose", async () => {
      await startMember("a");
      await sql("a", "CREATE TABLE t (who text, n int)");
      await write("a", 1);
      assert.equal((await inMember("a", "marimo-backup", "first")).code, 0);
      // The other region is rebuilt from the archive while this one lives: timeline 2. It makes the newest backup.
      await startMember("b");
      await write("b", 3);
      assert.equal((await inMember("b", "marimo-backup", "full")).code, 0);
      await write("b", 3);
      await write("a", 12);
      await loseMember("a");
      await loseMember("b");

      emptyVolume("c");
      const held = contents();
      const { code, output } = await tool("c", ["marimo-bootstrap"]);
      assert.equal(code, 1, output);
      assert.match(
        output,
        /"action": "stop".*timeline 1 has \d+ segments, [0-9A-F]{24} to [0-9A-F]{24}, after timeline 2/,
      );
      assert.match(
        output,
        /to follow timeline 2, up to 00000002[0-9A-F]{16}: `pulumi config set marimo-dr:restoreTimeline 2:2`/,
      );
      assert.match(
        output,
        /to follow timeline 1, up to 00000001[0-9A-F]{16}: `pulumi config set marimo-dr:restoreTimeline 1:2`/,
      );
      assert.deepEqual(contents(), held);
      restore = bothFolders.map(snapshot);
    });

    it("timeline 1 is chosen: its rows come back, from a backup that leads there, and timeline 2's stay in the archive", async () => {
      const before = contents().map((list) => list.filter((file) => file.includes("/00000002")));
      await startMember("c", choose("1:2"));
      assert.equal(await rows("c"), "a 1300");
      assert.match(
        await logOf("c"),
        /WARNING bootstrap: \d+ archived segments of timeline 2 .* as marimo-dr:restoreTimeline says/,
      );
      assert.equal(await sql("c", "SELECT timeline_id FROM pg_control_checkpoint()"), "3");
      await write("c", 3);
      assert.deepEqual(
        contents().map((list) => list.filter((file) => file.includes("/00000002"))),
        before,
      );
    });

    it("and a replica begins with such a backup as well", async () => {
      emptyVolume("replica");
      const label = await tool("replica", ["sh", "-c", "marimo-replica && cat $PGDATA/backup_label"], choose("1:2"));
      assert.equal(label.code, 0, label.output);
      assert.match(label.output, /START TIMELINE: 1/);
    });

    it("and rebuilt with the key still set it asks no more, nor without it once a backup was made", async () => {
      await loseMember("c");
      await startMember("c", choose("1:2"));
      assert.equal(await rows("c"), "a 1300, c 300");
      // The newest full backup, on which this one builds, is of the other history.
      assert.equal((await inMember("c", "marimo-backup", "diff")).code, 0);
      await write("c", 1);
      await loseMember("c");
      await startMember("c");
      assert.equal(await rows("c"), "a 1300, c 400");
      assert.equal((await inMember("c", "pg_amcheck", "--all", "--heapallindexed", "--install-missing")).code, 0);
      await loseMember("c");
    });

    it("timeline 2 is chosen: its rows come back, and the key stays good", async () => {
      restore.forEach((put) => {
        put();
      });
      for (const name of bothFolders) await startVault(name);
      await startMember("c", choose("2:2"));
      assert.equal(await rows("c"), "a 100, b 600");
      await write("c", 3);
      await loseMember("c");
      await startMember("c", choose("2:2"));
      assert.equal(await rows("c"), "a 100, b 600, c 300");
      await loseMember("c");
    });

    it("the other one after all, once both have gone on: asks again, with the newest of today", async () => {
      emptyVolume("c");
      const { code, output } = await tool("c", ["marimo-bootstrap"], choose("1:2"));
      assert.equal(code, 1, output);
      assert.match(output, /timeline 4, which began since, comes from another.*restoreTimeline 1:4`/);
    });
  });

  describe("writes that were kept aside", () => {
    before(emptyVaults);

    it("are shown by marimo-aside, in a scratch copy", async () => {
      await startMember("a");
      await sql("a", "CREATE TABLE t AS SELECT 'before' AS who");
      await archiveAll("a");
      const backup = await inMember("a", "marimo-backup", "first");
      assert.equal(backup.code, 0, backup.output);
      const second = "/var/lib/postgresql/data/second";
      const promoted = await inMember(
        "a",
        "bash",
        "-c",
        `pg_basebackup --pgdata=${second} --write-recovery-conf --checkpoint=fast &&
         pg_ctl start --wait --silent --pgdata=${second} --log=/tmp/second.log --options="-c port=5433 -c archive_mode=off -c listen_addresses=" &&
         pg_ctl promote --wait --silent --pgdata=${second} && psql --quiet --port=5433 --command=CHECKPOINT`,
      );
      assert.equal(promoted.code, 0, promoted.output);
      await sql("a", "INSERT INTO t VALUES ('only here')");
      await killMember("a");

      const { code, output } = await tool("a", [
        "bash",
        "-euc",
        `rm --force ${second}/postmaster.pid $PGDATA/postmaster.pid
         pg_ctl start --wait --silent --pgdata=${second} --log=/tmp/second.log --options="-c port=5433 -c archive_mode=off -c listen_addresses="
         echo "restore_command = 'pgbackrest --stanza=marimo archive-get %f %p'" >> $PGDATA/postgresql.auto.conf
         marimo-rewind --restore-target-wal --target-pgdata=$PGDATA --source-server="host=/run/postgresql port=5433 user=postgres dbname=postgres"
         backup=$(pgbackrest --stanza=marimo --output=json info | python3 -c "import json, sys; print(json.load(sys.stdin)[0]['backup'][0]['label'])")
         marimo-aside $(basename /var/lib/postgresql/data/aside/*) $backup
         psql --host=/tmp --port=5499 -qAtc "SELECT 'scratch: ' || string_agg(who, ',') FROM t"
         psql --port=5433 -qAtc "SELECT 'database: ' || string_agg(who, ',') FROM t"
         marimo-aside --remove
         ls /var/lib/postgresql/data`,
      ]);
      assert.equal(code, 0, output);
      assert.match(output, /ALARM aside: 1 commits/);
      assert.match(output, /scratch: before,only here\n/);
      assert.match(output, /database: before\n/);
      assert.match(output, /\naside\n[^]*\npgdata\n/);
      assert.doesNotMatch(output, /\nscratch\n/);
    });

    it("how far a member has come is told against the archive", async () => {
      await startMember("a");
      await archiveAll("a");
      const ask = async () => {
        const { code, output } = await inMember("a", "marimo-archive-end");
        assert.equal(code, 0, output);
        return JSON.parse(output) as {
          timeline: number;
          repositories: Record<VaultName, { newest?: string; reached?: string; error?: string }>;
        };
      };
      const { timeline, repositories } = await ask();
      assert.equal(timeline, 2);
      for (const { newest, reached } of Object.values(repositories)) {
        assert.match(newest ?? "", /^00000002/);
        assert.equal(reached, "yes");
      }
      await stopVault("s3");
      assert.match((await ask()).repositories.s3.error ?? "", /unable to connect|timeout/);
      await startVault("s3");
    });
  });
});
