import type { Client } from "pg";
import type { Manifest } from "../../../domain/dumps";

/** Tables whose rows a dump has: neither PostgreSQL's own, nor an extension's, nor unlogged ones, which no standby can read. */
const tablesQuery = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'r' AND c.relpersistence = 'p'
     AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
     AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
   ORDER BY 1`;

const sequencesQuery = `
  SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS value
    FROM pg_sequences WHERE last_value IS NOT NULL ORDER BY 1`;

const extensionsQuery = "SELECT extname AS name, extversion AS value FROM pg_extension ORDER BY 1";
const rolesQuery = "SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1";

const factsQuery = `
  SELECT current_setting('server_version_num')::int AS "serverVersion",
         pg_database_size(current_database())::float8 AS "databaseBytes",
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn,
         (SELECT count(*)::int FROM pg_largeobject_metadata) AS "largeObjects"`;

export interface SnapshotFacts {
  readonly serverVersion: number;
  readonly databaseBytes: number;
  readonly lsn: string;
}

/** A transaction that others can see the database as, by its name. It lasts as long as its session. */
export interface Snapshot {
  readonly id: string;
  readonly facts: SnapshotFacts;
  /** Counts every row there is, in the snapshot. */
  manifest(): Promise<Manifest>;
}

const pairs = async (client: Client, sql: string): Promise<Record<string, string>> => {
  const { rows } = await client.query<{ name: string; value: string }>(sql);
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
};

/** Begins the transaction in which a dump and its manifest are taken. */
export const takeSnapshot = async (client: Client): Promise<Snapshot> => {
  // The session waits for the dump: neither limit is meant for that.
  await client.query("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0");
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const { rows } = await client.query<SnapshotFacts & { largeObjects: number }>(factsQuery);
  const exported = await client.query<{ id: string }>("SELECT pg_export_snapshot() AS id");
  const [facts] = rows;
  const [snapshot] = exported.rows;
  if (facts === undefined || snapshot === undefined)
    throw new Error("the server answers a query for one row with none");
  const { largeObjects, ...others } = facts;
  // Sequences stand outside of snapshots: read before the dump reads them, what it has is never less.
  const sequences = await pairs(client, sequencesQuery);
  return {
    id: snapshot.id,
    facts: others,
    manifest: async () => {
      const tables: Record<string, number> = {};
      for (const { name } of (await client.query<{ name: string }>(tablesQuery)).rows) {
        const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ONLY ${name}`);
        tables[name] = Number(rows[0]?.count);
      }
      const roles = (await client.query<{ name: string }>(rolesQuery)).rows.map(({ name }) => name);
      return { tables, sequences, extensions: await pairs(client, extensionsQuery), roles, largeObjects };
    },
  };
};
