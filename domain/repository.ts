import type { Duty } from "./identities";

/**
 * A pgBackRest repository: one object store that holds base backups and archived WAL. The program writes to all that are
 * configured, and a restore reads one of them.
 */
export type RepositoryName = "s3" | "gcs";

/** pgBackRest knows repositories by number. A number is never reused for another store: its options and locks carry it. */
export const repositoryNumber = { s3: 1, gcs: 2 } as const satisfies Record<RepositoryName, number>;

export interface S3Repository {
  readonly name: "s3";
  readonly bucket: string;
  readonly region: string;
  /** `host` or `host:port` of an S3-compatible server. @default AWS's endpoint of the region */
  readonly endpoint: string | undefined;
  /** Whether the bucket is named in the host (AWS) or in the path (most other servers). */
  readonly uriStyle: "host" | "path";
  /**
   * Where credentials come from: the node (`auto`), EKS Pod Identity (`pod-id`, which pgBackRest calls experimental), the pod's
   * web identity (`web-id`) or a key pair (`shared`).
   */
  readonly keyType: "auto" | "pod-id" | "web-id" | "shared";
}

export interface GcsRepository {
  readonly name: "gcs";
  readonly bucket: string;
  /** `host` or `host:port` of a GCS-compatible server. @default Google's */
  readonly endpoint: string | undefined;
  /** Where credentials come from: the workload identity (`auto`), a service account's JSON (`service`) or a `token`. */
  readonly keyType: "auto" | "service" | "token";
}

export type Repository = S3Repository | GcsRepository;

/** As the containers read it from MARIMO_REPOSITORIES, for example `s3=1,gcs=2`. */
export const repositoryList = (repositories: readonly Repository[]): string =>
  repositories.map(({ name }) => `${name}=${repositoryNumber[name]}`).join(",");

/** The cloud identities of the archive writer, under which pods reach the stores without keys. */
export interface Identities {
  readonly s3RoleArn: string | undefined;
  readonly gcsServiceAccount: string | undefined;
}

/**
 * The identity of a duty, from the archive writer's: the stack global gives all duties one name with different ends
 * (`cloudNames`). One with a name of another kind serves all duties.
 */
const identityOf = (archive: string, duty: Duty): string => archive.replace(/-archive(?=@|$)/, `-${duty}`);

/** The identities of a duty, as annotations of its service account. */
export const identityAnnotations = (
  { s3RoleArn, gcsServiceAccount }: Identities,
  duty: Duty,
): Record<string, string> => ({
  // https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
  ...(s3RoleArn && { "eks.amazonaws.com/role-arn": identityOf(s3RoleArn, duty) }),
  // https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
  ...(gcsServiceAccount && { "iam.gke.io/gcp-service-account": identityOf(gcsServiceAccount, duty) }),
});
