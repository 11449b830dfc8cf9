import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loseState } from "../../lab/stage/pulumi";
import { openCluster, runCronJob } from "../../lab/stage/cluster";
import { labEnvironment } from "../../lab/environment";
import { nodeName } from "../../lab/kind";
import { engine } from "../../lab/parts";
import { paths } from "../../lab/paths";
import { configureStack } from "../../lab/pulumi";
import { createRegion, destroyRegion } from "../../lab/regions";
import { startStore, stores, stopStore } from "../../lab/stores";
import { command, loseEverything, namespace, primary, region, succeed, underLoad, until } from "./region";
import { withClient } from "../../lab/workload/connection";

const {
  archiveEverything,
  configure,
  database,
  healthy,
  inMember,
  kubectl,
  leader,
  memberLog,
  pulumi,
  pulumiArguments,
  query,
  up,
} = primary;

/** The key's default. */
const repositoryPath = "marimo";

const base64 = async (secret: string, key: string): Promise<string> => {
  const encoded = await succeed(kubectl("get", "secret", secret, "--output", `jsonpath={.data.${key}}`));
  return Buffer.from(encoded, "base64").toString();
};

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** The story of one region: each part begins where the one before ended. */
describe("A region", function () {
  this.timeout("20m");
  this.bail(true);

  before(loseEverything);

  describe("from nothing", () => {
    it("comes up by one pulumi up, protected by a base backup in each repository", async () => {
      await succeed(up());
      assert.ok(await healthy());
      const info = await succeed(inMember("postgres-0", "pgbackrest", "--stanza=marimo", "--output=json", "info"));
      const [stanza] = JSON.parse(info) as [{ backup: { database: { "repo-key": number } }[] }];
      assert.deepEqual(stanza.backup.map((backup) => backup.database["repo-key"]).sort(), [1, 2]);
    });

    it("a second pulumi up changes nothing", async () => {
      await succeed(up("--expect-no-changes"));
    });

    it("the plan's own command reaches the database", async () => {
      await query("CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL)");
      const psql = ["psql", "-U", "postgres", "-d", "marimo_erp", "-c", "SELECT COUNT(*) FROM users;"];
      assert.match(
        await succeed(command("kubectl", ["--context", region, "exec", "-n", namespace, "postgres-0", "--", ...psql])),
        /\(1 row\)/,
      );
    });

    it("checks pages, hashes passwords by SCRAM, and takes nobody without TLS or password", async () => {
      assert.equal(await query("SHOW data_checksums"), "on");
      assert.equal(await query("SELECT count(*) FROM pg_authid WHERE rolpassword !~ '^SCRAM-SHA-256'"), "0");
      assert.equal(await query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "true");
      const good = await database();
      const connects = (change: object) => withClient({ ...good, ...change }, () => Promise.resolve());
      await assert.rejects(connects({ tls: undefined }), /no pg_hba.conf entry.*no encryption/);
      await assert.rejects(connects({ password: "guessed" }), /password authentication failed/);
    });

    it("a standby streams from the leader", async () => {
      assert.equal(await query("SELECT string_agg(state, ',') FROM pg_stat_replication"), "streaming");
    });

    it("the containers can't write to their own file system", async () => {
      const { code, output } = await inMember("postgres-0", "touch", "/usr/local/bin/x");
      assert.notEqual(code, 0);
      assert.match(output, /Read-only file system/);
    });

    it("everything in the region's repositories is encrypted", () => {
      for (const { folder, bucket } of Object.values(stores)) {
        // Other stories have repositories of their own beside it, with leases, which are no secret.
        const files = filesBelow(join(folder, bucket, repositoryPath));
        assert.ok(files.length > 10, bucket);
        // OpenSSL's mark, which pgBackRest uses.
        for (const file of files) assert.equal(readFileSync(file).subarray(0, 8).toString(), "Salted__", file);
      }
    });

    it("a change by hand shows after a refresh, and pulumi up mends it", async () => {
      const cronJob = ["cronjob", "postgres-basebackup-diff"];
      await succeed(kubectl("patch", ...cronJob, "--patch", '{"spec":{"suspend":true,"schedule":"0 4 * * *"}}'));
      assert.match(await succeed(pulumi("refresh", "--yes", "--skip-preview", "--diff")), /0 4 \* \* \*/);
      assert.match(await succeed(pulumi("preview", "--diff")), /0 2 \* \* 1,2,3,4,5,6/);
      await succeed(up());
      const schedule = await succeed(kubectl("get", ...cronJob, "--output", "jsonpath={.spec.schedule}"));
      assert.equal(schedule, "0 2 * * 1,2,3,4,5,6");
    });
  });

  describe("under load", () => {
    it("postgres killed by SIGKILL: nothing acknowledged is lost", async () => {
      const count = await underLoad(async () => {
        await succeed(inMember(await leader(), "sh", "-c", "kill -9 $(head -1 $PGDATA/postmaster.pid)"));
      });
      assert.equal(count.lostWrites, 0);
      await until("both members are ready", healthy);
    });

    it("the leader's pod deleted: nothing acknowledged is lost", async () => {
      const count = await underLoad(async () => {
        await succeed(kubectl("delete", "pod", await leader()));
      });
      assert.equal(count.lostWrites, 0);
      await until("both members are ready", healthy);
    });

    it("the leader lost with a write that no other member has: it comes back rewound, and has kept the write aside", async () => {
      const lost = await leader();
      await query("CREATE TABLE only_here AS SELECT 'before' AS row");
      const senders = "psql -Atc 'SELECT pid FROM pg_stat_replication'";
      const current = "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication";
      await until("the standby has it all", async () => (await query(current)) === "true");
      // Stopped, it sends nothing, and nobody notices for a minute.
      await succeed(inMember(lost, "sh", "-c", `kill -STOP $(${senders})`));
      await query("INSERT INTO only_here VALUES ('lost')");
      // Come back within the lease of its lead, it would go on to lead.
      await succeed(kubectl("cordon", nodeName(region)));
      await succeed(kubectl("delete", "pod", lost, "--force", "--grace-period=0"));
      await until("another member leads", async () => !["", lost].includes(await leader()));
      await succeed(kubectl("uncordon", nodeName(region)));
      await until("both members are ready", healthy, 180);
      assert.equal(await query("SELECT string_agg(row, ',') FROM only_here"), "before");

      const folder = "/var/lib/postgresql/data/aside";
      const kept = await succeed(inMember(lost, "sh", "-c", `cat ${folder}/*/transactions.json`));
      const { commits, relations } = JSON.parse(kept) as { commits: number; relations: Record<string, number> };
      assert.ok(commits >= 1, kept);
      assert.ok(Object.keys(relations).length >= 1, kept);
      const alarm = async () =>
        (await succeed(kubectl("logs", lost, "--container", "watch"))).includes("writes-kept-aside");
      await until("the member says so", alarm);
      await succeed(inMember(lost, "sh", "-c", `rm -r ${folder}/0*`));
    });

    it("the region's node killed and started again: nothing acknowledged is lost", async () => {
      const count = await underLoad(async () => {
        await succeed(command(engine(), ["kill", nodeName(region)]));
        await createRegion(region);
      });
      assert.equal(count.lostWrites, 0);
      await until("both members are ready", healthy, 300);
    });
  });

  describe("lost with all volumes, while its Kubernetes lives on", () => {
    it("calls for help, and comes back when Patroni is told to forget what was there", async () => {
      await query("INSERT INTO users VALUES (0, 'zero@example.com')");
      await archiveEverything();
      await succeed(kubectl("delete", "pvc", "--all", "--wait=false"));
      await succeed(kubectl("delete", "pod", "--selector", "app=postgres", "--force"));
      const watched = () => kubectl("logs", "postgres-0", "--container", "watch");
      await until("the alarm is in the log", async () => /ALARM database-missing/.test((await watched()).output), 180);
      const forget = ["initialize-", "marimo-erp.com/bootstrapped-by-"];
      await succeed(kubectl("annotate", "configmap", "postgres-config", ...forget));
      await until("both members are ready", healthy);
      assert.equal(await query("SELECT count(*) FROM users"), "1");
      await query("DELETE FROM users");
    });
  });

  describe("lost, while Pulumi's state lives on", () => {
    it("comes back by pulumi up --refresh --run-program, with the passwords that its clients have", async () => {
      await query("INSERT INTO users VALUES (0, 'zero@example.com')");
      await archiveEverything();
      const password = await base64("marimo-secrets", "DB_PASSWORD");
      // The new cluster has a kubeconfig of its own; the old one's leads nowhere.
      const lost = join(paths.regions, "lost-kubeconfig");
      copyFileSync(paths.kubeconfig, lost);
      await configure("kubeconfig", lost);
      await succeed(up());
      await destroyRegion(region);
      await createRegion(region);
      await configure("kubeconfig", paths.kubeconfig);
      await succeed(up("--refresh", "--run-program"));
      rmSync(lost);
      assert.equal(await base64("marimo-secrets", "DB_PASSWORD"), password);
      assert.equal(await query("SELECT count(*) FROM users"), "1");
      await query("DELETE FROM users");
    });
  });

  describe("lost with Pulumi's state", () => {
    let passwordBefore = "";

    it("a pulumi up that is killed in the middle is finished by the next one", async () => {
      await query("INSERT INTO users SELECT n, n || '@example.com' FROM generate_series(1, 1000) AS n");
      await archiveEverything();
      passwordBefore = await base64("marimo-secrets", "DB_PASSWORD");
      await loseEverything();

      const killed = spawn("pulumi", pulumiArguments("up", "--yes", "--skip-preview"), {
        env: labEnvironment(),
        stdio: "ignore",
        detached: true,
      });
      await until("the first pod is there", async () => (await kubectl("get", "pod", "postgres-0")).code === 0);
      process.kill(-(killed.pid ?? 0), "SIGKILL");
      await once(killed, "exit");

      const locked = await up();
      assert.notEqual(locked.code, 0);
      assert.match(locked.output, /locked.*pulumi cancel/s);
      await succeed(pulumi("cancel", "--yes"));
      await succeed(up());
      assert.equal(await query("SELECT count(*) FROM users"), "1000");
    });

    it("roles have the passwords that the program holds now", async () => {
      assert.notEqual(await base64("marimo-secrets", "DB_PASSWORD"), passwordBefore);
      // `query` above has logged in with the new one; the old one is refused.
      const good = await database();
      const old = withClient({ ...good, password: passwordBefore }, () => Promise.resolve());
      await assert.rejects(old, /password authentication failed/);
      await until(
        "the standby streams with its new password",
        async () => (await query("SELECT string_agg(state, ',') FROM pg_stat_replication")) === "streaming",
      );
    });

    it("the first backup after the restore succeeds, in both repositories", async () => {
      const cluster = openCluster(paths.kubeconfig, region, namespace);
      await runCronJob(cluster, "postgres-basebackup-diff", "after-restore", 300);
    });

    it("a second loss before anything was archived, and a third after a write, come back too", async () => {
      await loseEverything();
      await succeed(up());
      assert.equal(await query("SELECT count(*) FROM users"), "1000");
      await query("INSERT INTO users VALUES (1001, 'third@example.com')");
      await archiveEverything();
      await loseEverything();
      await succeed(up());
      assert.equal(await query("SELECT count(*) FROM users"), "1001");
    });

    it("two pulumi up at once: the second is refused, the first one goes on", async () => {
      const first = up();
      await until("the first holds the lock", () =>
        Promise.resolve(filesBelow(join(paths.pulumiState, ".pulumi", "locks")).length > 0),
      );
      const second = await up();
      assert.notEqual(second.code, 0);
      assert.match(second.output, /currently locked/);
      await succeed(first);
    });
  });

  describe("lost, and the way back is blocked", () => {
    const stops = async (message: RegExp) => {
      const waiting = spawn("pulumi", pulumiArguments("up", "--yes", "--skip-preview"), {
        env: labEnvironment(),
        stdio: "ignore",
      });
      const ended = once(waiting, "exit");
      try {
        const logs = async () => `${await memberLog("postgres-0")}\n${await memberLog("postgres-1")}`;
        await until("a member says why it stops", async () => message.test(await logs()));
      } finally {
        waiting.kill("SIGINT");
      }
      assert.notDeepEqual(await ended, [0, null]);
      // A stop initializes nothing: no volume of the node has a database.
      const volumes = ["exec", nodeName(region), "find", "/var/local-path-provisioner", "-name", "PG_VERSION"];
      assert.equal((await succeed(command(engine(), volumes))).trim(), "");
    };
    /** Every file of both buckets with its content; what the servers keep for themselves is hidden. */
    const fingerprint = (): Record<string, string> => {
      const files = Object.values(stores).flatMap(({ folder, bucket }) => filesBelow(join(folder, bucket)));
      assert.ok(files.length > 0);
      return Object.fromEntries(
        files.map((file) => [file, createHash("sha256").update(readFileSync(file)).digest("hex")]),
      );
    };

    it("both stores down: stops, and names repository, cause and remedy", async () => {
      await destroyRegion(region);
      await loseState();
      await stopStore("s3");
      await stopStore("gcs");
      const before = fingerprint();
      await createRegion(region);
      await configureStack(region);
      await stops(/repository s3 cannot be reached.*repository gcs cannot be reached.*s3Endpoint/s);
      assert.deepEqual(fingerprint(), before);
    });

    // A rolling update once ended a member that was looking into the repositories. Patroni's note that somebody bootstraps
    // stayed behind, and every member of the region waited for that somebody.
    it("a member is ended while it decides: another or its successor decides", async () => {
      const template = "jsonpath={.metadata.annotations}";
      const annotations = async () => {
        const { code, output } = await kubectl("get", "configmap", "postgres-config", "--output", template);
        return code === 0 ? (JSON.parse(output) as Record<string, string>) : {};
      };
      let holder: string | undefined;
      const deciding = async () => {
        holder = (await annotations())["marimo-erp.com/bootstrapped-by"];
        return holder !== undefined;
      };
      await until("a member is deciding", deciding, 360);
      await succeed(kubectl("delete", "pod", holder ?? ""));
      await until("what it held is taken back", async () => (await annotations())["initialize"] === undefined);
      await until("a member is deciding again", deciding, 360);
    });

    it("S3 still down: two keys of the configuration bring it back from GCS", async () => {
      await startStore("gcs");
      await succeed(pulumi("cancel", "--yes"));
      await configure("restoreFrom", "gcs");
      await configure("repositories", "gcs");
      await succeed(up());
      assert.equal(await query("SELECT count(*) FROM users"), "1001");
    });

    it("a wrong passphrase: stops, and changes nothing in the repositories", async () => {
      await startStore("s3");
      const before = fingerprint();
      await loseEverything();
      await succeed(
        command(
          "pulumi",
          pulumiArguments("config", "set", "--secret", "repositoryCipher", "not the passphrase of these repositories"),
        ),
      );
      await stops(/passphrase.*repositoryCipher/s);
      assert.deepEqual(fingerprint(), before);
    });
  });
});
