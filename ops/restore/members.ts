import type { V1Pod } from "@kubernetes/client-node";
import { labels } from "../../domain/patroni";
import type { Cluster } from "../kubernetes";

/** The members of a region that can be asked. */
export interface Members {
  /** One whose container `pgbackrest` runs, which has the repositories' keys, also while Postgres is down. */
  readonly keeper: string | undefined;
  /** The one that takes writes. */
  readonly leader: string | undefined;
}

const runs = ({ status }: V1Pod, container: string): boolean =>
  status?.containerStatuses?.some(({ name, state }) => name === container && state?.running !== undefined) ?? false;

/** @throws Error where Kubernetes doesn't answer */
export const membersOf = async ({ core, namespace }: Cluster): Promise<Members> => {
  const selector = { ...labels.app, ...labels.scope };
  const labelSelector = Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const { items } = await core.listNamespacedPod({ namespace, labelSelector });
  const leader = items.find(
    (pod) => pod.metadata?.labels?.[labels.roleKey] === labels.primary && runs(pod, "postgres"),
  );
  const keeper = leader ?? items.find((pod) => runs(pod, "pgbackrest"));
  return { keeper: keeper?.metadata?.name, leader: leader?.metadata?.name };
};
