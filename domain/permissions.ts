import type { Duty } from "./identities";
import { type Folder, vaultFolders } from "./vault";

export type Cloud = "aws" | "gcp";

/** Where a permission holds: in folders of the vault, for the bucket itself, or for the vault's key. */
export type Place = { readonly folders: readonly [Folder, ...Folder[]] } | "bucket" | "key";

/** One row of the table: what an identity may do in one cloud, where, and why it must. */
export interface Permission {
  /** Names the grant, within its duty. */
  readonly id: string;
  readonly duty: Duty;
  readonly cloud: Cloud;
  readonly actions: readonly [string, ...string[]];
  readonly place: Place;
  readonly reason: string;
}

/** What each duty is, and which pods have its identity. */
export const dutyTitles: Record<Duty, string> = {
  archive: "Archive writer: the members of the database and their backup jobs, service account `postgres`",
  restore:
    "Restore reader: restores beside the running database, service account `postgres-restore` in namespace `marimo-erp-test`",
  dumps: "Dump writer: the daily logical dump, service account `postgres-dumps`",
  verify: "Verifier: checks of backups and dumps, and drills, service account `postgres-verify`",
};

/** Where restores are tried: the namespace of the plan's "Quarterly Database Restore Test". */
export const scratchNamespace = "marimo-erp-test";

/** The namespace of a duty's pods, where the region's is `namespace`. */
export const namespaceOf = (duty: Duty, namespace: string): string =>
  duty === "restore" ? scratchNamespace : namespace;

/** The Kubernetes service account of a duty. */
export const serviceAccountOf = (duty: Duty): string => (duty === "archive" ? "postgres" : `postgres-${duty}`);

const notFound =
  "Lists what is there. Without it S3 answers 403 instead of 404 for what isn't, which readers take for an error";
const repository: Place = { folders: ["archive", "backup"] };

/**
 * Every permission that the program gives to an identity, with the reason why it exists. IAM policies, Google's roles and
 * docs/permissions.md are all made from these rows.
 *
 * No row lets a region delete a version in S3, or change a lifecycle, a lock, a key or a policy anywhere. In Google's store an
 * overwrite needs `storage.objects.delete`, which also deletes old versions: there the bucket's soft delete holds them, which no
 * row can change. https://cloud.google.com/storage/docs/access-control/iam-permissions#object_permissions
 */
