import { setTimeout as delay } from "node:timers/promises";
import { runTasks } from "../progress";
import { rejectionOf } from "./abort";

/** A part of the story, shown with its title, what it takes and what it is expected to take. */
export interface Phase {
  /** Names the phase in the report. */
  readonly key: string;
  readonly title: string;
  /** Measured on two cores, at scale 1. */
  readonly expectedSeconds: number;
  /** What a reader looks at when it fails. */
  readonly lookAt: string;
  readonly run: () => Promise<void>;
}

/** A phase that failed, with the advice where to look. */
export class PhaseError extends Error {
  constructor(phase: Phase, cause: unknown) {
    super(`"${phase.title}" failed. Look at ${phase.lookAt}`, { cause });
    this.name = "PhaseError";
  }
}

/** How long a phase that is interrupted may take to end its commands. */
const GRACE_MS = 15_000;

/**
 * Runs the phases one after the other and shows them.
 *
 * @returns seconds taken by each, by its key
 * @throws PhaseError at the first that fails; the signal's reason when it is aborted meanwhile
 */
export async function runPhases(phases: readonly Phase[], signal: AbortSignal): Promise<Record<string, number>> {
  const seconds: Record<string, number> = {};
  const run = (phase: Phase) => async () => {
    signal.throwIfAborted();
    const start = performance.now();
    const work = phase.run();
    try {
      await Promise.race([work, rejectionOf(signal)]);
    } catch (error) {
      if (!signal.aborted) throw new PhaseError(phase, error);
      await Promise.race([work.catch(() => undefined), delay(GRACE_MS)]);
      throw error;
    }
    seconds[phase.key] = (performance.now() - start) / 1000;
  };
  await runTasks(phases.map((phase) => ({ ...phase, run: run(phase) })));
  return seconds;
}
