import type { Procedure } from "./procedure";
import { type Limits, type Place, tellAndUp, tellDirectly, tellForLater, waitUntilWritable } from "./steps";

export interface PromoteOptions {
  /** Value of the key of this name: what the operator answers for. */
  readonly confirmLost: string;
  /** Why Pulumi isn't used; `undefined`: it is. */
  readonly withoutPulumi: string | undefined;
}

/**
 * `target` takes the writes because the other region is lost. Nothing is taken back when a step fails: the region waits for
 * what it lacks, harmlessly, for the lease keeps it from writing until then.
 */
export const promote = (
  target: Place,
  other: Place,
  { confirmLost, withoutPulumi }: PromoteOptions,
  limits: Limits,
  signal: AbortSignal,
): Procedure => {
  const told = { role: "primary", ...(confirmLost !== "" && { confirmLost }) } as const;
  return {
    steps: [
      withoutPulumi === undefined ? tellAndUp(target, told, signal) : tellDirectly(target, told),
      waitUntilWritable(target, limits, signal),
      // What is rebuilt with its old role would wait for a lease that it doesn't get.
      tellForLater(other, { role: "standby" }),
    ],
  };
};
