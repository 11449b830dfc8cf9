import { z } from "zod";
import type { RepositoryName } from "../domain/repository";
import { defaultTimes, dualRegions, longestLock } from "../domain/vault";
import { choice, key, optionalText, regionKeys, whole } from "./keys";

const cluster = (where: string, example: string) =>
  key(
    z
      .string()
      .regex(/^(|[a-z0-9-]+\/[a-zA-Z0-9][a-zA-Z0-9_-]{0,99})$/)
      .transform((value) => {
        const [location, name] = value.split("/");
        return location && name ? { location, name } : undefined;
      }),
    `REGION/NAME of the ${where} cluster whose pods use the vaults, or nothing`,
    example,
    { default: "" },
  );

/** Keys that regions read too: what the vaults are made for must be what the regions use. */
const { namespace, repositoryPath, retentionDays, dumpDays, s3Bucket, s3Region, gcsBucket } = regionKeys;
const { repositoryCipher, sharedSecrets, environment, awsAccount, awsReplicaRegion, gcpProject } = regionKeys;

/** Keys of the vaults, which the stack global makes. */
export const vaultKeys = {
  ...{ namespace, repositoryPath, retentionDays, dumpDays, s3Bucket, s3Region, gcsBucket },
  ...{ repositoryCipher, sharedSecrets, environment, awsAccount, awsReplicaRegion, gcpProject },
  vaults: key(
    z
      .enum(["none", "s3", "gcs", "s3,gcs"])
      .transform((value): RepositoryName[] => (value === "none" ? [] : (value.split(",") as RepositoryName[]))),
    "s3,gcs or one of them, or none",
    "s3,gcs",
    { default: "none" },
  ),
  gcpProjectNumber: optionalText(
    /^[0-9]{6,20}$/,
    "that project's number (gcloud projects describe PROJECT --format 'value(projectNumber)'), or nothing",
    "123456789012",
  ),
  gcsLocation: key(
    z.union([z.enum(dualRegions), z.string().regex(/^[a-z]+-[a-z]+[0-9]+$/)]),
    `${dualRegions.join(", ")} (two regions each) or one of Google's regions`,
    "EUR4",
    { default: "EUR4" },
  ),
  undeleteDays: whole(1, 365, defaultTimes.undelete.days, "days"),
  lockDays: {
    ...whole(1, longestLock.days, defaultTimes.lock.days, "days"),
    limit:
      `a whole number of days from 1 to ${longestLock.days}. The lock also holds each version of the writer's lease, ` +
      "one every 5 s, and from a million on S3 turns writers away",
  },
  eksCluster: cluster("EKS", "eu-central-1/marimo"),
  gkeCluster: cluster("GKE", "europe-west4/marimo"),
  adopt: choice(["false", "true"], "false"),
  adoptKeyId: optionalText(
    /^mrk-[0-9a-f]+$/,
    "the ID of the vault's key (aws kms describe-key --key-id alias/marimo-ENVIRONMENT-vault --query KeyMetadata.KeyId), or nothing",
    "mrk-1234abcd12ab34cd56ef1234567890ab",
  ),
  adoptSecretArn: optionalText(
    /^arn:aws[a-z-]*:secretsmanager:\S+$/,
    "the ARN of the escrow (aws secretsmanager describe-secret --secret-id marimo-ENVIRONMENT/shared-secrets --query ARN), or nothing",
    "ARN",
  ),
} as const;

export type VaultValues = { [K in keyof typeof vaultKeys]: z.output<(typeof vaultKeys)[K]["type"]> };
