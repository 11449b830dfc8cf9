import { setTimeout as pause } from "node:timers/promises";

export interface Waiting<T> {
  /** What is waited for, as the end of "did not … within". */
  readonly what: string;
  /** The answer, or why there is none yet. */
  readonly look: () => Promise<{ readonly found: T } | { readonly not: string }>;
  readonly seconds: number;
  /** The time counts from its end, however that is. @default from the beginning */
  readonly since?: Promise<unknown>;
  readonly say: (progress: string) => void;
  readonly signal: AbortSignal;
}

const lookMs = 500;

/** Waits for something that nothing announces, saying why it isn't there yet. */
export const until = async <T>({ what, look, seconds, since, say, signal }: Waiting<T>): Promise<T> => {
  let limit = Infinity;
  const begin = () => {
    limit = performance.now() + seconds * 1000;
  };
  if (since === undefined) begin();
  else since.then(begin, begin);
  for (;;) {
    signal.throwIfAborted();
    const answer = await look();
    if ("found" in answer) return answer.found;
    if (performance.now() > limit) throw new Error(`${what}: not within ${seconds} s. ${answer.not}`);
    say(answer.not);
    await pause(lookMs, undefined, { signal });
  }
};
