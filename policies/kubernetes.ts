import { at, list, type Resource, type ResourceRule, shown } from "./rule";

/** The pod that a workload makes, wherever it has it. */
const podSpec = ({ type, props }: Resource): unknown => {
  const spec = props["spec"];
  if (!type.startsWith("kubernetes:")) return undefined;
  if (type.endsWith(":CronJob")) return at(spec, "jobTemplate", "spec", "template", "spec");
  if (type.endsWith(":Pod")) return spec;
  return at(spec, "template", "spec");
};

const containers = (resource: Resource): unknown[] => {
  const spec = podSpec(resource);
  return [...list(at(spec, "initContainers")), ...list(at(spec, "containers"))];
};

const nameOf = (container: unknown): string => String(at(container, "name"));

export const cronJobsRun: ResourceRule = {
  kind: "resource",
  name: "cronjobs-run",
  promise: "Jobs run at a known time, one at a time, or are known to have missed it",
  check: ({ type, props }) => {
    if (!type.endsWith(":CronJob")) return undefined;
    const spec = props["spec"];
    const faults = [
      ...(at(spec, "timeZone") ? [] : ["timeZone is not set, so the hour depends on the cluster's clock: set Etc/UTC"]),
      ...(at(spec, "concurrencyPolicy") === "Forbid"
        ? []
        : ["concurrencyPolicy is not Forbid, so two runs may write one repository: set it"]),
      ...(at(spec, "startingDeadlineSeconds") !== undefined
        ? []
        : ["startingDeadlineSeconds is not set, so after 100 missed runs it never runs again: set it"]),
      ...(at(spec, "suspend") === true ? ["suspend is true, so there are no backups: remove it"] : []),
    ];
    return faults.length > 0 ? `${faults.join("; ")}.` : undefined;
  },
};

export const dataRetained: ResourceRule = {
  kind: "resource",
  name: "data-volumes-retained",
  promise: "Volumes of data outlive what uses them",
  check: ({ type, props }) => {
    if (type.endsWith(":StatefulSet") && list(at(props, "spec", "volumeClaimTemplates")).length > 0) {
      const policy = at(props, "spec", "persistentVolumeClaimRetentionPolicy");
      // Kubernetes' own default is Retain, for both.
      if ([at(policy, "whenDeleted"), at(policy, "whenScaled")].includes("Delete")) {
        return (
          "persistentVolumeClaimRetentionPolicy is Delete: a deleted or smaller StatefulSet takes the database's volumes with it. " +
          "Set both, whenDeleted and whenScaled, to Retain."
        );
      }
    }
    if (type.endsWith(":StorageClass") && props["reclaimPolicy"] !== "Retain") {
      return (
        `reclaimPolicy is ${shown(props["reclaimPolicy"])}, and the default is Delete: a deleted claim takes the disk with it. ` +
        "Set it to Retain."
      );
    }
    return undefined;
  },
};

export const imagesNamed: ResourceRule = {
  kind: "resource",
  name: "images-named",
  promise: "What runs tomorrow is what runs today",
  check: (resource) => {
    const loose = containers(resource).filter(
      (container) => !/(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/.test(String(at(container, "image"))),
    );
    return loose.length > 0
      ? `The image of ${loose.map(nameOf).join(", ")} has no tag, or latest: a restarted pod may run another version than its neighbour, ` +
          "and a rebuilt region another one than the lost one. Name a version or a digest."
      : undefined;
  },
};

export const nonRoot: ResourceRule = {
  kind: "resource",
  name: "non-root",
  promise: "No container runs as root",
  check: (resource) => {
    const forPod = at(podSpec(resource), "securityContext", "runAsNonRoot");
    const roots = containers(resource).filter((container) => {
      const own = at(container, "securityContext", "runAsNonRoot");
      return (own ?? forPod) !== true || at(container, "securityContext", "runAsUser") === 0;
    });
    return roots.length > 0
      ? `${roots.map(nameOf).join(", ")} may run as root: who breaks out of it has the node, and the namespace refuses such pods. Set ` +
          "runAsNonRoot (components/pods.ts)."
      : undefined;
  },
};

export const clusterIdentified: ResourceRule = {
  kind: "resource",
  name: "cluster-identified",
  promise: "Pulumi knows whether a cluster is the same one",
  check: ({ type, props }) =>
    type === "pulumi:providers:kubernetes" && !props["clusterIdentifier"]
      ? "clusterIdentifier is not set: another kubeconfig would mean another cluster, and Pulumi would delete by name what it has just " +
        "made (docs/decisions/0006). Set it to the region."
      : undefined,
};

export const kubernetesRules = [cronJobsRun, dataRetained, imagesNamed, nonRoot, clusterIdentified] as const;
