import { AsyncLocalStorage } from "node:async_hooks";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import type { Options } from "execa" with { "resolution-mode": "import" };
import { labEnvironment } from "./environment";
import { paths } from "./paths";

export interface RunOptions {
  /** Name of the log file in `.lab/logs` that gets everything the command prints. */
  log: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Text for the command's standard input. Default: none. */
  input?: string;
  /** Keeps what the command prints on stdout out of the log. */
  secretOutput?: boolean;
  /** Default: 30 minutes. */
  timeoutSeconds?: number;
}

// execa is published for `import` only; tsx runs this project as CommonJS and leaves a dynamic import as it is.
const loadExeca = () => import("execa");

const cancellation = new AsyncLocalStorage<AbortSignal>();

/** Does `work`; when the signal is aborted, every command that it runs gets SIGTERM and fails. */
export function cancellable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return cancellation.run(signal, work);
}

/** Where the output of `name` is kept. */
export function logFile(name: string): string {
  return join(paths.logs, `${name}.log`);
}

function lastLines(file: string, count: number): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
}

/**
 * Runs a command in the lab's environment, its output appended to a log file, and returns what it printed on stdout.
 *
 * @throws Error naming the command, its exit status, its last lines and the log file.
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const file = logFile(options.log);
  mkdirSync(dirname(file), { recursive: true });
  const log = createWriteStream(file, { flags: "a" });
  log.write(`\n$ ${[command, ...args].join(" ")}\n`);
  const cancelSignal = cancellation.getStore();
  const settings = {
    env: options.env ?? labEnvironment(),
    extendEnv: false,
    reject: false,
    timeout: (options.timeoutSeconds ?? 1800) * 1000,
    maxBuffer: 16 * 1024 * 1024,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(cancelSignal === undefined ? {} : { cancelSignal }),
    ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
  } satisfies Options;
  const { execa } = await loadExeca();
  const child = execa(command, args, settings);
  if (options.secretOutput !== true) child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const result = await child;
  log.end(`# ${(result.durationMs / 1000).toFixed(1)} s\n`);
  await finished(log);
  if (result.failed) {
    const cause = result.isCanceled
      ? "was ended before it was done"
      : result.timedOut
        ? `took longer than ${settings.timeout / 1000} s`
        : result.exitCode === undefined
          ? `could not be run (${result.shortMessage})`
          : `ended with ${result.exitCode}`;
    throw new Error(
      `${command} ${args.join(" ")}\n${cause}. Its last lines (all of them: ${file}):\n${lastLines(file, 15)}`,
    );
  }
  return result.stdout;
}

/** True when the command is there and ends with 0 in time. For questions, whose "no" is no error. */
export async function succeeds(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = labEnvironment(),
  timeoutSeconds = 60,
): Promise<boolean> {
  const { execa } = await loadExeca();
  const result = await execa(command, args, {
    env,
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    timeout: timeoutSeconds * 1000,
  });
  return !result.failed;
}
