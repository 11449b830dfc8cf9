import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RegionName } from "../../kind";
import { paths } from "../../paths";
import { until } from "../../stage/until";
import { clock, readLedger } from "../../workload/ledger";
import { startWriter, type Writer } from "../../workload/writer";
import { type Acknowledgement, acknowledgementsOf, regionOf } from "../acknowledgements";
import { type Direct, isWritable } from "../regions";
import { countByRegion, sum, type Counted } from "../step";

/** What each measure works with: two regions that are up, one of which writes and the other follows. */
export interface Bench {
  /** For clients that ask the regions which of them takes writes: what DNS takes is measured by itself. */
  readonly database: Direct;
  readonly signal: AbortSignal;
}

/** Before a change, so that there is something to lose. */
const WRITING_SECONDS = 5;
/** A region that takes over waits for a lease to run out, on a machine that also does everything else. */
const TAKEOVER_SECONDS = 180;

export interface Load {
  readonly commitsPerSecond: number;
  /** The region that takes writes in the end. */
  readonly to: RegionName;
}

export interface UnderLoad<T> {
  readonly result: T;
  readonly acknowledgements: readonly Acknowledgement[];
  readonly count: Counted;
}

/** Writes, does `act`, writes on until region `to` acknowledges, and looks up every acknowledged row. */
export async function underLoad<T>(
  { database, signal }: Bench,
  { commitsPerSecond, to }: Load,
  act: () => Promise<T>,
): Promise<UnderLoad<T>> {
  const ledger = join(paths.reports, "ledgers", `${new Date().toISOString().replaceAll(/[:.]/g, "-")}-bench.jsonl`);
  const writer = await startWriter(database, ledger, { commitsPerSecond });
  let result: T;
  try {
    await acknowledgedBy(writer, undefined, signal);
    await delay(WRITING_SECONDS * 1000, undefined, { signal });
    result = await act();
    await acknowledgedBy(writer, to, signal);
  } finally {
    await writer.stop();
  }
  // A pod that was killed and is back may be taken out of its Service once more, until it is told to be ready.
  await until(`region ${to} says that it takes writes`, () => isWritable(to), TAKEOVER_SECONDS, signal);
  const run = readLedger(ledger);
  return { result, acknowledgements: acknowledgementsOf(run), count: sum(await countByRegion(run, database)) };
}

/** Returns when the region, or any, has acknowledged something anew. */
async function acknowledgedBy(writer: Writer, region: RegionName | undefined, signal: AbortSignal): Promise<void> {
  const since = clock();
  const holds = () => {
    const newest = writer.newest();
    return newest !== undefined && newest.at > since && (region === undefined || regionOf(newest.server) === region);
  };
  await until(`${region ?? "a region"} acknowledges`, holds, TAKEOVER_SECONDS, signal);
}
