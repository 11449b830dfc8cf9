/** Names of the running system. Operators, dashboards and other services use them today. */
export const names = {
  statefulSet: "postgres",
  membersService: "postgres-members",
  writeService: "postgres-service",
  readService: "postgres-read-service",
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

/** A member's name inside the region's cluster, the one that its certificate carries. */
export const memberHost = (pod: string, namespace: string): string => `${pod}.${names.membersService}.${namespace}.svc`;
