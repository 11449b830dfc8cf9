import type { Client } from "pg";
import { type ConnectionSource, withClient } from "./connection";
import { readLedger, type Run } from "./ledger";
import { computeLoss, ids, type Loss } from "./loss";

export interface Count extends Loss {
  /** Rows whose commit got no answer and that are there all the same. Neither lost nor found. */
  readonly unknownFound: number;
  readonly unknownWrites: number;
  /** The longest time between two acknowledgements, in seconds: what a client saw of an outage. */
  readonly longestGapSeconds: number;
}

/** Ids asked for at once. */
const BATCH = 10_000;

/**
 * Looks up every acknowledged row of a writer's ledger.
 *
 * @param lostAt when the database was destroyed, in milliseconds since 1970. @default the last acknowledgement, for faults
 *   that destroy nothing
 */
export const countAcknowledged = async (
  source: ConnectionSource,
  ledgerPath: string,
  lostAt?: number,
): Promise<Count> => countRun(source, readLedger(ledgerPath), lostAt);

/** The same for a run, or for a part of it. */
export async function countRun(
  source: ConnectionSource,
  { run, startedAt, acknowledged, unknown }: Pick<Run, "run" | "startedAt" | "acknowledged" | "unknown">,
  lostAt?: number,
): Promise<Count> {
  const wanted = [...acknowledged, ...unknown].flatMap(ids);
  const found = await withClient(source, (client) => findIds(client, run, wanted));
  const times = acknowledged.map(({ at }) => at).sort((a, b) => a - b);
  const isFound = (id: number) => found.has(id);
  return {
    ...computeLoss(acknowledged, startedAt, lostAt ?? times.at(-1) ?? startedAt, isFound),
    unknownWrites: unknown.reduce((sum, { rows }) => sum + rows, 0),
    unknownFound: unknown.flatMap(ids).filter(isFound).length,
    longestGapSeconds: times.reduce((gap, at, n) => Math.max(gap, at - (times[n - 1] ?? at)), 0) / 1000,
  };
}

async function findIds(client: Client, run: string, wanted: readonly number[]): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  for (let start = 0; start < wanted.length; start += BATCH) {
    const { rows } = await client.query<{ id: string }>(
      "SELECT id FROM acknowledged_writes WHERE run = $1 AND id = ANY($2::bigint[])",
      [run, wanted.slice(start, start + BATCH)],
    );
    for (const { id } of rows) found.add(Number(id));
  }
  return found;
}
