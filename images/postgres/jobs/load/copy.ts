import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Client } from "pg";
import type { Manifest } from "../../../../domain/dumps";
import { load } from "../../../../domain/load";
import { names } from "../../../../domain/names";
import type { Address } from "../../../../domain/patroni";
import { countRows } from "./target";

const run = promisify(execFile);

/** Takes a scratch database to the work volume, with the rows that it has. Nobody writes there, so both are of one moment. */
export const copyScratch = async (
  { host, port }: Address,
  database: string,
): Promise<{ readonly path: string; readonly manifest: Pick<Manifest, "tables"> }> => {
  const password = process.env[load.scratchPassword] ?? "";
  const client = new Client({ host, port, user: names.superuser, database, password, ssl: false });
  await client.connect();
  try {
    const path = `${load.workFolder}/dump`;
    await run("pg_dump", ["--format=custom", "--compress=none", `--file=${path}`, `--dbname=${database}`], {
      env: {
        ...process.env,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: names.superuser,
        PGPASSWORD: password,
        PGSSLMODE: "disable",
      },
    });
    return { path, manifest: { tables: await countRows(client) } };
  } finally {
    await client.end();
  }
};
