import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scratch } from "../../domain/scratch";
import { paths } from "../../lab/paths";
import { stores } from "../../lab/stores";
import { command, loseEverything, type Outcome, primary, region, succeed, until } from "./region";

const dr = (...args: string[]): Promise<Outcome> =>
  command(process.execPath, [join(paths.root, "ops", "dr.js"), "--project", paths.pulumiProject, "restore", ...args]);

const script = (name: string, ...args: string[]): Promise<Outcome> =>
  command("sh", [join(paths.root, "scripts", name), ...args]);

const inScratch = (sql: string): Promise<string> =>
  succeed(
    command("kubectl", [
      ...["--context", region, "exec", "--namespace", scratch.namespace, scratch.pod, "--", "psql"],
      ...["-U", "postgres", "-d", "marimo_erp", "-At", "-c", sql],
    ]),
  );

const hasNamespace = async (): Promise<boolean> =>
  (await command("kubectl", ["--context", region, "get", "namespace", scratch.namespace])).code === 0;

const refused = async (running: Promise<Outcome>, why: RegExp): Promise<void> => {
  const { code, output } = await running;
  assert.equal(code, 2, output);
  assert.match(output, why);
  assert.match(output, /Refused, and nothing was changed/);
};

/** One table of the plan with as many rows. */
const fill = (rows: number) => `
  CREATE TABLE users (id bigserial PRIMARY KEY, email text UNIQUE, password_hash text, role text);
  INSERT INTO users (email, password_hash, role)
    SELECT 'u' || i || '@example.com', md5(i::text), 'user' FROM generate_series(1, ${rows}) i`;

const users = (): Promise<string> => primary.query("SELECT count(*) FROM users");
const moment = (): Promise<string> => primary.query("SELECT now()::text");

/**
 * What an operator does when something is lost, on one region. What it does not prove: that the scratch database's NetworkPolicy
 * holds (the lab's network enforces none), and a restore that takes hours.
 */
describe("restores", function () {
  this.timeout("10m");
  this.bail(true);
  const folder = mkdtempSync(join(tmpdir(), "restore-test-"));

  before(async () => {
    await loseEverything();
    await succeed(primary.up());
    await until(
      "the first backup",
      async () => {
        const { output } = await primary.kubectl(
          "get",
          "job",
          "postgres-basebackup-first",
          "-o",
          "jsonpath={.status.succeeded}",
        );
        return output === "1";
      },
      300,
    );
    await primary.query(fill(1000));
  });

  after(async () => {
    rmSync(folder, { recursive: true });
    await command("kubectl", ["--context", region, "delete", "namespace", scratch.namespace, "--wait=false"]);
  });

  it("says what can be restored, from both repositories", async () => {
    const output = await succeed(dr("--list"));
    assert.match(output, /s3/);
    assert.match(output, /gcs/);
    assert.match(output, /timeline 1/);
  });

  it("refuses what can't be restored, before anything is touched", async () => {
    await refused(dr("--to", "2999-01-01T00:00:00Z"), /lies in the future/);
    await refused(dr("--to", "2001-01-01T00:00:00Z"), /from before the first backup/);
    await refused(dr("--to", "2026-11-24 10:00:00"), /must be a moment with its zone/);
    await refused(dr("--to", "latest", "--timeline", "9"), /no backup leads to timeline 9/);
    await refused(dr("--to", "latest", "--set", "20010101-000000F"), /there is no backup/);
    assert.equal(await hasNamespace(), false);
  });

  it("a table that was dropped comes back as it was the moment before", async () => {
    const before = await moment();
    await primary.query("DROP TABLE users");
    const output = await succeed(dr("--to", before, "--table", "users", "--into", "primary"));
    const [, schema = ""] = /ALTER TABLE (restored_\d+_\d+)\.users/.exec(output) ?? [];
    rmSync(`${schema}.dump`, { force: true });
    await primary.query(`ALTER TABLE ${schema}.users SET SCHEMA public`);
    assert.equal(await users(), "1000");
    assert.equal(await hasNamespace(), false);
  });

  it("a database of an earlier moment stands beside the living one, and a second is refused", async () => {
    const before = await moment();
    await primary.query("DELETE FROM users WHERE id > 10");
    await succeed(dr("--to", before));
    assert.equal(await inScratch("SELECT count(*) FROM users"), "1000");
    assert.equal(await inScratch("SHOW archive_mode"), "off");
    assert.equal(await users(), "10");
    await refused(dr("--to", before), /is in use: pod postgres-0/);
    await succeed(command("kubectl", ["--context", region, "delete", "namespace", scratch.namespace]));
    await succeed(dr("--to", before, "--into", "primary"));
    assert.equal(await users(), "1000");
    assert.equal(await primary.query("SELECT count(*) FROM pg_database WHERE datname ~ '_before_'"), "1");
  });

  it("the plan's commands: a dump is restored for a test, and into production", async () => {
    await succeed(primary.kubectl("create", "job", "--from=cronjob/postgres-backup", "dump-now"));
    await succeed(primary.kubectl("wait", "--for=condition=complete", "job/dump-now", "--timeout=300s"));
    await primary.query("DELETE FROM users");
    const latest = "/backups/marimo_backup_latest.dump.gz";
    await succeed(script("restore.sh", latest, scratch.namespace));
    assert.equal(await inScratch("SELECT count(*) FROM users"), "1000");
    assert.equal(await users(), "0");
    await succeed(command("kubectl", ["--context", region, "delete", "namespace", scratch.namespace]));
    await succeed(script("restore.sh", latest, "marimo-erp"));
    assert.equal(await users(), "1000");
  });

  it("a dump that is no good costs nothing", async () => {
    const kept = join(stores.s3.folder, stores.s3.bucket, "dumps");
    const name =
      readdirSync(kept)
        .find((file) => file.endsWith(".dump.gz"))
        ?.replace(".dump.gz", "") ?? "";
    const copy = (end: string) => {
      copyFileSync(join(kept, name + end), join(folder, name + end));
      return join(folder, name + end);
    };
    const dump = copy(".dump.gz");
    await refused(dr("--dump", dump), /no checksum lies beside/);
    copy(".sha256");
    const bytes = readFileSync(dump);
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
    writeFileSync(dump, bytes);
    const { code, output } = await dr("--dump", dump);
    assert.equal(code, 1, output);
    assert.match(output, /was damaged after it was written|it is damaged/);
    assert.equal(await users(), "1000");
    assert.equal(await primary.query("SELECT count(*) FROM pg_database WHERE datname ~ '_restore_'"), "0");
  });
});
