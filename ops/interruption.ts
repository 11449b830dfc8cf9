/** The operator asked to stop. */
export class Interruption extends Error {
  constructor(
    signal: NodeJS.Signals,
    /** A terminal sends Ctrl-C to all programs that run in it; a second signal would make Pulumi drop all at once. */
    readonly reachedChildren: boolean,
  ) {
    super(`interrupted by ${signal}`);
  }
}

/** Aborted by the first Ctrl-C, or what else asks the process to end. */
export const interruption = (): AbortSignal => {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      controller.abort(new Interruption(signal, signal === "SIGINT" && process.stdin.isTTY));
    });
  }
  return controller.signal;
};

/** `signal` for a program that was started here: it isn't told what it has heard already. */
export const forChild = (signal: AbortSignal): AbortSignal => {
  const controller = new AbortController();
  signal.throwIfAborted();
  signal.addEventListener("abort", () => {
    const { reason } = signal as { reason: unknown };
    if (!(reason instanceof Interruption && reason.reachedChildren)) controller.abort(reason);
  });
  return controller.signal;
};
