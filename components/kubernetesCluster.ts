import type { Provider } from "@pulumi/kubernetes/provider";
import { StorageClass } from "@pulumi/kubernetes/storage/v1/storageClass";
import type { Input } from "@pulumi/pulumi";
import type { ClusterSpec } from "../domain/cluster";
import type { EksCluster } from "./eksCluster";
import type { GkeCluster } from "./gkeCluster";
import { regionCluster, type RegionClusterArgs } from "./regionCluster";

export interface KubernetesClusterArgs extends RegionClusterArgs {
  /** What the stack makes. @default the cluster exists, and `kubeconfig` and `context` lead to it */
  readonly made: ClusterSpec | undefined;
}

/** A region's cluster, as the rest of the region uses it. */
export interface KubernetesCluster {
  readonly provider: Provider;
  /** Keeps a volume when its claim is deleted. @default the cluster's default class */
  readonly storageClass: Input<string> | undefined;
  /** What a Service needs to be reached from outside of the cloud. */
  readonly loadBalancerAnnotations: Readonly<Record<string, string>>;
}

// Of a cloud that a region doesn't use, the SDK isn't loaded: that is most of what a preview takes.
const load = (component: string): unknown => module.require(`./${component}`);

const make = (spec: ClusterSpec): EksCluster | GkeCluster => {
  switch (spec.kind) {
    case "eks":
      return new (load("eksCluster") as { EksCluster: typeof EksCluster }).EksCluster("eks", spec);
    case "gke":
      return new (load("gkeCluster") as { GkeCluster: typeof GkeCluster }).GkeCluster("gke", spec);
  }
};

/** The cluster that is there, or one that the stack makes, and the way to it. */
export const kubernetesCluster = ({ made, ...existing }: KubernetesClusterArgs): KubernetesCluster => {
  if (!made) return { provider: regionCluster(existing), storageClass: undefined, loadBalancerAnnotations: {} };
  const { kubeconfig, storage, loadBalancerAnnotations } = make(made);
  const provider = regionCluster({ region: existing.region, kubeconfig, context: undefined });
  const retained = new StorageClass(
    "retain",
    {
      metadata: { name: "marimo-retain" },
      ...storage,
      reclaimPolicy: "Retain",
      // A volume lies in one zone: the one in which its pod runs.
      volumeBindingMode: "WaitForFirstConsumer",
      allowVolumeExpansion: true,
    },
    { provider },
  );
  return { provider, storageClass: retained.metadata.name, loadBalancerAnnotations };
};
