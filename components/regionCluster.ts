import { Provider } from "@pulumi/kubernetes/provider";
import type { Input } from "@pulumi/pulumi";

export interface RegionClusterArgs {
  /** Path of a kubeconfig, or its text. @default the ambient one */
  readonly kubeconfig: Input<string> | undefined;
  /** @default the kubeconfig's current context */
  readonly context: string | undefined;
  readonly region: string;
}

/** The way to a Kubernetes cluster. */
export const regionCluster = (args: RegionClusterArgs): Provider =>
  new Provider("cluster", {
    ...(args.kubeconfig !== undefined && { kubeconfig: args.kubeconfig }),
    ...(args.context !== undefined && { context: args.context }),
    // Without it another kubeconfig means another cluster: Pulumi would create everything there, and then delete the old
    // objects by their names, which are the new ones' names too. A rebuilt cluster is told by `--refresh` instead.
    clusterIdentifier: args.region,
    // A `pulumi up` that was killed leaves objects that its state doesn't know; the next one takes them over.
    upsertExistingObjects: true,
    // Without these every change of a ConfigMap or Secret would delete it and its pods' mounts first.
    enableConfigMapMutable: true,
    enableSecretMutable: true,
    // What the program declares counts, also where a hand or Patroni has written since.
    enablePatchForce: true,
  });
