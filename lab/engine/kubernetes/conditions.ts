import type { Values } from "../values";
import { apiVersionOf, kindOf, listAt, nameOf, namespaceOf, numberAt, objectAt, textAt } from "./object";

/** How far an object is. */
export interface Verdict {
  readonly ready: boolean;
  /** What it waits for, in one line. */
  readonly status: string;
  /** What keeps it from being ready. */
  readonly reasons: readonly string[];
  /** It will never be ready. */
  readonly failed?: boolean;
}

/** Other objects on which the verdict depends. */
export interface Related {
  /** Names their kind and namespace. */
  readonly of: Values;
  readonly query: Record<string, string>;
}

export interface Condition {
  readonly assess: (object: Values, related: readonly Values[]) => Verdict;
  readonly related?: (object: Values) => Related | undefined;
  /** Seconds that the verdict must stand without news, as the official provider has it. */
  readonly settleSeconds?: number;
  /** Seconds; 600 by default, as in the official provider. */
  readonly timeoutSeconds?: number;
}

function podsOf(object: Values, labels: Values): Related {
  const labelSelector = Object.entries(labels).map(([key, value]) => `${key}=${value as string}`);
  return { of: inNamespaceOf(object, "v1", "Pod"), query: { labelSelector: labelSelector.join(",") } };
}

function inNamespaceOf(object: Values, apiVersion: string, kind: string): Values {
  return { apiVersion, kind, metadata: { namespace: namespaceOf(object) } };
}

const selectedPods = (object: Values): Related => podsOf(object, objectAt(object, "spec", "selector", "matchLabels"));

function conditionOf(object: Values, type: string): Values | undefined {
  return listAt(object, "status", "conditions").find((condition) => condition["type"] === type);
}

function explain(condition: Values | undefined): string[] {
  const [reason, message] = [textAt(condition, "reason"), textAt(condition, "message")];
  return reason === undefined && message === undefined ? [] : [`[${reason ?? ""}] ${message ?? ""}`];
}

/** The controller has seen the newest specification; before, the status tells of the previous one. */
function isObserved(object: Values): boolean {
  return numberAt(object, "status", "observedGeneration") >= numberAt(object, "metadata", "generation");
}

/** Why a pod isn't ready: what its containers wait for and what ended them the last time. */
export function describePod(pod: Values): string[] {
  const ready = conditionOf(pod, "Ready");
  if (ready?.["status"] === "True" || textAt(pod, "status", "phase") === "Succeeded") return [];
  const scheduled = conditionOf(pod, "PodScheduled");
  const conditions = [scheduled, ready].filter((condition) => condition?.["status"] === "False");
  const containers = ["initContainerStatuses", "containerStatuses"].flatMap((list) => listAt(pod, "status", list));
  const reasons = [
    ...conditions.flatMap((condition) => textAt(condition, "message") ?? []),
    ...containers.filter((container) => container["ready"] !== true).flatMap(describeContainer),
  ];
  return reasons.length === 0 ? [] : [`[Pod ${namespaceOf(pod)}/${nameOf(pod)}]: ${reasons.join("; ")}`];
}

function describeContainer(container: Values): string[] {
  const name = `container "${textAt(container, "name") ?? ""}"`;
  const waiting = objectAt(container, "state", "waiting");
  const isStarting = ["ContainerCreating", "PodInitializing"].includes(
    textAt(waiting, "reason") ?? "ContainerCreating",
  );
  return [
    ...(isStarting ? [] : explain(waiting).map((reason) => `${name} waits: ${reason}`)),
    ...describeEnd(name, objectAt(container, "state", "terminated")),
    ...describeEnd(name, objectAt(container, "lastState", "terminated")),
  ];
}

function describeEnd(name: string, terminated: Values): string[] {
  const reason = textAt(terminated, "reason");
  if (reason === undefined || reason === "Completed") return [];
  const message = textAt(terminated, "message")?.trim();
  return [`${name} ended (${reason}: exit code ${numberAt(terminated, "exitCode")})${message ? `: ${message}` : ""}`];
}

function statefulSet(object: Values, pods: readonly Values[]): Verdict {
  const replicas = numberAt(object, "spec", "replicas");
  const count = (name: string): number => numberAt(object, "status", name);
  const [current, update] = ["currentRevision", "updateRevision"].map((name) => textAt(object, "status", name));
  const isManual = textAt(object, "spec", "updateStrategy", "type") === "OnDelete";
  const isUpdate = numberAt(object, "metadata", "generation") > 1;
  const revised = current !== undefined && (current === update || (isManual && isUpdate));
  const counts = ["replicas", "readyReplicas", ...(isManual && isUpdate ? [] : ["currentReplicas"])];
  const complete = counts.every((name) => count(name) === replicas);
  const done = current === update ? count("readyReplicas") : Math.min(count("readyReplicas"), count("updatedReplicas"));
  return {
    ready: isObserved(object) && revised && complete,
    status: `Waiting for StatefulSet (${done}/${replicas} Pods ready)`,
    reasons: [
      ...(complete ? [] : [`${done} out of ${replicas} replicas succeeded readiness checks`]),
      ...(revised
        ? []
        : [`StatefulSet controller failed to advance from revision "${current}" to revision "${update}"`]),
      ...pods.flatMap(describePod),
    ],
  };
}

