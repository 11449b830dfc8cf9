import type { ListrTask } from "listr2" with { "resolution-mode": "import" };

/** One thing to do, or a group of them. */
export type Task =
  | { title: string; expectedSeconds: number; run: () => Promise<void> }
  | { title: string; concurrent?: boolean; tasks: readonly Task[] };

/** Shorter steps need no prediction. */
const worthPredicting = 3;

/** `5 s`, `1 min 5 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** The first error of a run, which is shown once, at its end: listr would show it again for every group above. */
interface Outcome {
  error?: unknown;
}

function toListr(task: Task, outcome: Outcome): ListrTask {
  if ("tasks" in task) {
    return {
      title: task.title,
      task: (_, parent) =>
        parent.newListr(
          task.tasks.map((child) => toListr(child, outcome)),
          { concurrent: task.concurrent ?? false },
        ),
    };
  }
  const { title, expectedSeconds, run } = task;
  const expected = expectedSeconds > worthPredicting ? `, expected ${duration(expectedSeconds)}` : "";
  return {
    title: expected === "" ? title : `${title} (${expected.slice(2)})`,
    task: async (_, shown) => {
      const startedAt = Date.now();
      const elapsed = (): string => duration((Date.now() - startedAt) / 1000);
      const clock = setInterval(() => {
        shown.title = `${title} (${elapsed()}${expected})`;
      }, 1000);
      try {
        await run();
        shown.title = `${title} (took ${elapsed()})`;
      } catch (error) {
        outcome.error ??= error;
        throw new Error(`failed after ${elapsed()}`, { cause: error });
      } finally {
        clearInterval(clock);
      }
    },
  };
}

/**
 * Runs tasks in order, groups marked concurrent side by side; shows each with its elapsed and its expected time.
 *
 * @throws The error of the task that failed first.
 */
export async function runTasks(tasks: readonly Task[]): Promise<void> {
  const { Listr } = await import("listr2");
  const outcome: Outcome = {};
  const shown = tasks.map((task) => toListr(task, outcome));
  try {
    await new Listr(shown, { rendererOptions: { collapseSubtasks: false } }).run();
  } catch (error) {
    throw outcome.error ?? error;
  }
}
