import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Client, escapeIdentifier as quoted } from "pg";
import type { Manifest } from "../../../../domain/dumps";
import { fence } from "../../../../domain/fence";
import { databaseNames, type LoadOrder, rowFaults, tablesOfUsers } from "../../../../domain/load";
import { names } from "../../../../domain/names";
import { tls } from "../../../../domain/paths";
import { Stop } from "../result";

const connectMs = 10_000;
/** Sessions that are ended go within moments; one that doesn't is stuck in the kernel. */
const emptyingSeconds = 30;
const maxJobs = 4;

const tableNames = `
  SELECT format('%I.%I', nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
   WHERE relkind = 'r' AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'`;

/** Rows of each table, by the catalog's names, never by those in a description: nothing vouches for that file. */
export const countRows = async (
  client: Client,
  isWanted: (table: string) => boolean = () => true,
): Promise<Record<string, number>> => {
  const counted: Record<string, number> = {};
  for (const { name } of (await client.query<{ name: string }>(tableNames)).rows) {
    if (!isWanted(name)) continue;
    const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ONLY ${name}`);
    counted[name] = Number(rows[0]?.count);
  }
  return counted;
};

/** The server that a dump goes to. */
export class Target {
  constructor(private readonly order: LoadOrder) {}

  private async session<T>(database: string, work: (client: Client) => Promise<T>): Promise<T> {
    const { host, port, tls: isSecure } = this.order.target;
    const client = new Client({
      host,
      port,
      database,
      user: names.superuser,
      application_name: "marimo_load",
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
      ssl: isSecure ? { ca: readFileSync(tls.ca, "utf8"), rejectUnauthorized: true } : false,
    });
    // Told to the statement under way, or to the next one.
    client.on("error", () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  private run(program: string, args: readonly string[]): Promise<void> {
    const { host, port, tls: isSecure } = this.order.target;
    const child = spawn(program, args, {
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        ...process.env,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: names.superuser,
        PGAPPNAME: "marimo_load",
        PGSSLMODE: isSecure ? "verify-full" : "disable",
        ...(isSecure && { PGSSLROOTCERT: tls.ca }),
      },
    });
    let last = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      process.stderr.write(text);
      last = (last + text).slice(-2000);
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject).once("close", (code) => {
        if (code === 0) resolve();
        else reject(new Error(`${program} ended with ${code}: ${last.trim().split("\n").slice(-4).join("; ")}`));
      });
    });
  }

  /** Major version of the server. */
  async major(): Promise<number> {
    return this.session("postgres", async (client) => {
      const { rows } = await client.query<{ version: number }>(
        "SELECT current_setting('server_version_num')::int / 10000 AS version",
      );
      return rows[0]?.version ?? 0;
    });
  }

  /** Tables of the living database. 0 where the database isn't there either. */
  async tables(): Promise<number> {
    if (!(await this.exists(this.order.database))) return 0;
    return this.session(this.order.database, async (client) => {
      const { rows } = await client.query<{ count: number }>(tablesOfUsers);
      return rows[0]?.count ?? 0;
    });
  }

  private exists(database: string): Promise<boolean> {
    return this.session("postgres", async (client) => {
      const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [database]);
      return (rowCount ?? 0) > 0;
    });
  }

  /** Fills a new database beside the living one. */
  async fill(dump: string): Promise<void> {
    const { incoming } = databaseNames(this.order.database, this.order.stamp);
    await this.session("postgres", async (client) => {
      // What a restore left that was ended.
      const { rows } = await client.query<{ name: string }>(
        "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)",
        [databaseNames(this.order.database, "").incoming],
      );
      for (const { name } of rows) await client.query(`DROP DATABASE ${quoted(name)} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${quoted(incoming)} TEMPLATE template0`);
    });
    await this.run("pg_restore", [
      ...["--exit-on-error", `--jobs=${Math.min(availableParallelism(), maxJobs)}`, `--dbname=${incoming}`],
      // The fence's own table: the living database's is the newer one.
      `--exclude-schema=${fence.heartbeatSchema}`,
      ...(this.order.withoutOwners ? ["--no-owner", "--no-privileges"] : []),
      dump,
    ]);
  }

  /** Gathers what queries are planned by: without it the first ones would take for ever. */
  async analyze(): Promise<void> {
    const { incoming } = databaseNames(this.order.database, this.order.stamp);
    await this.run("vacuumdb", ["--analyze-only", "--quiet", `--jobs=${maxJobs}`, `--dbname=${incoming}`]);
  }

  /** @throws Stop where a table has other rows than when the dump was taken. @returns how many tables were counted */
  async compare(manifest: Pick<Manifest, "tables">): Promise<number> {
    const { incoming } = databaseNames(this.order.database, this.order.stamp);
    const counted = await this.session(incoming, (client) => countRows(client, (name) => name in manifest.tables));
    const faults = rowFaults(manifest, counted);
    if (faults.length > 0) {
      throw new Stop(
        `what was restored is not what was dumped: ${faults.slice(0, 10).join(", ")}`,
        incoming,
        "Take another dump. The living database is untouched",
      );
    }
    return Object.keys(manifest.tables).length;
  }

  /** Removes what was filled in vain. */
  async drop(): Promise<void> {
    const { incoming } = databaseNames(this.order.database, this.order.stamp);
    await this.session("postgres", (client) =>
      client.query(`DROP DATABASE IF EXISTS ${quoted(incoming)} WITH (FORCE)`),
    );
  }

  /**
   * Puts the new database in the place of the living one, which is kept under another name. Both names change in one transaction.
   * @returns the old one's name; none where there was no database
   */
  async swap(): Promise<string | undefined> {
    const { database } = this.order;
    const { incoming, before, restorePoint } = databaseNames(database, this.order.stamp);
    if (!(await this.exists(database))) {
      await this.session("postgres", (client) =>
        client.query(`ALTER DATABASE ${quoted(incoming)} RENAME TO ${quoted(database)}`),
      );
      return undefined;
    }
    await this.takeHeartbeatAlong(incoming);
    await this.session("postgres", async (client) => {
      await client.query("SELECT pg_create_restore_point($1)", [restorePoint]);
      const closed = (name: string, isClosed: boolean) =>
        client.query(`ALTER DATABASE ${quoted(name)} ALLOW_CONNECTIONS ${String(!isClosed)}`);
      await closed(database, true);
      try {
        await this.empty(client, database);
        await this.empty(client, incoming);
        await client.query("BEGIN");
        await client.query(`ALTER DATABASE ${quoted(database)} RENAME TO ${quoted(before)}`);
        await client.query(`ALTER DATABASE ${quoted(incoming)} RENAME TO ${quoted(database)}`);
        await client.query("COMMIT");
      } catch (error) {
        await client.query("ROLLBACK");
        await closed(database, false);
        throw error;
      }
      await closed(before, false);
    });
    return before;
  }

  /** Ends the sessions of a database and waits until they are gone. */
  private async empty(client: Client, database: string): Promise<void> {
    const limit = performance.now() + emptyingSeconds * 1000;
    for (;;) {
      const { rows } = await client.query<{ pid: number }>(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        [database],
      );
      if (rows.length === 0) return;
      if (performance.now() > limit)
        throw new Error(`sessions of ${database} don't end: ${rows.map(({ pid }) => pid).join(", ")}`);
      await pause(100);
    }
  }

  /**
   * The fence counts heartbeats in this database, and lag is a difference of counts: they go on from the living one's, a little ahead of
   * those that it makes until the names change.
   */
  private async takeHeartbeatAlong(incoming: string): Promise<void> {
    const { database } = this.order;
    const isThere = await this.session(database, async (client) => {
      const { rowCount } = await client.query("SELECT FROM pg_namespace WHERE nspname = $1", [fence.heartbeatSchema]);
      return (rowCount ?? 0) > 0;
    });
    // pg_restore leaves out what is in an excluded schema, and makes the schema itself.
    await this.session(incoming, (client) => client.query(`DROP SCHEMA IF EXISTS ${fence.heartbeatSchema} CASCADE`));
    if (!isThere) return;
    const copy =
      'pg_dump --schema="$1" --dbname="$2" | psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --output=/dev/null --dbname="$3"';
    await this.run("bash", ["-o", "pipefail", "-c", copy, "copy", fence.heartbeatSchema, database, incoming]);
    await this.session(incoming, (client) =>
      client.query(`UPDATE ${fence.heartbeatSchema}.heartbeat SET beat = beat + ${2 * emptyingSeconds}`),
    );
  }
}