function deployment(object: Values, pods: readonly Values[]): Verdict {
  const replicas = numberAt(object, "spec", "replicas");
  const count = (name: string): number => numberAt(object, "status", name);
  const [available, progressing] = [conditionOf(object, "Available"), conditionOf(object, "Progressing")];
  const counts = ["replicas", "updatedReplicas", "availableReplicas"].every((name) => count(name) === replicas);
  const bad = [available, progressing].filter((condition) => condition?.["status"] === "False");
  return {
    ready: isObserved(object) && counts && available?.["status"] === "True",
    status: `Waiting for Deployment (${count("availableReplicas")}/${replicas} Pods available)`,
    reasons: [...bad.flatMap(explain), ...pods.flatMap(describePod)],
  };
}

function daemonSet(object: Values, pods: readonly Values[]): Verdict {
  const count = (name: string): number => numberAt(object, "status", name);
  const wanted = count("desiredNumberScheduled");
  const complete = ["updatedNumberScheduled", "numberAvailable"].every((name) => count(name) >= wanted);
  return {
    ready: isObserved(object) && complete,
    status: `Waiting for DaemonSet (${count("numberAvailable")}/${wanted} Pods available)`,
    reasons: pods.flatMap(describePod),
  };
}

function job(object: Values, pods: readonly Values[]): Verdict {
  const failed = conditionOf(object, "Failed");
  const count = (name: string): number => numberAt(object, "status", name);
  const counts = `Active: ${count("active")} | Succeeded: ${count("succeeded")} | Failed: ${count("failed")}`;
  return {
    ready: conditionOf(object, "Complete")?.["status"] === "True",
    failed: failed?.["status"] === "True",
    status: `Waiting for Job "${namespaceOf(object)}/${nameOf(object)}" to succeed (${counts})`,
    reasons: [...explain(failed), ...pods.flatMap(describePod)],
  };
}

function pod(object: Values): Verdict {
  const done = textAt(object, "status", "phase") === "Succeeded";
  const reasons = describePod(object);
  return {
    ready: done || conditionOf(object, "Ready")?.["status"] === "True",
    status: "Waiting for Pod to be ready",
    reasons,
  };
}

function needsPods(service: Values): boolean {
  const isExternal = textAt(service, "spec", "type") === "ExternalName";
  const isHeadless = textAt(service, "spec", "clusterIP") === "None";
  return !isExternal && !isHeadless && Object.keys(objectAt(service, "spec", "selector")).length > 0;
}

function service(object: Values, endpoints: readonly Values[]): Verdict {
  const isBalanced = textAt(object, "spec", "type") === "LoadBalancer";
  const hasAddress = !isBalanced || listAt(object, "status", "loadBalancer", "ingress").length > 0;
  const subsets = endpoints.flatMap((item) => listAt(item, "subsets"));
  const isPending = subsets.some((subset) => listAt(subset, "notReadyAddresses").length > 0);
  const reaches = subsets.some((subset) => listAt(subset, "addresses").length > 0);
  const noPods =
    "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels on any Pods";
  return {
    ready: hasAddress && (!needsPods(object) || (endpoints.length > 0 && !isPending)),
    status: hasAddress ? "Waiting for Service to find Pods" : "Waiting for Service to get an address",
    reasons: [
      ...(reaches || !needsPods(object) ? [] : [noPods]),
      ...(hasAddress ? [] : ["Service was not allocated an IP address; does your cloud provider support this?"]),
    ],
  };
}

function claim(object: Values, classes: readonly Values[]): Verdict {
  const phase = textAt(object, "status", "phase") ?? "Pending";
  const waits = classes.some((item) => textAt(item, "volumeBindingMode") === "WaitForFirstConsumer");
  return {
    ready: phase === "Bound" || (waits && phase === "Pending"),
    status: `Waiting for PersistentVolumeClaim to be bound (${phase})`,
    reasons: [`PersistentVolumeClaim is ${phase}`],
  };
}

function storageClassOf(object: Values): Related | undefined {
  const name = textAt(object, "spec", "storageClassName");
  const of = { apiVersion: "storage.k8s.io/v1", kind: "StorageClass" };
  return name === undefined ? undefined : { of, query: { fieldSelector: `metadata.name=${name}` } };
}

const conditions: Readonly<Record<string, Condition>> = {
  "apps/v1/StatefulSet": { assess: statefulSet, related: selectedPods },
  "apps/v1/Deployment": { assess: deployment, related: selectedPods },
  "apps/v1/DaemonSet": { assess: daemonSet, related: selectedPods },
  "batch/v1/Job": {
    assess: job,
    related: (object) => podsOf(object, { "batch.kubernetes.io/job-name": nameOf(object) }),
  },
  "v1/Pod": { assess: pod },
  "v1/Service": {
    assess: service,
    settleSeconds: 10,
    related: (object) =>
      needsPods(object)
        ? {
            of: inNamespaceOf(object, "v1", "Endpoints"),
            query: { fieldSelector: `metadata.name=${nameOf(object)}` },
          }
        : undefined,
  },
  "v1/PersistentVolumeClaim": { assess: claim, related: storageClassOf, timeoutSeconds: 300 },
};

/** What to wait for; nothing for kinds that are ready as soon as they exist. */
export function readinessOf(object: Values): Condition | undefined {
  return conditions[`${apiVersionOf(object)}/${kindOf(object)}`];
}
