import { reasonOf } from "./kubernetes";
import type { Procedure, Step } from "./procedure";
import { type Limits, type Place, tell, tellForLater, waitUntilWritable } from "./steps";

export interface PromoteOptions {
  /** Value of the key of this name: what the operator answers for. */
  readonly confirmLost: string;
  /** Whether `pulumi up` ends it. */
  readonly withPulumi: boolean;
  /** Is told what is left to do for a person. */
  readonly leave: (notice: string) => void;
}

/**
 * `target` takes the writes because the other region is lost. Kubernetes is told first and Pulumi last: what the region needs for
 * taking writes is one annotation, and the engine takes longer than the rest together, or can't be used that day. Nothing is
 * taken back when a step fails: the region waits for what it lacks, harmlessly, for the lease keeps it from writing until then.
 */
export const promote = (
  target: Place,
  other: Place,
  { confirmLost, withPulumi, leave }: PromoteOptions,
  limits: Limits,
  signal: AbortSignal,
): Procedure => {
  const told = { role: "primary", ...(confirmLost !== "" && { confirmLost }) } as const;
  return {
    steps: [
      tell(target, told),
      waitUntilWritable(target, limits, signal),
      // What is rebuilt with its old role would wait for a lease that it doesn't get.
      tellForLater(other, { role: "standby" }),
      ...(withPulumi ? [upIfPossible(target, leave, signal)] : []),
    ],
  };
};

/** Base backups are declared by the stack of the region that takes writes. */
const upIfPossible = (
  { region: { stack }, engine }: Place,
  leave: PromoteOptions["leave"],
  signal: AbortSignal,
): Step => ({
  title: `${stack}: pulumi up, with which base backups begin`,
  run: async (say) => {
    const fault = await engine.fault();
    if (fault !== undefined) {
      leave(
        `${stack} takes writes, and has no base backups until Pulumi can be used (${fault}): then, pulumi up --stack ${stack}`,
      );
      return { fault };
    }
    try {
      return await engine.up({ message: "dr: promoted", say, signal });
    } catch (error) {
      throw new Error(
        `${stack} takes writes. Left to do is pulumi up --stack ${stack}, when this is mended:\n${reasonOf(error)}`,
        { cause: error },
      );
    }
  },
});
