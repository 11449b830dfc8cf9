/**
 * The middle of the values; the mean of the two in the middle of an even number.
 *
 * @throws RangeError for no values
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError("there is no median of no values");
  return (lower + upper) / 2;
}

/** What is said of a few samples. */
export interface Summary {
  readonly samples: readonly number[];
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
}

/** @throws RangeError for no samples */
export const summary = (samples: readonly number[]): Summary => ({
  samples,
  median: median(samples),
  minimum: Math.min(...samples),
  maximum: Math.max(...samples),
});

export const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Calls `work` so many times, one after the other. */
export async function repeat<T>(rounds: number, work: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < rounds; round++) results.push(await work(round));
  return results;
}

/** The same. @returns seconds that each took */
export const timeEach = (rounds: number, work: (round: number) => Promise<unknown>): Promise<number[]> =>
  repeat(rounds, async (round) => {
    const start = performance.now();
    await work(round);
    return (performance.now() - start) / 1000;
  });
