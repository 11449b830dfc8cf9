import { join } from "node:path";
import { reasonOf } from "./kubernetes";
import { Locked } from "./lock";
import { RolledBack, Stopped } from "./procedure";
import { now, type Outcome, Recorder } from "./record";

/** How a run ended, and what is to be said of it. */
export interface Ending {
  readonly outcome: Outcome;
  readonly message?: string;
}

export interface RecordOptions {
  /** Folder with Pulumi.yaml and the stacks' files. */
  readonly project: string;
  /** File of the record. @default a new one in the project's folder .dr/records */
  readonly record?: string;
}

const endingOf = (error: unknown): Ending => {
  if (error instanceof Locked) return { outcome: "refused", message: error.message };
  if (error instanceof RolledBack) {
    return { outcome: "rolled back", message: `Taken back, all is as it was. What failed:\n${error.message}` };
  }
  if (error instanceof Stopped) {
    return { outcome: "stopped", message: `Stopped: ${error.message}. The same command goes on from here.` };
  }
  return { outcome: "failed", message: reasonOf(error) };
};

/** Runs a command with its record, from the first word to how it ended. */
export const recorded = async (
  command: string,
  args: object,
  { project, record }: RecordOptions,
  run: (recorder: Recorder) => Promise<Ending>,
): Promise<Outcome> => {
  const file = record ?? join(project, ".dr", "records", `${now().replaceAll(/[:.]/g, "-")}-${command}.json`);
  const recorder = new Recorder(file, command, args);
  const { outcome, message } = await run(recorder).catch(endingOf);
  recorder.end(outcome, message);
  if (message !== undefined) console.error(message);
  console.log(`Record: ${file}`);
  return outcome;
};

/** What was decided against, with its reasons. */
export const refused = (reasons: readonly string[]): Ending => ({
  outcome: "refused",
  message: `Refused, and nothing was changed:\n${listed(reasons)}`,
});

export const listed = (lines: readonly string[]): string => lines.map((line) => `  - ${line}`).join("\n");