export const permissions: readonly Permission[] = [
  { id: "list", duty: "archive", cloud: "aws", actions: ["s3:ListBucket"], place: "bucket", reason: notFound },
  {
    ...{ id: "repository", duty: "archive", cloud: "aws", place: repository },
    actions: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
    reason:
      "pgBackRest writes WAL and base backups, reads them for a restore, and expires them. A deletion leaves a marker; the version stays",
  },
  {
    ...{ id: "lease", duty: "archive", cloud: "aws", place: { folders: ["lease"] } },
    actions: ["s3:GetObject", "s3:PutObject"],
    reason:
      "The region that writes renews its lease every 5 s. It may not delete it: no lease would look like a new system",
  },
  {
    ...{ id: "key", duty: "archive", cloud: "aws", place: "key" },
    actions: ["kms:Decrypt", "kms:GenerateDataKey"],
    reason: "The bucket encrypts with the vault's key; uploads in parts also decrypt",
  },
  {
    ...{ id: "list", duty: "archive", cloud: "gcp", place: "bucket" },
    actions: ["storage.objects.list"],
    reason: "pgBackRest lists backups and WAL. Google knows no folder for this permission",
  },
  {
    ...{ id: "repository", duty: "archive", cloud: "gcp", place: repository },
    actions: ["storage.objects.create", "storage.objects.delete", "storage.objects.get"],
    reason:
      "pgBackRest writes WAL and base backups, overwrites its indexes (which needs delete too), reads and expires",
  },
  {
    ...{ id: "lease", duty: "archive", cloud: "gcp", place: { folders: ["lease"] } },
    actions: ["storage.objects.create", "storage.objects.delete", "storage.objects.get"],
    reason: "The region that writes renews its lease every 5 s. Google gives overwriting only together with deleting",
  },

  {
    ...{ id: "list", duty: "restore", cloud: "aws", place: "bucket" },
    actions: ["s3:ListBucket", "s3:ListBucketVersions"],
    reason: `${notFound}. Versions show what was deleted, for pgBackRest's repo-target-time`,
  },
  {
    ...{ id: "repository", duty: "restore", cloud: "aws", place: repository },
    actions: ["s3:GetObject", "s3:GetObjectVersion"],
    reason: "Reads backups and WAL, also as they were before somebody deleted or overwrote them",
  },
  {
    ...{ id: "key", duty: "restore", cloud: "aws", place: "key" },
    actions: ["kms:Decrypt"],
    reason: "What it reads is encrypted with the vault's key",
  },
  {
    ...{ id: "list", duty: "restore", cloud: "gcp", place: "bucket" },
    actions: ["storage.objects.list"],
    reason: "Lists backups and WAL, and their old versions",
  },
  {
    ...{ id: "repository", duty: "restore", cloud: "gcp", place: repository },
    actions: ["storage.objects.get"],
    reason: "Reads backups and WAL, also as they were before somebody deleted or overwrote them",
  },

  { id: "list", duty: "dumps", cloud: "aws", actions: ["s3:ListBucket"], place: "bucket", reason: notFound },
  {
    ...{ id: "dumps", duty: "dumps", cloud: "aws", place: { folders: ["dumps"] } },
    actions: ["s3:GetObject", "s3:PutObject"],
    reason: "Writes dumps and reads them back to compare checksums. The store expires them, not the job",
  },
  {
    ...{ id: "evidence", duty: "dumps", cloud: "aws", place: { folders: ["evidence"] } },
    actions: ["s3:PutObject"],
    reason: "Keeps the result of each run",
  },
  {
    ...{ id: "key", duty: "dumps", cloud: "aws", place: "key" },
    actions: ["kms:Decrypt", "kms:GenerateDataKey"],
    reason: "The bucket encrypts with the vault's key; uploads in parts also decrypt",
  },
  {
    ...{ id: "list", duty: "dumps", cloud: "gcp", place: "bucket" },
    actions: ["storage.objects.list"],
    reason: "Sees which dumps are there. Google knows no folder for this permission",
  },
  {
    ...{ id: "dumps", duty: "dumps", cloud: "gcp", place: { folders: ["dumps"] } },
    actions: ["storage.objects.create", "storage.objects.get"],
    reason: "Writes dumps, each under a name of its own, and reads them back. It can overwrite and delete none",
  },
  {
    ...{ id: "evidence", duty: "dumps", cloud: "gcp", place: { folders: ["evidence"] } },
    actions: ["storage.objects.create"],
    reason: "Keeps the result of each run",
  },

  { id: "list", duty: "verify", cloud: "aws", actions: ["s3:ListBucket"], place: "bucket", reason: notFound },
  {
    ...{ id: "read", duty: "verify", cloud: "aws", place: { folders: ["archive", "backup", "dumps"] } },
    actions: ["s3:GetObject"],
    reason: "Reads backups, WAL and dumps to check them. It can change nothing that it checks",
  },
  {
    ...{ id: "evidence", duty: "verify", cloud: "aws", place: { folders: ["evidence"] } },
    actions: ["s3:GetObject", "s3:PutObject"],
    reason: "Keeps the reports of checks and drills, and compares with earlier ones",
  },
  {
    ...{ id: "key", duty: "verify", cloud: "aws", place: "key" },
    actions: ["kms:Decrypt", "kms:GenerateDataKey"],
    reason: "What it reads and writes is encrypted with the vault's key",
  },
  {
    ...{ id: "list", duty: "verify", cloud: "gcp", place: "bucket" },
    actions: ["storage.objects.list"],
    reason: "Lists what is to be checked. Google knows no folder for this permission",
  },
  {
    ...{ id: "read", duty: "verify", cloud: "gcp", place: { folders: ["archive", "backup", "dumps"] } },
    actions: ["storage.objects.get"],
    reason: "Reads backups, WAL and dumps to check them. It can change nothing that it checks",
  },
  {
    ...{ id: "evidence", duty: "verify", cloud: "gcp", place: { folders: ["evidence"] } },
    actions: ["storage.objects.create", "storage.objects.get"],
    reason: "Keeps the reports of checks and drills, and compares with earlier ones",
  },
];

