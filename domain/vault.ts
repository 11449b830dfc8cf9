import { Duration } from "./duration";
import { renewalInterval } from "./lease";

/**
 * A vault is one bucket that holds what must outlive a region. Each kind of content has a folder of its own, and rules of its
 * own for how long the store keeps it.
 */
export type Folder = "archive" | "backup" | "lease" | "dumps" | "state" | "evidence";

/** Folders at the bucket's top. The repository must not lie in one of them. */
const topFolders = { dumps: "dumps/", state: "state/", evidence: "evidence/" } as const;

/** Whether a repository there would share a folder, and its rules of expiry, with something else. */
export const isTakenPath = (repositoryPath: string): boolean =>
  Object.values(topFolders).some((folder) => `${repositoryPath.slice(1)}/`.startsWith(folder));

/** The folders of a vault, as prefixes of its objects' names. `archive` and `backup` are pgBackRest's own. */
export const vaultFolders = (repositoryPath: string): Record<Folder, string> => {
  const repository = repositoryPath.replace(/^\//, "");
  return {
    archive: `${repository}/archive/`,
    backup: `${repository}/backup/`,
    lease: `${repository}/lease/`,
    ...topFolders,
  };
};

/** How long a vault keeps things. */
export interface VaultTimes {
  /** How long pgBackRest keeps a base backup and its WAL. Its own `expire` deletes them, not the store. */
  readonly retention: Duration;
  /** How long logical dumps are kept. */
  readonly dumps: Duration;
  /** How long what was deleted or overwritten can be had back. */
  readonly undelete: Duration;
  /** How long nobody can delete a version, not even the account's owner. `undefined` only with a written reason. */
  readonly lock: Duration | undefined;
}

/** How often the region that writes takes a full base backup (components/baseBackups.ts). */
export const fullBackupInterval = Duration.days(7);

/** What the plan says: 90 days in the object stores. */
export const defaultTimes = {
  retention: Duration.days(90),
  dumps: Duration.days(90),
  undelete: Duration.days(30),
  lock: Duration.days(30),
} as const satisfies VaultTimes;

/** What a store does by itself with one folder. */
export interface FolderRule {
  readonly folder: Folder;
  readonly prefix: string;
  /** Age at which an object goes. @default never */
  readonly expireAfter?: Duration;
  /** Time after which a version that was deleted or overwritten is really gone. @default never */
  readonly reclaimAfter?: Duration;
}

/** Every update of a stack writes its state anew; a year of them is a history to go back to. */
const stateHistory = Duration.days(365);

/** Stores count expiry in whole days. Nobody ever wants an old lease back. */
const leaseHistory = Duration.days(1);

/**
 * The rules for each folder. There is none for `evidence`: what drills proved is never removed, nor any version of it. And no
 * rule is without a folder: one that is would one day expire the backups.
 */
export const folderRules = (repositoryPath: string, times: VaultTimes): FolderRule[] => {
  const prefix = vaultFolders(repositoryPath);
  const { undelete } = times;
  return [
    { folder: "archive", prefix: prefix.archive, reclaimAfter: undelete },
    { folder: "backup", prefix: prefix.backup, reclaimAfter: undelete },
    { folder: "lease", prefix: prefix.lease, reclaimAfter: leaseHistory },
    { folder: "dumps", prefix: prefix.dumps, expireAfter: times.dumps, reclaimAfter: undelete },
    { folder: "state", prefix: prefix.state, reclaimAfter: stateHistory },
  ];
};

/** Uploads that broke off are invisible and cost money; the largest file takes hours, not days. */
export const brokenUploads = Duration.days(7);

/** Stores carry rules out once a day, and S3 may lag behind by some more: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html */
const lifecycleLag = Duration.days(2);

/**
 * From millions of versions of one object on, S3 answers its writers with 503, which would stop the lease's renewal.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshooting-versioning.html
 */
export const maxVersions = 1_000_000;

/**
 * Versions of the lease object that lie in the S3 vault at once. The lock is the bucket's, S3 has none for a folder, so it
 * holds each version of the lease as well.
 */
export const leaseVersions = (lock: Duration | undefined): number => {
  const days = Math.max(lock?.days ?? 0, leaseHistory.days) + lifecycleLag.days;
  return Math.ceil(Duration.days(days).seconds / renewalInterval.seconds);
};

/** The longest lock with which the lease stays well clear of S3's limit. */
export const longestLock = Duration.days(
  Math.floor((maxVersions * renewalInterval.seconds) / Duration.days(1).seconds) - lifecycleLag.days,
);

/** Google's limits: https://cloud.google.com/storage/docs/soft-delete#retention-duration */
export const softDeleteLimits = { min: Duration.days(7), max: Duration.days(90) } as const;

/** Google's second net, under the old versions: as long as the first one, within its limits. */
export const softDelete = (undelete: Duration): Duration => {
  const { min, max } = softDeleteLimits;
  return Duration.seconds(Math.min(Math.max(undelete.seconds, min.seconds), max.seconds));
};

/** The longest that AWS and Google let a key or secret wait for its deletion, in which it can be called off. */
export const deletionWindows = {
  /** https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html */
  awsKey: Duration.days(30),
  /** https://cloud.google.com/kms/docs/create-key#change-destroy-scheduled */
  gcpKey: Duration.days(120),
  /** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html */
  awsSecret: Duration.days(30),
} as const;

/** How often the clouds make a new version of a key. Old versions go on opening what they closed. */
export const keyRotation = Duration.days(365);

/**
 * Google's predefined pairs of regions that its key management serves too. Only a pair can have turbo replication.
 * https://cloud.google.com/storage/docs/locations
 */
export const dualRegions = ["ASIA1", "EUR4", "NAM4"] as const;

/** Turbo replication copies into the second region within 15 minutes: https://cloud.google.com/storage/docs/availability-durability#turbo-replication */
export const replicationOf = (location: string): "ASYNC_TURBO" | "DEFAULT" =>
  (dualRegions as readonly string[]).includes(location) ? "ASYNC_TURBO" : "DEFAULT";
