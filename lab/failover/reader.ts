import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import {
  abandon,
  clientConfig,
  type ConnectionSource,
  resolveConnection,
  serverOf,
  withTimeout,
} from "../workload/connection";
import { clock } from "../workload/ledger";

/** An answer to a reader. */
export interface Reading {
  readonly at: number;
  readonly server: string;
}

export interface Reader {
  readonly newest: () => Reading | undefined;
  readonly stop: () => Promise<readonly Reading[]>;
}

/** Between two readings: how exactly a gap is known. */
const PAUSE_MS = 100;
const RECONNECT_PAUSE_MS = 200;
const TIMEOUT_MS = 5000;
/**
 * Sessions are renewed, as connection pools renew theirs: a region that is cut off, but not from this client, answers readers
 * for ever, and nothing else would lead them away from what is old.
 */
const SESSION_MS = 5000;

/** Reads a writer's newest row again and again, and connects anew when it gets no answer. */
export function startReader(source: ConnectionSource, run: string): Reader {
  const readings: Reading[] = [];
  const stopping = new AbortController();

  const readOn = async (client: Client) => {
    const server = await withTimeout(serverOf(client), TIMEOUT_MS);
    const end = clock() + SESSION_MS;
    while (!stopping.signal.aborted && clock() < end) {
      const newest = "SELECT id FROM acknowledged_writes WHERE run = $1 ORDER BY id DESC LIMIT 1";
      await withTimeout(client.query(newest, [run]), TIMEOUT_MS);
      readings.push({ at: clock(), server });
      await pause(PAUSE_MS);
    }
  };
  const session = async () => {
    const client = new Client(clientConfig(await resolveConnection(source)));
    // A server that goes away fails the reading under way, or the next one.
    client.on("error", () => undefined);
    try {
      await client.connect();
      await readOn(client);
    } finally {
      abandon(client);
    }
  };
  const reading = (async () => {
    while (!stopping.signal.aborted) await session().catch(() => pause(RECONNECT_PAUSE_MS));
  })();

  return {
    newest: () => readings.at(-1),
    stop: async () => {
      stopping.abort();
      await reading;
      return readings;
    },
  };
}
