import { inspect } from "node:util";

/**
 * Runs a command of the lab to its exit status: 0 when it says yes, 1 when it says no or throws. The first Ctrl-C aborts
 * the signal, so that what was made can be taken down.
 */
export function runAsCommand(command: (signal: AbortSignal) => Promise<boolean>): void {
  // Until the command has ended well, an exit is a failure.
  process.exitCode = 1;
  command(interruption())
    .then((good) => {
      process.exitCode = good ? 0 : 1;
    })
    .catch((error: unknown) => {
      printWithCauses(error);
    });
}

function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      controller.abort(new Error(`interrupted by ${signal}`));
    });
  }
  return controller.signal;
}

function printWithCauses(error: unknown): void {
  for (let cause = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    console.error(cause instanceof Error ? cause.message || cause.name : inspect(cause));
  }
}
