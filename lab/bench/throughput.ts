import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionSource } from "../workload/connection";
import { clock, readLedger } from "../workload/ledger";
import { startWriter } from "../workload/writer";

/** A window of time, in milliseconds since 1970. */
interface Window {
  readonly from: number;
  readonly to: number;
}

const WARM_UP_MS = 5000;
const QUIET_MS = 15_000;

/**
 * Commits per second while `backup` runs, and while it does not, in turns.
 *
 * @returns one rate for each round and kind
 */
export async function throughput(
  database: ConnectionSource,
  ledger: string,
  rounds: number,
  backup: (round: number) => Promise<unknown>,
): Promise<{ quiet: number[]; underBackup: number[] }> {
  const writer = await startWriter(database, ledger);
  const quiet: Window[] = [];
  const busy: Window[] = [];
  try {
    await delay(WARM_UP_MS);
    for (let round = 0; round < rounds; round++) {
      quiet.push(await during(() => delay(QUIET_MS)));
      busy.push(await during(() => backup(round)));
    }
  } finally {
    await writer.stop();
  }
  const times = readLedger(ledger).acknowledged.map(({ at }) => at);
  return { quiet: quiet.map((window) => rate(times, window)), underBackup: busy.map((window) => rate(times, window)) };
}

async function during(work: () => Promise<unknown>): Promise<Window> {
  const from = clock();
  await work();
  return { from, to: clock() };
}

/** Events a second within the window. */
export const rate = (times: readonly number[], { from, to }: Window): number =>
  times.filter((at) => at >= from && at < to).length / ((to - from) / 1000);
