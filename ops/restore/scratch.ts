import { setTimeout as pause } from "node:timers/promises";
import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { z } from "zod";
import { names } from "../../domain/names";
import {
  copiedObjects,
  type Manifest,
  scratch,
  type ScratchArgs,
  scratchLabels,
  scratchManifests,
} from "../../domain/scratch";
import { type Cluster, hasCode, reasonOf } from "../kubernetes";
import { until } from "../until";

/** What `marimo-scratch restore` found. */
const Result = z.object({
  backup: z.string(),
  /** Whether the archive has a commit after the moment that was asked for, so that the recovery ended just there. */
  reached: z.boolean(),
  /** The timeline that the scratch database began. */
  timeline: z.number(),
  replayedTo: z.string(),
  lastCommit: z.string().nullable(),
  seconds: z.object({ copy: z.number(), recovery: z.number() }),
});
export type ScratchResult = z.output<typeof Result>;

const found = async <T>(read: Promise<T>): Promise<T | undefined> => {
  try {
    return await read;
  } catch (error) {
    if (hasCode(error, 404)) return undefined;
    throw error;
  }
};

/** Whether a scratch database is there already, made by `k8s/postgres-statefulset.yml` or an earlier restore. */
export const hasScratch = async ({ core, namespace }: Cluster): Promise<boolean> => {
  const pod = await found(core.readNamespacedPod({ name: scratch.pod, namespace }));
  return Object.entries(scratchLabels).every(([key, value]) => pod?.metadata?.labels?.[key] === value);
};

/** What keeps a namespace from being restored into. `undefined`: nothing, it is empty or isn't there. */
export const occupant = async ({ core, namespace }: Cluster): Promise<string | undefined> => {
  const there = await found(core.readNamespace({ name: namespace }));
  if (there === undefined) return undefined;
  const free = `When nobody needs it any more: kubectl delete namespace ${namespace}`;
  if (there.status?.phase === "Terminating") return `namespace ${namespace} is being deleted; wait for its end`;
  const [pods, claims] = await Promise.all([
    core.listNamespacedPod({ namespace }),
    core.listNamespacedPersistentVolumeClaim({ namespace }),
  ]);
  const [pod] = pods.items;
  if (pod) return `namespace ${namespace} is in use: pod ${pod.metadata?.name ?? ""} since ${sinceOf(pod)}. ${free}`;
  const [claim] = claims.items;
  if (claim) return `namespace ${namespace} is in use: volume claim ${claim.metadata?.name ?? ""}. ${free}`;
  return undefined;
};

const sinceOf = ({ metadata }: V1Pod): string => metadata?.creationTimestamp?.toISOString() ?? "some time";

const namespaceManifest = (name: string): Manifest => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels: { name, environment: "test", "pod-security.kubernetes.io/enforce": "restricted" } },
});

/** Makes the scratch database's objects, with copies of what its restore reads of the region's namespace. */
export const createScratch = async (from: Cluster, into: Cluster, args: ScratchArgs): Promise<void> => {
  const { namespace } = into;
  const create = async (manifest: Manifest) => {
    const { metadata } = manifest;
    await into.objects.create({ ...manifest, metadata: { ...metadata, namespace } });
  };
  if ((await found(into.core.readNamespace({ name: namespace }))) === undefined) {
    await into.objects.create(namespaceManifest(namespace));
  }
  for (const { kind, name } of args.restore ? copiedObjects(args.restore) : []) {
    const where = { name, namespace: from.namespace };
    const { data } =
      kind === "Secret" ? await from.core.readNamespacedSecret(where) : await from.core.readNamespacedConfigMap(where);
    await create({ apiVersion: "v1", kind, metadata: { name }, ...(data && { data }) });
  }
  for (const manifest of scratchManifests(args)) await create(manifest);
};

const failureOf = ({ name, state, lastState }: V1ContainerStatus): string | undefined => {
  const ended = [state?.terminated, lastState?.terminated].find((one) => one !== undefined && one.exitCode !== 0);
  return (
    ended && `container ${name} ended with status ${ended.exitCode}: ${ended.message?.trim() ?? "it said nothing"}`
  );
};

/** Reasons for waiting that no time mends. */
const hopeless = ["CreateContainerConfigError", "InvalidImageName", "ErrImageNeverPull", "ErrImagePull"];

/** What the pod is at, or why it will not come. */
const progress = ({ status }: V1Pod): string => {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const failure = all.map(failureOf).find((one) => one !== undefined);
  if (failure !== undefined) throw new Error(failure);
  const stuck = all.find(({ state }) => hopeless.includes(state?.waiting?.reason ?? ""))?.state?.waiting;
  if (stuck) throw new Error(`${stuck.reason ?? ""}: ${stuck.message ?? "no message"}`);
  const running = all.find(({ state, ready }) => state?.running && !ready);
  if (running) return running.name === scratch.restore ? "it restores" : "it starts";
  return status?.conditions?.find(({ type }) => type === "PodScheduled")?.message ?? "its pod is being started";
};

/** Returns when the scratch database serves, with what its restore found; none where nothing was restored. */
export const untilServing = async (
  { core, exec, namespace }: Cluster,
  isRestored: boolean,
  seconds: number,
  say: (progress: string) => void,
  signal: AbortSignal,
): Promise<ScratchResult | undefined> => {
  await until({
    what: "the scratch database serves",
    seconds,
    say,
    signal,
    look: async () => {
      const pod = await found(core.readNamespacedPod({ name: scratch.pod, namespace }));
      if (pod === undefined) return { not: "its pod is not there yet" };
      if (pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"))
        return { found: pod };
      return { not: progress(pod) };
    },
  });
  if (!isRestored) return undefined;
  return Result.parse(JSON.parse(await exec(scratch.pod, names.statefulSet, ["cat", scratch.resultFile])));
};

/** Removes the namespace with all that is in it, and returns when it is gone. */
export const removeScratch = async ({ core, namespace }: Cluster): Promise<void> => {
  try {
    await core.deleteNamespace({ name: namespace });
  } catch (error) {
    if (!hasCode(error, 404) && !hasCode(error, 409)) throw new Error(reasonOf(error), { cause: error });
  }
  while ((await found(core.readNamespace({ name: namespace }))) !== undefined) await pause(500);
};
