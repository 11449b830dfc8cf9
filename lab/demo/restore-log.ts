import { labels } from "../../domain/patroni";
import type { Cluster } from "../stage/cluster";
import { type LogLine, parseLog, tellsOfRestore } from "./recovery-log";

/**
 * The log of the member that restored the database.
 *
 * @throws Error when no member's log tells of a restore
 */
export async function restoreLog({ core, namespace }: Cluster): Promise<LogLine[]> {
  const labelSelector = Object.entries(labels.app)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const { items } = await core.listNamespacedPod({ namespace, labelSelector });
  const members = items.flatMap(({ metadata }) => metadata?.name ?? []);
  for (const name of members) {
    const text = await core.readNamespacedPodLog({ name, namespace, container: "postgres", timestamps: true });
    const lines = parseLog(text);
    if (tellsOfRestore(lines)) return lines;
  }
  throw new Error(
    `none of the members' logs (${members.join(", ") || "no pods"}) tells of a restore: the database was not brought back, ` +
      `or a container was restarted since. Look at: kubectl logs -n ${namespace} postgres-0 -c postgres [--previous]`,
  );
}
