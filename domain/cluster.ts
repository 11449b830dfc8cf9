import type { Cidr } from "./network";

interface Made {
  /** In the cloud. Identities know the cluster by it (keys eksCluster and gkeCluster of the stack global). */
  readonly name: string;
  /** The cloud's region. */
  readonly region: string;
  readonly network: Cidr;
}

/** A cluster of EKS that the stack makes. */
export interface EksSpec extends Made {
  readonly kind: "eks";
  readonly account: string;
  /** Letters of three zones. */
  readonly zones: readonly string[];
  /** ARNs of who may do everything in the cluster, the identity that runs Pulumi among them. */
  readonly admins: readonly string[];
  /** Addresses that reach the cluster's API. */
  readonly apiFrom: readonly string[];
  readonly environment: string;
  /** Where the pods run that take on roles. */
  readonly namespace: string;
}

/** A cluster of GKE that the stack makes. */
export interface GkeSpec extends Made {
  readonly kind: "gke";
  readonly project: string;
}

/** A cluster that the stack makes. */
export type ClusterSpec = EksSpec | GkeSpec;

/** A role of the clouds' own that a cluster has, and why. */
export interface ClusterGrant {
  readonly role: string;
  readonly reason: string;
}

/** What EKS itself may do: https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html */
export const eksControlGrants: readonly ClusterGrant[] = [
  { role: "AmazonEKSClusterPolicy", reason: "EKS runs the cluster's control plane" },
  { role: "AmazonEKSComputePolicy", reason: "Auto Mode makes and renews nodes" },
  { role: "AmazonEKSBlockStoragePolicy", reason: "Auto Mode makes and attaches volumes" },
  { role: "AmazonEKSLoadBalancingPolicy", reason: "Auto Mode makes load balancers for Services" },
  { role: "AmazonEKSNetworkingPolicy", reason: "Auto Mode gives pods their addresses" },
];

/** What its nodes may do: https://docs.aws.amazon.com/eks/latest/userguide/auto-create-node-role.html */
export const eksNodeGrants: readonly ClusterGrant[] = [
  {
    role: "AmazonEKSWorkerNodeMinimalPolicy",
    reason: "A node joins its cluster, and pods take on roles by Pod Identity",
  },
  { role: "AmazonEC2ContainerRegistryPullOnly", reason: "A node pulls images" },
];

/** What GKE's nodes may do: https://cloud.google.com/kubernetes-engine/docs/how-to/service-accounts */
export const gkeNodeGrants: readonly ClusterGrant[] = [
  {
    role: "roles/container.defaultNodeServiceAccount",
    reason: "A node joins its cluster, and writes its logs and metrics",
  },
];
