import { reasonOf } from "./kubernetes";
import type { Procedure } from "./procedure";
import { type Limits, type Place, tellAndUp, tellDirectly, tellForLater, untilWritable } from "./steps";

export interface PromoteOptions {
  /** Value of the key of this name: what the operator answers for. */
  readonly confirmLost: string;
  /** Why Pulumi isn't used; `undefined`: it is. */
  readonly withoutPulumi: string | undefined;
}

/**
 * `target` takes the writes because the other region is lost. Nothing is taken back when a step fails: the region waits for
 * what it lacks, harmlessly, for the lease keeps it from writing until then.
 *
 * The writes are all that is waited for at first. `pulumi up` also waits for the region's first base backup: that of a large
 * database takes its time, and in a vault that is lost it fails. It is told then, and is no failure of the promotion.
 */
export const promote = (
  target: Place,
  other: Place,
  { confirmLost, withoutPulumi }: PromoteOptions,
  limits: Limits,
  signal: AbortSignal,
): Procedure => {
  const { stack } = target.region;
  const told = { role: "primary", ...(confirmLost !== "" && { confirmLost }) } as const;
  const ended = new AbortController();
  const telling =
    withoutPulumi === undefined
      ? tellAndUp(target, told, AbortSignal.any([signal, ended.signal]))
      : tellDirectly(target, told);
  let rest: Promise<{ readonly changes: unknown } | { readonly failed: string }> | undefined;
  const notes: string[] = [];
  return {
    steps: [
      {
        title: `${telling.title}; ${stack} takes writes`,
        run: async (say) => {
          const failed = new AbortController();
          rest = telling.run(say).then(
            (changes) => ({ changes }),
            (error: unknown) => {
              failed.abort(error);
              return { failed: reasonOf(error) };
            },
          );
          try {
            return await untilWritable(target, limits, say, AbortSignal.any([signal, failed.signal]), rest);
          } catch (error) {
            ended.abort();
            await rest;
            signal.throwIfAborted();
            failed.signal.throwIfAborted();
            throw error;
          }
        },
      },
      // What is rebuilt with its old role would wait for a lease that it doesn't get.
      tellForLater(other, { role: "standby" }),
      {
        title: `${stack} has all that goes with it, its first base backup too`,
        isDone: () => Promise.resolve(withoutPulumi !== undefined),
        run: async () => {
          const end = await rest;
          if (end !== undefined && "failed" in end) {
            notes.push(
              `${stack} takes writes. Left to do is pulumi up --stack ${stack}, when this is mended:\n${end.failed}`,
            );
          }
          return end;
        },
      },
    ],
    notes,
  };
};
