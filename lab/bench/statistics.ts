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

/** Calls `work` so many times, one after the other. @returns seconds that each took */
export async function timeEach(rounds: number, work: (round: number) => Promise<unknown>): Promise<number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work(round);
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}
