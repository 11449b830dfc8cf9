import { setTimeout as pause } from "node:timers/promises";
import { engine } from "./parts";
import { run, succeeds } from "./process";

/** State of a container: `running`, `exited`, `missing` or what else the engine says. */
export async function containerState(container: string): Promise<string> {
  const inspect = ["container", "inspect", "--format", "{{.State.Status}}", container];
  if (!(await succeeds(engine(), inspect))) {
    return "missing";
  }
  return (await run(engine(), inspect, { log: container })).trim();
}

/** A server in a container of its own. */
export interface Server {
  /** How a person calls it. */
  readonly title: string;
  readonly container: string;
  /** Where it answers. */
  readonly where: string;
  /** Makes the container, which is not started. */
  readonly create: () => Promise<void>;
  /** Whether the server answers now. */
  readonly answers: () => Promise<boolean>;
}

const startSeconds = 20;

/** Starts a server, and returns when it answers. One that runs is left alone. */
export async function startServer({ title, container, where, create, answers }: Server): Promise<void> {
  const state = await containerState(container);
  if (state === "missing") {
    await create();
  }
  if (state !== "running") {
    await run(engine(), ["start", container], { log: container });
  }
  const deadline = Date.now() + startSeconds * 1000;
  while (!(await answers())) {
    if (Date.now() > deadline) {
      throw new Error(
        `${title} does not answer at ${where} after ${startSeconds} s. What it said: npm run lab -- logs ${container}`,
      );
    }
    await pause(100);
  }
}

/** Removes a container, if there is one, and what it holds. */
export async function removeContainer(container: string): Promise<void> {
  if ((await containerState(container)) === "missing") return;
  await run(engine(), ["rm", "--force", "--volumes", container], { log: container });
}
