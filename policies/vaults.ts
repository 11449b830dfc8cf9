import { at, list, type Resource, type ResourceRule, type StackRule } from "./rule";

/** What no backup survives the loss of. */
const vaultPart =
  /^aws:s3\/bucket|^aws:kms\/(key|replicaKey):|^aws:secretsmanager\/secret:|^gcp:storage\/bucket:|^gcp:kms\/(keyRing|cryptoKey):|^gcp:secretmanager\/secret:/;
const isS3Bucket = ({ type }: Resource) => type === "aws:s3/bucket:Bucket";
const isGcsBucket = ({ type }: Resource) => type === "gcp:storage/bucket:Bucket";

/** The settings of an S3 bucket that are resources of their own. */
const settingsOf = (bucket: Resource, resources: readonly Resource[], type: string): Resource | undefined =>
  resources.find((one) => one.type.endsWith(`:${type}`) && one.props["bucket"] === bucket.props["bucket"]);

export const vaultsProtected: ResourceRule = {
  kind: "resource",
  name: "vaults-protected",
  promise: "Buckets, keys and escrowed secrets are protected",
  check: ({ type, protect }) =>
    !vaultPart.test(type) || protect
      ? undefined
      : "It is not protected, so one `pulumi destroy`, or a change of its name, deletes it, and every backup is lost or can't be read any " +
        "more. Give it `protect: true` again (components/lasting.ts).",
};

export const neverForceDestroyed: ResourceRule = {
  kind: "resource",
  name: "vaults-never-force-destroyed",
  promise: "A bucket that holds something can't be deleted",
  check: ({ props }) =>
    props["forceDestroy"] === true
      ? "forceDestroy is true: a deletion would empty the bucket first, backups and all. Set it to false, or leave it out."
      : undefined,
};

export const vaultsVersioned: StackRule = {
  kind: "stack",
  name: "vaults-versioned",
  promise: "Buckets keep what is overwritten or deleted",
  check: (resources) => {
    const remedy = "what is overwritten or deleted there, by mistake or by an attacker, is gone. Enable versioning.";
    const s3 = resources
      .filter(isS3Bucket)
      .filter(
        (bucket) =>
          at(settingsOf(bucket, resources, "BucketVersioning")?.props, "versioningConfiguration", "status") !==
          "Enabled",
      );
    const gcs = resources.filter(isGcsBucket).filter(({ props }) => at(props, "versioning", "enabled") !== true);
    return [...s3, ...gcs].map(({ name }) => `${name} keeps no versions: ${remedy}`);
  },
};

export const vaultsLocked: StackRule = {
  kind: "stack",
  name: "vaults-locked",
  promise: "Nobody, the account's owner included, deletes a fresh backup from S3",
  check: (resources) =>
    resources
      .filter(isS3Bucket)
      .filter((bucket) => {
        const lock = settingsOf(bucket, resources, "BucketObjectLockConfiguration")?.props;
        const { mode, days } = (at(lock, "rule", "defaultRetention") ?? {}) as { mode?: unknown; days?: unknown };
        return (
          bucket.props["objectLockEnabled"] !== true || mode !== "COMPLIANCE" || !(typeof days === "number" && days > 0)
        );
      })
      .map(
        ({ name }) =>
          `${name} is not locked: who has an administrator's rights, or stole them, deletes the backups with everything else. ` +
          "Give it objectLockEnabled and a default retention in mode COMPLIANCE (key lockDays).",
      ),
};

const daysOfLock = (resource: Resource) => at(resource.props, "rule", "defaultRetention", "days");

export const lockWithinExpiry: StackRule = {
  kind: "stack",
  name: "lock-within-expiry",
  promise: "What expires can be deleted by then",
  check: (resources) =>
    resources.filter(isS3Bucket).flatMap((bucket) => {
      const lock = settingsOf(bucket, resources, "BucketObjectLockConfiguration");
      const days = lock && daysOfLock(lock);
      if (typeof days !== "number") return [];
      return list(settingsOf(bucket, resources, "BucketLifecycleConfiguration")?.props["rules"])
        .map((rule) => [at(rule, "id"), at(rule, "expiration", "days")] as const)
        .filter((rule): rule is [string, number] => typeof rule[1] === "number" && rule[1] < days)
        .map(
          ([id, expiry]) =>
            `${bucket.name} locks for ${days} days what its rule "${id}" expires after ${expiry}: it stays, is paid for, and nobody ` +
            `can remove it. Set lockDays to ${expiry} or less.`,
        );
    }),
};

export const expiryHasFolder: ResourceRule = {
  kind: "resource",
  name: "expiry-has-folder",
  promise: "No rule of expiry holds for a whole bucket",
  check: ({ type, props }) => {
    const s3 = type.endsWith(":BucketLifecycleConfiguration")
      ? list(props["rules"]).filter(
          (rule) =>
            (at(rule, "expiration", "days") !== undefined || at(rule, "noncurrentVersionExpiration") !== undefined) &&
            !at(rule, "filter", "prefix"),
        )
      : [];
    const gcs =
      type === "gcp:storage/bucket:Bucket"
        ? list(props["lifecycleRules"]).filter(
            (rule) =>
              at(rule, "action", "type") === "Delete" && list(at(rule, "condition", "matchesPrefixes")).length === 0,
          )
        : [];
    return s3.length + gcs.length > 0
      ? "A rule of expiry names no folder, so it removes everything in the bucket when its time comes, base backups too. Name the " +
          "folder that it is for (domain/vault.ts)."
      : undefined;
  },
};

export const noRetentionPolicy: ResourceRule = {
  kind: "resource",
  name: "no-gcs-retention-policy",
  promise: "pgBackRest can overwrite its indexes in Google's store",
  check: (resource) =>
    isGcsBucket(resource) && resource.props["retentionPolicy"] !== undefined
      ? "The bucket has a retention policy, which refuses every overwrite: pgBackRest could not write its indexes, nor a region its lease, " +
        "and WAL would pile up until the volume is full. Remove it; versioning and soft delete keep what is overwritten."
      : undefined,
};

export const replicasElsewhere: StackRule = {
  kind: "stack",
  name: "replicas-elsewhere",
  promise: "Keys and secrets survive the loss of an AWS region",
  check: (resources) => {
    const regionOf = (type: string) => resources.filter((one) => one.type === type).map(({ props }) => props["region"]);
    const keys = regionOf("aws:kms/key:Key");
    const replicas = regionOf("aws:kms/replicaKey:ReplicaKey");
    const sameKey = keys.filter((region) => !replicas.some((replica) => replica !== region));
    const secrets = resources
      .filter(({ type }) => type === "aws:secretsmanager/secret:Secret")
      .filter(({ props }) => !list(props["replicas"]).some((replica) => at(replica, "region") !== props["region"]));
    const remedy = "Give it a replica in another region (key awsReplicaRegion).";
    return [
      ...sameKey.map(
        (region) =>
          `The key in ${String(region)} has no replica in another region: with that region, no secret and no copy can be opened. ${remedy}`,
      ),
      ...secrets.map(
        ({ name }) => `${name} has no copy in another region than its own, and is lost with it. ${remedy}`,
      ),
    ];
  },
};

export const vaultRules = [
  vaultsProtected,
  neverForceDestroyed,
  vaultsVersioned,
  vaultsLocked,
  lockWithinExpiry,
  expiryHasFolder,
  noRetentionPolicy,
  replicasElsewhere,
] as const;
