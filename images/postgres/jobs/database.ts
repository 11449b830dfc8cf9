import { readFileSync } from "node:fs";
import { Client } from "pg";
import { names } from "../../../domain/names";
import type { Address } from "../../../domain/patroni";
import { tls } from "../../../domain/paths";

const CONNECT_MS = 10_000;

/** A session with a member's database, over TLS that proves who it is. The password is in the environment (PGPASSWORD). */
export const connect = async ({ host, port }: Address, database: string): Promise<Client> => {
  const client = new Client({
    host,
    port,
    user: names.superuser,
    database,
    application_name: "marimo_jobs",
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    ssl: { ca: readFileSync(tls.ca, "utf8"), rejectUnauthorized: true },
  });
  // Told to the statement under way, or to the next one.
  client.on("error", () => undefined);
  await client.connect();
  return client;
};

/** The same for programs of PostgreSQL, as their environment. */
export const libpqEnvironment = ({ host, port }: Address, database: string): Record<string, string> => ({
  PGHOST: host,
  PGPORT: String(port),
  PGUSER: names.superuser,
  PGDATABASE: database,
  PGSSLMODE: "verify-full",
  PGSSLROOTCERT: tls.ca,
  PGAPPNAME: "marimo_jobs",
  PGCONNECT_TIMEOUT: String(CONNECT_MS / 1000),
});
