/** Names of the running system. Operators, dashboards and other services use them today. */
export const names = {
  statefulSet: "postgres",
  membersService: "postgres-members",
  writeService: "postgres-service",
  readService: "postgres-read-service",
  /** Where the other region reaches this one's leader. */
  replicationService: "postgres-replication",
  /** Where checkers ask whether this region takes writes. */
  writableService: "dr-writable",
  /** Physical replication slot that keeps WAL for the other region. */
  otherRegionSlot: "other_region",
  database: "marimo_erp",
  superuser: "postgres",
  replicationUser: "replicator",
  rewindUser: "rewinder",
  stanza: "marimo",
  secrets: "marimo-secrets",
  config: "marimo-config",
  /** Common name of the certificate with which backup jobs reach the members. */
  backupClient: "postgres-backup",
} as const;

/** Pods of the StatefulSet, in order. */
export const memberPods = (members: number): string[] =>
  Array.from({ length: members }, (_, ordinal) => `${names.statefulSet}-${ordinal}`);

/** Kubernetes' own default: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ */
const clusterDomain = "cluster.local";

/**
 * A member's name inside the region's cluster, the one that its certificate carries. Written out to its end: with `podDns`
 * a shorter one would be asked for outside of the cluster first.
 */
export const memberHost = (pod: string, namespace: string): string =>
  `${pod}.${names.membersService}.${namespace}.svc.${clusterDomain}`;
