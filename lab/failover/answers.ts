import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "../workload/dns";
import { clock } from "../workload/ledger";

/** From this moment on the DNS server gave this answer. */
export interface AnswerChange {
  readonly at: number;
  readonly address: string;
}

const PAUSE_MS = 100;

/** Asks a DNS server again and again, whatever the time to live says, and notes when its answer changes. */
export function watchAnswers(ask: () => Promise<Answer>): { readonly stop: () => Promise<readonly AnswerChange[]> } {
  const changes: AnswerChange[] = [];
  const stopping = new AbortController();
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      // One that gets lost is asked for again at once; the time of a change is when it was first heard.
      const answer = await ask().catch(() => undefined);
      if (answer !== undefined && answer.address !== changes.at(-1)?.address) {
        changes.push({ at: clock(), address: answer.address });
      }
      await pause(PAUSE_MS);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await watching;
      return changes;
    },
  };
}

/**
 * How long the name led astray after the region at `address` had begun to acknowledge, in seconds; 0 when it led there before.
 *
 * @throws RangeError when it still leads elsewhere
 */
export function flipSeconds(changes: readonly AnswerChange[], address: string, acknowledgesSince: number): number {
  const newest = changes.at(-1);
  if (newest?.address !== address) {
    throw new RangeError(`the name leads to ${newest?.address ?? "nobody knows where"}, not to ${address}`);
  }
  return Math.max(0, newest.at - acknowledgesSince) / 1000;
}
