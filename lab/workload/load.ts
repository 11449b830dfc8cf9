import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { type ConnectionSource, waitForDatabase, withClient } from "./connection";
import { rowChunks } from "./rows";
import { acknowledgedWrites, rowCounts, type RowCounts, type TableName, tableNames, tables } from "./schema";

export interface LoadOptions {
  /** 1 makes about 1 GB of database, indexes included. */
  readonly scale: number;
  /** The same seed makes the same rows. @default 1 */
  readonly seed?: number;
  /** Tables copied at once. @default 2, which keeps one server process busy while another waits for its rows */
  readonly sessions?: number;
  /** Called as tables are done. */
  readonly onProgress?: (done: string) => void;
}

export interface LoadResult {
  /** `pg_database_size` after the load, in bytes. */
  readonly databaseBytes: number;
  readonly rows: number;
  readonly seconds: { readonly copy: number; readonly indexes: number; readonly foreignKeys: number };
}

/**
 * Fills an empty database with the workload's tables.
 *
 * @throws RangeError for a scale outside of `scaleLimits`, Error when the tables are already there
 */
export async function load(connection: ConnectionSource, options: LoadOptions): Promise<LoadResult> {
  const { scale, seed = 1, sessions = 2, onProgress = () => undefined } = options;
  const counts = rowCounts(scale);
  await waitForDatabase(connection);
  await withClient(connection, refuseLoadedDatabase);

  const copy = await timed(() =>
    eachTable(connection, sessions, async (client, table) => {
      await copyTable(client, table, rowChunks(table, counts, seed));
      onProgress(`${table}: ${counts[table]} rows`);
    }),
  );
  const indexes = await timed(() =>
    eachTable(connection, sessions, (client, table) => runAll(client, tables[table].indexes)),
  );
  onProgress("indexes");
  const foreignKeys = await timed(() =>
    withClient(connection, async (client) => {
      for (const table of tableNames) await runAll(client, tables[table].foreignKeys);
      await client.query(acknowledgedWrites);
      await client.query("ANALYZE");
    }),
  );
  onProgress("foreign keys");

  return {
    databaseBytes: await databaseBytes(connection),
    rows: tableNames.reduce((sum, table) => sum + counts[table], 0),
    seconds: { copy, indexes, foreignKeys },
  };
}

/** Size of the connection's database on disk, in bytes. */
export const databaseBytes = (connection: ConnectionSource): Promise<number> =>
  withClient(connection, async (client) => {
    const { rows } = await client.query<{ bytes: string }>("SELECT pg_database_size(current_database()) AS bytes");
    return rows.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  });

/** Rows that are in each table. */
export const countRows = (connection: ConnectionSource): Promise<RowCounts> =>
  withClient(connection, async (client) => {
    const counts: Partial<Record<TableName, number>> = {};
    for (const table of tableNames) {
      const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
      counts[table] = Number(rows[0]?.count);
    }
    return counts as RowCounts;
  });

async function refuseLoadedDatabase(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname = ANY($1)",
    [tableNames],
  );
  if (rows.length > 0) {
    throw new Error(
      `database "${client.database ?? ""}" already has the table(s) ${rows.map(({ name }) => name).join(", ")}; nothing was loaded. ` +
        `Drop them, or use the data that is there`,
    );
  }
}

/** Creates and fills a table in one transaction: Postgres then writes its rows frozen, and no vacuum writes them again. */
async function copyTable(client: Client, table: TableName, chunks: Iterable<string>): Promise<void> {
  await client.query("BEGIN");
  await client.query(`CREATE TABLE ${table} (${tables[table].columns})`);
  await pipeline(Readable.from(chunks), client.query(copyFrom(`COPY ${table} FROM STDIN (FREEZE)`)));
  await client.query("COMMIT");
}

async function runAll(client: Client, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await client.query(statement);
}

/** Calls `work` for each table, the largest first, over so many sessions. The first failure ends it. */
async function eachTable(
  connection: ConnectionSource,
  sessions: number,
  work: (client: Client, table: TableName) => Promise<void>,
): Promise<void> {
  const waiting = tableNames.toSorted((a, b) => tables[b].rows - tables[a].rows);
  const session = () =>
    withClient(connection, async (client) => {
      for (let table = waiting.shift(); table !== undefined; table = waiting.shift()) await work(client, table);
    });
  await Promise.all(Array.from({ length: sessions }, session));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
