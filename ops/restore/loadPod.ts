import type { KubernetesObject } from "@kubernetes/client-node";
import { jobs } from "../../domain/jobs";
import { afterwards, load, type LoadOrder, type LoadResult } from "../../domain/load";
import { names } from "../../domain/names";
import { paths } from "../../domain/paths";
import { scratch } from "../../domain/scratch";
import { type Cluster, hasCode, reasonOf } from "../kubernetes";
import { until } from "../until";

/** CronJob whose pods have what a restore of a dump needs: the volume of dumps, the way to the vaults and to the database. */
const dumpJob = "postgres-backup";
const container = "load";
const shownLines = 20;

interface Named {
  readonly name: string;
}

/** The part of a pod's manifest that is looked at; the rest is handed on. */
interface PodSpec {
  readonly containers: readonly (Named & {
    readonly env?: readonly Named[];
    readonly volumeMounts?: readonly Named[];
  })[];
  readonly volumes?: readonly (Named & { readonly persistentVolumeClaim?: { readonly claimName: string } })[];
}

interface CronJob {
  readonly spec?: { readonly jobTemplate: { readonly spec?: { readonly template: { readonly spec?: PodSpec } } } };
}

/** @throws Error where the region makes no dumps */
const dumpPod = async ({ objects, namespace }: Cluster): Promise<PodSpec> => {
  try {
    const found = await objects.read<KubernetesObject & CronJob>({
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: dumpJob, namespace },
    });
    const spec = found.spec?.jobTemplate.spec?.template.spec;
    if (spec) return spec;
  } catch (error) {
    if (!hasCode(error, 404)) throw error;
  }
  throw new Error(
    `namespace ${namespace} has no CronJob ${dumpJob}, whose pods reach the dumps: only the region that writes has it, after pulumi up`,
  );
};

export interface LoadPodArgs {
  readonly name: string;
  readonly order: LoadOrder;
  /** Size of the volume on which the dump is unpacked. */
  readonly storage: string;
  readonly storageClass: string | undefined;
  /** Secret with a scratch database's password under `password`, and the variable in which it is told. @default none is involved */
  readonly secret: { readonly name: string; readonly variable: string } | undefined;
}

/** A pod as those that make dumps, which reads them instead: the volume of dumps is mounted read-only. */
export const startLoad = async (cluster: Cluster, args: LoadPodArgs): Promise<void> => {
  const spec = await dumpPod(cluster);
  const [base] = spec.containers;
  if (base === undefined) throw new Error(`CronJob ${dumpJob} has no container`);
  const claims = (spec.volumes ?? []).filter(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === jobs.claim,
  );
  const isDumps = (name: string) => claims.some((claim) => claim.name === name);
  const env = (base.env ?? []).filter(({ name }) => name !== args.secret?.variable);
  const password = args.secret && {
    name: args.secret.variable,
    valueFrom: { secretKeyRef: { name: args.secret.name, key: "password" } },
  };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: args.name, namespace: cluster.namespace, labels: { app: "postgres-load" } },
    spec: {
      ...spec,
      restartPolicy: "Never",
      containers: [
        {
          ...base,
          name: container,
          command: ["marimo-load"],
          env: [...env, ...(password ? [password] : []), { name: load.order, value: JSON.stringify(args.order) }],
          volumeMounts: [
            ...(base.volumeMounts ?? []).map((mount) => ({ ...mount, ...(isDumps(mount.name) && { readOnly: true }) })),
            { name: "work", mountPath: load.workFolder },
          ],
        },
      ],
      volumes: [
        ...(spec.volumes ?? []),
        {
          name: "work",
          ephemeral: {
            volumeClaimTemplate: {
              spec: {
                accessModes: ["ReadWriteOnce"],
                ...(args.storageClass !== undefined && { storageClassName: args.storageClass }),
                resources: { requests: { storage: args.storage } },
              },
            },
          },
        },
      ],
    },
  };
  await cluster.objects.create(pod);
};