export const permissionsOf = (duty: Duty, cloud: Cloud): Permission[] =>
  permissions.filter((row) => row.duty === duty && row.cloud === cloud);

/** A statement as AWS takes it. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

export interface AwsPlaces {
  readonly bucketArn: string;
  readonly keyArn: string;
  readonly repositoryPath: string;
}

const pascal = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** The IAM policy of a duty's role. */
export const awsPolicy = (duty: Duty, { bucketArn, keyArn, repositoryPath }: AwsPlaces) => {
  const folders = vaultFolders(repositoryPath);
  const resources = (place: Place): string[] => {
    if (place === "bucket") return [bucketArn];
    if (place === "key") return [keyArn];
    return place.folders.map((folder) => `${bucketArn}/${folders[folder]}*`);
  };
  const statements = permissionsOf(duty, "aws").map(({ id, actions, place }): Statement => ({
    Sid: pascal(id),
    Effect: "Allow",
    Action: actions,
    Resource: resources(place),
  }));
  return { Version: "2012-10-17", Statement: statements };
};

/** Which objects a grant in Google's store is for, in Google's language for conditions. `undefined` is all. */
export const gcpCondition = (place: Place, bucket: string, repositoryPath: string): string | undefined => {
  if (typeof place === "string") return undefined;
  const folders = vaultFolders(repositoryPath);
  return place.folders
    .map((folder) => `resource.name.startsWith("projects/_/buckets/${bucket}/objects/${folders[folder]}")`)
    .join(" || ");
};

const whereOf = (place: Place): string =>
  typeof place === "string" ? (place === "key" ? "the vault's key" : "the bucket") : place.folders.join(", ");

const table = (duty: Duty, cloud: Cloud): string[] => [
  "| may | where | because |",
  "| --- | --- | --- |",
  ...permissionsOf(duty, cloud).map(
    ({ actions, place, reason }) =>
      `| ${actions.map((action) => `\`${action}\``).join(", ")} | ${whereOf(place)} | ${reason}. |`,
  ),
  "",
];

/** docs/permissions.md. */
export const permissionsPage = (): string =>
  [
    "# What the identities may do in the clouds, and why",
    "",
    "Made from the table in `domain/permissions.ts`, from which the policies come too. Change it there, then run",
    "`UPDATE_GOLDEN=1 npm run test:unit`.",
    "",
    "Folders are those of a vault (`domain/vault.ts`): `archive`, `backup` and `lease` lie below the repository's path, the",
    "others at the bucket's top. No identity of a region may delete a version in S3, or change a lifecycle, a lock, a policy",
    "or a key. In Google's store overwriting needs the permission that also deletes old versions: what is deleted so is held by the",
    "bucket's soft delete, which none of them can change.",
    "",
    ...(Object.keys(dutyTitles) as Duty[]).flatMap((duty) => [
      `## ${dutyTitles[duty]}`,
      "",
      "In AWS:",
      "",
      ...table(duty, "aws"),
      "In Google Cloud:",
      "",
      ...table(duty, "gcp"),
    ]),
  ]
    .join("\n")
    .trimEnd() + "\n";
