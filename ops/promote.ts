import { reasonOf } from "./kubernetes";
import type { Procedure, Step } from "./procedure";
import { type Limits, type Place, tell, tellForLater, waitUntilWritable } from "./steps";

export interface PromoteOptions {
  /** Value of the key of this name: what the operator answers for. */
  readonly confirmLost: string;
  /** Whether `pulumi up` ends it. */
  readonly withPulumi: boolean;
}

/**
 * `target` takes the writes because the other region is lost. Kubernetes is told first and Pulumi last: what the region needs for
 * taking writes is one annotation, and the engine takes longer than the rest together, or can't be used that day. Nothing is
 * taken back when a step fails: the region waits for what it lacks, harmlessly, for the lease keeps it from writing until then.
 */
export const promote = (
  target: Place,
  other: Place,
  { confirmLost, withPulumi }: PromoteOptions,
  limits: Limits,
  signal: AbortSignal,
): Procedure => {
  const told = { role: "primary", ...(confirmLost !== "" && { confirmLost }) } as const;
  const notes: string[] = [];
  return {
    steps: [
      tell(target, told),
      waitUntilWritable(target, limits, signal),
      // What is rebuilt with its old role would wait for a lease that it doesn't get.
      tellForLater(other, { role: "standby" }),
      ...(withPulumi ? [upIfPossible(target, signal, (note) => notes.push(note))] : []),
    ],
    notes,
  };
};

/**
 * It also waits for the region's first base backup: that of a large database takes its time, and in a vault that is lost it fails.
 * That is told, and is no failure of the promotion.
 */
const upIfPossible = (
  { region: { stack }, engine }: Place,
  signal: AbortSignal,
  note: (note: string) => void,
): Step => ({
  title: `${stack}: pulumi up, for all that goes with taking writes: its first base backup too`,
  run: async (say) => {
    const up = async () => {
      const fault = await engine.fault();
      if (fault !== undefined) throw new Error(`Pulumi can't be used: ${fault}`);
      return engine.up({ message: "dr: promoted", say, signal });
    };
    try {
      return await up();
    } catch (error) {
      signal.throwIfAborted();
      const failed = reasonOf(error);
      note(`${stack} takes writes. Left to do is pulumi up --stack ${stack}, when this is mended:\n${failed}`);
      return { failed };
    }
  },
});
