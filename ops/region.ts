import { PatchStrategy, setHeaderOptions, type V1Pod } from "@kubernetes/client-node";
import type { RegionValues } from "../config/keys";
import { kubeconfigPath, readStackFile, writeStackFile } from "../config/stackFile";
import type { FenceStatus } from "../domain/fence";
import { labels, type Role, sharedSettingsName } from "../domain/patroni";
import type { Sight } from "../domain/promotion";
import type { RepositoryName } from "../domain/repository";
import { FenceStatusText } from "./fenceStatus";
import { type Cluster, hasCode, openCluster, reasonOf } from "./kubernetes";
import { renderSettings } from "./settings";

export const stackNames = ["primary", "secondary"] as const;
export type StackName = (typeof stackNames)[number];
export const otherStack = (stack: StackName): StackName => (stack === "primary" ? "secondary" : "primary");

/** A Postgres pod. */
export interface Member {
  readonly pod: string;
  /** Patroni's label: `primary`, `standby-leader` or `replica`. */
  readonly role: string | undefined;
  readonly ready: boolean;
  /** What its fence says, or why it says nothing. */
  readonly fence: FenceStatus | { readonly error: string };
}

/** What a region is told: the keys that a promotion changes. */
export interface Told {
  readonly role: Role;
  readonly confirmLost?: string;
}

/** A region, as `dr` sees and changes it; that it may not answer is part of the picture. */
export interface Region {
  readonly stack: StackName;
  readonly told: () => Role;
  /** What it says of itself, with its members; none where it is silent. */
  readonly look: () => Promise<{ readonly sight: Sight; readonly members: readonly Member[] }>;
  readonly see: () => Promise<Sight>;
  /** Writes the keys into the stack's file. They count from the next `pulumi up`. */
  readonly tell: (told: Told) => void;
  /** The keys of its stack that aren't secret. */
  readonly values: () => RegionValues;
  /** The repositories that its stack names. */
  readonly repositories: () => readonly RepositoryName[];
  /** Puts the settings that the stack's file makes into the running region, without Pulumi. */
  readonly applySettings: () => Promise<void>;
  /** Whether the program's objects are there; not, where the cluster is new. */
  readonly isBuilt: () => Promise<boolean>;
  /** @param namespace @default the region's */
  readonly cluster: (namespace?: string) => Cluster;
}

export const openRegion = (project: string, stack: StackName): Region => {
  const values = () => readStackFile(project, stack).values;
  const told = (): Role => values().role;
  // Each time anew: a region that was rebuilt has another kubeconfig.
  const cluster = (namespace?: string): Cluster => {
    const { kubeconfig, kubeContext, namespace: own } = values();
    return openCluster({
      kubeconfig: kubeconfig === undefined ? undefined : kubeconfigPath(project, kubeconfig),
      context: kubeContext,
      namespace: namespace ?? own,
    });
  };

  const members = async (): Promise<Member[]> => {
    const opened = cluster();
    const labelSelector = Object.entries({ ...labels.app, ...labels.scope })
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const { items } = await opened.core.listNamespacedPod({ namespace: opened.namespace, labelSelector });
    return Promise.all(items.map((pod) => memberOf(opened, pod)));
  };

  const look = async () => {
    const about = { stack, told: told() };
    try {
      const found = await members();
      return { sight: { ...about, ...speaker(found) }, members: found };
    } catch (error) {
      return { sight: { ...about, fence: undefined, silence: reasonOf(error) }, members: [] };
    }
  };

  const applySettings = async (): Promise<void> => {
    const { core, namespace } = cluster();
    const body = { metadata: { annotations: { config: renderSettings(values()) } } };
    await core.patchNamespacedConfigMap(
      { name: sharedSettingsName, namespace, body, fieldManager: "marimo-dr" },
      setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
    );
  };

  const isBuilt = async (): Promise<boolean> => {
    const { core, namespace } = cluster();
    try {
      await core.readNamespacedConfigMap({ name: sharedSettingsName, namespace });
      return true;
    } catch (error) {
      if (hasCode(error, 404)) return false;
      throw error;
    }
  };

  return {
    stack,
    told,
    values,
    repositories: () => values().repositories,
    look,
    see: async () => (await look()).sight,
    tell: ({ role, confirmLost }) => {
      // A word that was given earlier may stay: it is good for one term.
      writeStackFile(project, stack, { role, ...(confirmLost !== undefined && { confirmLost }) });
    },
    applySettings,
    isBuilt,
    cluster,
  };
};

const fenceContainer = "fence";

const memberOf = async ({ exec }: Cluster, { metadata, spec, status }: V1Pod): Promise<Member> => {
  const pod = metadata?.name ?? "";
  const fence = async (): Promise<Member["fence"]> => {
    // A sidecar counts as an init container.
    if (![...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].some(({ name }) => name === fenceContainer)) {
      return { error: `${pod} has no container ${fenceContainer}: its stack has no otherRegion` };
    }
    try {
      return FenceStatusText.parse(JSON.parse(await exec(pod, fenceContainer, ["marimo-fence", "status"])));
    } catch (error) {
      return { error: reasonOf(error) };
    }
  };
  return {
    pod,
    role: metadata?.labels?.[labels.roleKey],
    ready: status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
    fence: await fence(),
  };
};

/** The member that speaks for its region: the one that leads, else any that answers. */
const speaker = (members: readonly Member[]): Pick<Sight, "fence" | "silence"> => {
  const leads = ({ role }: Member) => role === labels.primary || role === labels.standbyLeader;
  const inOrder = [...members.filter(leads), ...members.filter((member) => !leads(member))];
  for (const { fence } of inOrder) if (!("error" in fence)) return { fence, silence: undefined };
  const [first] = inOrder;
  const silence = first && "error" in first.fence ? first.fence.error : "it has no Postgres members";
  return { fence: undefined, silence };
};