/** Keeps a scratch database's password where a pod of the region's namespace can be given it. */
export const lendPassword = async (own: Cluster, scratchCluster: Cluster, name: string): Promise<void> => {
  const password = await scratchCluster.exec(scratch.pod, names.statefulSet, ["cat", scratch.passwordFile]);
  const object = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: own.namespace } };
  await own.objects.create({ ...object, ...{ stringData: { password } } });
};

/** Free bytes on the volume of a database's pod. */
export const freeBytes = async ({ exec }: Cluster, pod: string): Promise<number> => {
  const output = await exec(pod, names.statefulSet, ["df", "--output=avail", "--block-size=1", paths.volume]);
  return Number(output.trim().split("\n").at(-1));
};

/** What an operator is told of it. */
export const resultInWords = (result: LoadResult): string[] => {
  const { file, place, verified, acceptedBecause, dumpedFrom, tablesCompared, before, restorePoint } = result;
  return [
    `Restored ${file} (${place})${dumpedFrom === undefined ? "" : `, taken from PostgreSQL ${dumpedFrom}`}.`,
    ...(acceptedBecause === undefined ? [] : [`UNVERIFIED: taken because ${acceptedBecause}`]),
    ...(verified && dumpedFrom !== undefined ? ["Its checksum matched."] : []),
    tablesCompared === undefined
      ? "It doesn't say how many rows it holds, so none were compared."
      : `The rows of ${tablesCompared} tables were counted and are as many as they should be.`,
    ...(before === undefined ? [] : [...afterwards(before), `The moment before, in the WAL: ${restorePoint ?? ""}`]),
  ];
};

/** Returns when the pod's container runs, and can be sent a file. */
export const untilRunning = (
  { core, namespace }: Cluster,
  name: string,
  seconds: number,
  say: (progress: string) => void,
  signal: AbortSignal,
): Promise<true> =>
  until({
    what: `${name} runs`,
    seconds,
    say,
    signal,
    look: async () => {
      const { status } = await core.readNamespacedPod({ name, namespace });
      const state = status?.containerStatuses?.[0]?.state;
      if (state?.terminated) throw new Error(state.terminated.message ?? "it ended before it was sent anything");
      return state?.running ? { found: true } : { not: state?.waiting?.reason ?? "its pod is being started" };
    },
  });

/**
 * Returns what the pod did when it has ended.
 * @throws Error with its own words when it failed
 */
export const untilLoaded = (
  { core, namespace }: Cluster,
  name: string,
  seconds: number,
  say: (progress: string) => void,
  signal: AbortSignal,
): Promise<LoadResult> => {
  const log = () => core.readNamespacedPodLog({ name, namespace, tailLines: shownLines });
  return until({
    what: "the dump is restored",
    seconds,
    say,
    signal,
    look: async () => {
      const { status } = await core.readNamespacedPod({ name, namespace });
      const state = status?.containerStatuses?.[0]?.state;
      if (state?.terminated) {
        const text = await log();
        if (state.terminated.exitCode !== 0) throw new Error(state.terminated.message?.trim() ?? text);
        return { found: JSON.parse(text.trim().split("\n").at(-1) ?? "") as LoadResult };
      }
      if (!state?.running) return { not: state?.waiting?.reason ?? "its pod is being started" };
      const stage = (await log()).split("\n").findLast((line) => line.includes("stage: "));
      return { not: stage?.replace(/^.*stage: /, "") ?? "it begins" };
    },
  });
};

/** Ends the pod; a dump that it was restoring stays beside the living database, and the next one removes it. */
export const endLoad = async ({ core, namespace }: Cluster, name: string): Promise<void> => {
  const removals = [
    core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 }),
    core.deleteNamespacedSecret({ name, namespace }),
  ];
  for (const removal of removals) {
    try {
      await removal;
    } catch (error) {
      if (!hasCode(error, 404)) console.error(`${name} is left in namespace ${namespace}: ${reasonOf(error)}`);
    }
  }
};
