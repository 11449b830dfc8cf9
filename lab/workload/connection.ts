import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";

/** How to reach the database as its superuser. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Verify the server's certificate by this CA (PEM) and this name. `undefined`: no TLS. */
  readonly tls: { readonly ca: string; readonly serverName: string } | undefined;
}

/** A connection, or the way to find it: a region that comes back has another address. */
export type ConnectionSource = Connection | (() => Promise<Connection>);

export const resolveConnection = async (source: ConnectionSource): Promise<Connection> =>
  typeof source === "function" ? source() : source;

export function clientConfig({ tls, ...connection }: Connection): ClientConfig {
  return {
    ...connection,
    application_name: "marimo-lab-workload",
    // A region that is destroyed sends no farewell: without these a session would wait for it for minutes.
    connectionTimeoutMillis: 3000,
    keepAlive: true,
    ...(tls && { ssl: { ca: tls.ca, servername: tls.serverName, rejectUnauthorized: true } }),
  };
}

/** Connects, calls `use`, and closes the connection whatever happens. */
export async function withClient<T>(source: ConnectionSource, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(clientConfig(await resolveConnection(source)));
  // A server that goes away fails the statement under way, which is how `use` hears of it; pg tells it here once more.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Address of the server at the other end, as it says itself: what led to it may lead to several. */
export async function serverOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ address: string | null }>("SELECT host(inet_server_addr()) AS address");
  return rows[0]?.address ?? "a local socket";
}

/** Does not wait: a server that is gone never says farewell. */
export function abandon(client: Client): void {
  client.end().catch(() => undefined);
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/** @throws Error when the work takes longer; it is left to itself */
export async function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  const timeout = new AbortController();
  const expired = delay(milliseconds, undefined, { signal: timeout.signal }).then(() => {
    throw new Error(`no answer within ${milliseconds / 1000} s`);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    timeout.abort();
    // Whichever lost the race has nothing more to say: the abort just ordered, or a session that is closed next.
    expired.catch(() => undefined);
    work.catch(() => undefined);
  }
}

const ATTEMPT_PAUSE_MS = 200;

/**
 * Returns when the database lets a client in: a Service takes a moment to reach a pod that is ready.
 *
 * @throws Error with the last refusal after `timeoutSeconds`
 */
export async function waitForDatabase(source: ConnectionSource, timeoutSeconds = 60): Promise<void> {
  const deadline = performance.now() + timeoutSeconds * 1000;
  for (;;) {
    try {
      await withClient(source, (client) => client.query("SELECT"));
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`the database lets no client in after ${timeoutSeconds} s; the last attempt said why`, {
          cause: error,
        });
      }
      await delay(ATTEMPT_PAUSE_MS);
    }
  }
}
