import type { Procedure, Step } from "./procedure";
import { type Limits, type Place, waitUntilFollowing } from "./steps";

/**
 * The lost region comes back as a standby. Patroni rewinds what members have where that is possible, and copies the
 * database from the repository where it isn't, or where they have nothing.
 */
export const comeBack = (lost: Place, writer: Place, limits: Limits, signal: AbortSignal): Procedure => ({
  // Pulumi's state may be new, and know neither.
  steps: [makeStack(lost), makeStack(writer), build(lost, signal), waitUntilFollowing(lost, writer, limits, signal)],
});

const makeStack = ({ region, engine }: Place): Step => ({
  title: `Pulumi's state knows the stack ${region.stack}`,
  isDone: async () => (await engine.fault()) === undefined,
  run: () => engine.create(),
});

const build = ({ region, engine }: Place, signal: AbortSignal): Step => ({
  title: `${region.stack}: role standby; pulumi up, or all anew where the cluster is new`,
  run: async (say) => {
    const isNew = !(await region.isBuilt());
    region.tell({ role: "standby" });
    const changes = await engine.up({ refresh: isNew, message: "dr failback: role standby", say, signal });
    return { cluster: isNew ? "new" : "as it was", changes };
  },
});
