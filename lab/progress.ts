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

function toListr(task: Task): ListrTask {
  if ("tasks" in task) {
    return {
      title: task.title,
      task: (_, parent) => parent.newListr(task.tasks.map(toListr), { concurrent: task.concurrent ?? false }),
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
      } finally {
        clearInterval(clock);
      }
    },
  };
}

/** Runs tasks in order, groups marked concurrent side by side; shows each with its elapsed and its expected time. */
export async function runTasks(tasks: readonly Task[]): Promise<void> {
  const { Listr } = await import("listr2");
  await new Listr(tasks.map(toListr), { rendererOptions: { collapseSubtasks: false } }).run();
}
