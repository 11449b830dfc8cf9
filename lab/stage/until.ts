import { setTimeout as pause } from "node:timers/promises";

const PAUSE_MS = 200;

/**
 * Waits for something that nothing announces.
 *
 * @throws Error naming it when it does not hold within `seconds`; the signal's reason when it is aborted
 */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  seconds = 120,
  signal?: AbortSignal,
): Promise<void> {
  const limit = performance.now() + seconds * 1000;
  while (!(await holds())) {
    signal?.throwIfAborted();
    if (performance.now() > limit) throw new Error(`${what}: not within ${seconds} s`);
    await pause(PAUSE_MS);
  }
}
