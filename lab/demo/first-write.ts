import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionSource } from "../workload/connection";
import { startWriter, type Writer } from "../workload/writer";
import { rejectionOf } from "../stage/abort";

/** Between two attempts: how exactly the first write's time is known. */
const PAUSE_MS = 200;

/**
 * Tries to write, again and again, as a client whose database is away does.
 *
 * @returns when the first commit was acknowledged, in milliseconds since 1970
 * @throws Error with the last refusal when the signal is aborted before
 */
export async function firstWrite(database: ConnectionSource, ledger: string, signal: AbortSignal): Promise<number> {
  const writer = await firstConnection(database, ledger, signal);
  try {
    return await Promise.race([writer.firstAcknowledgement, rejectionOf(signal)]);
  } finally {
    await writer.stop();
  }
}

async function firstConnection(database: ConnectionSource, ledger: string, signal: AbortSignal): Promise<Writer> {
  let refusal: unknown;
  while (!signal.aborted) {
    try {
      return await startWriter(database, ledger, { sessions: 1, commitsPerSecond: 10 });
    } catch (error) {
      refusal = error;
      await delay(PAUSE_MS, undefined, { signal }).catch((ended: unknown) => {
        if (!signal.aborted) throw ended;
      });
    }
  }
  throw new Error(`gave up writing (${String(signal.reason)}); the last attempt said why`, { cause: refusal });
}
