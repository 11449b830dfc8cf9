import type { ListrTask } from "listr2" with { "resolution-mode": "import" };
import { reasonOf } from "./kubernetes";
import type { Recorder } from "./record";

/** One thing that a person would do. */
export interface Step {
  readonly title: string;
  /** Whether nothing is left to do, so that a second run goes on where the first one stopped. @default there is */
  readonly isDone?: () => Promise<boolean>;
  /** Does it, saying how far it is; what it returns goes into the record. */
  readonly run: (say: (progress: string) => void) => Promise<unknown>;
}

export interface Procedure {
  readonly steps: readonly Step[];
  /** Leads back to where the regions were, when a step fails. @default what was done stays */
  readonly rollback?: readonly Step[];
  /** Steps behind the point of no return: when one of them fails, nothing is taken back. */
  readonly afterwards?: readonly Step[];
  /** What a person has to hear at the end; filled by the steps. @default nothing */
  readonly notes?: readonly string[];
}

/** The operator, or what happened, asked to stop. What was done stays, and a second run goes on from there. */
export class Stopped extends Error {}

/** A step failed, and the way back was gone to its end. */
export class RolledBack extends Error {}

export interface Following {
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** What a dry run says of the steps. */
export const foresee = async ({ steps, afterwards = [] }: Procedure): Promise<string[]> => {
  const lines: string[] = [];
  for (const { title, isDone } of [...steps, ...afterwards])
    lines.push(`${(await isDone?.()) ? "is done " : "would do"}  ${title}`);
  return lines;
};

/**
 * Does the steps in order, each shown with its time and kept in the record.
 *
 * @throws Stopped when the signal was aborted; RolledBack when a step failed and the way back succeeded
 */
export const follow = async ({ steps, rollback, afterwards = [] }: Procedure, following: Following): Promise<void> => {
  const { signal } = following;
  const stoppable = async (steps: readonly Step[]) => {
    try {
      await runSteps(steps, following);
    } catch (error) {
      throw signal.aborted ? new Stopped(reasonOf(signal.reason), { cause: error }) : error;
    }
  };
  try {
    await stoppable(steps);
  } catch (error) {
    if (error instanceof Stopped || rollback === undefined) throw error;
    const failure = reasonOf(error);
    try {
      await runSteps(rollback, following);
    } catch (further) {
      throw new Error(`${failure}\nAnd the way back failed: ${reasonOf(further)}`, { cause: further });
    }
    throw new RolledBack(failure, { cause: error });
  }
  await stoppable(afterwards);
};

const runSteps = async (steps: readonly Step[], { recorder, signal }: Following): Promise<void> => {
  const { Listr } = await import("listr2");
  let failure: unknown;
  const shown = steps.map((step): ListrTask => ({
    title: step.title,
    task: async (_, task) => {
      signal.throwIfAborted();
      const startedAt = performance.now();
      const titleWith = (note: string) => `${step.title} (${note})`;
      const entry = recorder.startStep(step.title);
      try {
        if (await step.isDone?.()) {
          recorder.endStep(entry, { state: "skipped" });
          task.title = titleWith("is done already");
          return;
        }
        const result = await step.run((progress) => {
          task.output = progress;
        });
        recorder.endStep(entry, { state: "done", ...(result !== undefined && { result }) });
        task.title = titleWith(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      } catch (error) {
        failure ??= error;
        recorder.endStep(entry, { state: "failed", error: reasonOf(error) });
        throw error;
      }
    },
  }));
  try {
    await new Listr(shown, { rendererOptions: { collapseErrors: false, showErrorMessage: false } }).run();
  } catch (error) {
    throw failure ?? error;
  }
};
