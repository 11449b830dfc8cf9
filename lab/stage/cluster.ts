import { setTimeout as delay } from "node:timers/promises";
import { AppsV1Api, BatchV1Api, CoreV1Api, V1Job, VersionApi } from "@kubernetes/client-node";
import { labels } from "../../domain/patroni";
import { regionApi } from "../workload/kubernetes";

/** What demos and benchmarks ask a region's Kubernetes. */
export interface Cluster {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly batch: BatchV1Api;
  readonly version: VersionApi;
  readonly namespace: string;
}

export function openCluster(kubeconfig: string, context: string, namespace: string): Cluster {
  const api = regionApi(kubeconfig, context);
  return {
    core: new CoreV1Api(api),
    apps: new AppsV1Api(api),
    batch: new BatchV1Api(api),
    version: new VersionApi(api),
    namespace,
  };
}

const JOB_POLL_MS = 500;

/**
 * Runs a CronJob's job now, as `kubectl create job --from=cronjob/…` does, and waits for its end.
 *
 * @throws Error with the job's last log lines when it fails or takes longer than `timeoutSeconds`
 */
export async function runCronJob(
  cluster: Cluster,
  cronJob: string,
  job: string,
  timeoutSeconds: number,
): Promise<void> {
  const { batch, namespace } = cluster;
  const { spec } = await batch.readNamespacedCronJob({ name: cronJob, namespace });
  const template = spec?.jobTemplate;
  if (template?.spec === undefined) throw new Error(`CronJob ${cronJob} in ${namespace} has no job template`);
  const metadata = { name: job, ...(template.metadata?.labels && { labels: template.metadata.labels }) };
  await runJob(cluster, Object.assign(new V1Job(), { metadata, spec: template.spec }), timeoutSeconds);
}

/**
 * Runs a job to its end.
 *
 * @returns the last lines of its log
 * @throws Error with these lines when it fails or takes longer than `timeoutSeconds`
 */
export async function runJob(cluster: Cluster, job: V1Job, timeoutSeconds: number): Promise<string> {
  const { batch, namespace } = cluster;
  const { metadata } = await batch.createNamespacedJob({ namespace, body: job });
  const name = metadata?.name ?? "";
  const deadline = performance.now() + timeoutSeconds * 1000;
  while (performance.now() < deadline) {
    const { status } = await batch.readNamespacedJob({ name, namespace });
    const reached = (type: string) =>
      status?.conditions?.some((found) => found.type === type && found.status === "True");
    if (reached("Complete")) return jobLog(cluster, name);
    if (reached("Failed")) throw new Error(`job ${name} failed; its last words:\n${await jobLog(cluster, name)}`);
    await delay(JOB_POLL_MS);
  }
  throw new Error(`job ${name} is not done after ${timeoutSeconds} s; its last words:\n${await jobLog(cluster, name)}`);
}

async function jobLog({ core, namespace }: Cluster, job: string): Promise<string> {
  const { items } = await core.listNamespacedPod({ namespace, labelSelector: `batch.kubernetes.io/job-name=${job}` });
  const name = items.at(-1)?.metadata?.name;
  return name === undefined ? "(no pod was started)" : core.readNamespacedPodLog({ name, namespace, tailLines: 20 });
}

/** Identity of the pod that leads the database. @throws Error when none does */
export async function leaderUid({ core, namespace }: Cluster): Promise<string> {
  const { items } = await core.listNamespacedPod({
    namespace,
    labelSelector: `app=${labels.app.app},${labels.roleKey}=${labels.primary}`,
  });
  const uid = items[0]?.metadata?.uid;
  if (uid === undefined) throw new Error(`no pod in ${namespace} leads the database`);
  return uid;
}
