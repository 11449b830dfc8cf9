import { join } from "node:path";
import { z } from "zod";
import { paths } from "../paths";

const Summary = z.object({ run: z.uuid(), acknowledgedRows: z.int(), unknownRows: z.int(), refusedRows: z.int() });

export interface WriterProcess {
  /** Lets it finish its last commits and end. @throws Error when it had ended before, or ends with another status than 0 */
  readonly stop: () => Promise<z.infer<typeof Summary>>;
}

/**
 * A writer in a process of its own, so that its record does not depend on the one that destroys the region.
 *
 * @param rate commits per second
 * @param signal ends the process at once
 */
export async function startWriterProcess(
  region: string,
  ledger: string,
  rate: number,
  signal: AbortSignal,
): Promise<WriterProcess> {
  // execa is published for `import` only; tsx runs this project as CommonJS and leaves a dynamic import as it is.
  const { execa } = await import("execa");
  const cli = join(paths.root, "lab", "workload", "cli.ts");
  const args = ["--require", "tsx/cjs", cli, "write", "--region", region, "--ledger", ledger, "--rate", String(rate)];
  const child = execa(process.execPath, args, {
    cwd: paths.root,
    stdin: "ignore",
    cancelSignal: signal,
    // Its last commits and connections wait for answers that no longer come.
    forceKillAfterDelay: 30_000,
  });
  const ended = child.then(({ stdout }) => stdout);
  await Promise.race([firstLine(child.stderr), ended.then(endedEarly)]);
  return {
    stop: async () => {
      child.kill("SIGTERM");
      return Summary.parse(JSON.parse(await ended));
    },
  };
}

const endedEarly = (): never => {
  throw new Error("the writer ended before it wrote anything");
};

/** The writer says on stderr when it has begun. */
const firstLine = (stream: NodeJS.ReadableStream): Promise<void> =>
  new Promise((resolve) => {
    stream.once("data", () => {
      resolve();
    });
  });
