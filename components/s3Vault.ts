import { Bucket } from "@pulumi/aws/s3/bucket";
import { BucketLifecycleConfiguration } from "@pulumi/aws/s3/bucketLifecycleConfiguration";
import { BucketObjectLockConfiguration } from "@pulumi/aws/s3/bucketObjectLockConfiguration";
import { BucketOwnershipControls } from "@pulumi/aws/s3/bucketOwnershipControls";
import { BucketPolicy } from "@pulumi/aws/s3/bucketPolicy";
import { BucketPublicAccessBlock } from "@pulumi/aws/s3/bucketPublicAccessBlock";
import { BucketServerSideEncryptionConfiguration } from "@pulumi/aws/s3/bucketServerSideEncryptionConfiguration";
import { BucketVersioning } from "@pulumi/aws/s3/bucketVersioning";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  jsonStringify,
  type Output,
} from "@pulumi/pulumi";
import { s3Rules } from "../domain/lifecycle";
import { folderRules, type VaultTimes } from "../domain/vault";
import { type Adoption, lasting } from "./lasting";

export interface S3VaultArgs extends Adoption {
  readonly bucket: string;
  readonly region: string;
  readonly keyArn: Input<string>;
  /** Folder of the repository inside the bucket. */
  readonly repositoryPath: string;
  readonly times: VaultTimes;
}

/**
 * A bucket in S3 that keeps every version of what is in it: nobody deletes one before its lock is over, nobody reaches it in
 * plain text or from outside, and each folder has its own rules of what goes when.
 */
export class S3Vault extends ComponentResource {
  readonly arn: Output<string>;
  /** The bucket's name, once versions are kept: what replication has to wait for. */
  readonly versioned: Output<string>;

  constructor(name: string, args: S3VaultArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:S3Vault", name, {}, opts);
    const { region, times } = args;
    const vault = new Bucket(
      `${name}-bucket`,
      { bucket: args.bucket, region, objectLockEnabled: true, forceDestroy: false },
      { parent: this, ...lasting(args, args.bucket, ["forceDestroy"]) },
    );
    const bucket = vault.bucket;
    // What follows is written over what a bucket has, so it needs no adoption.
    const kept = { parent: this, ...lasting(args, undefined) };
    const versioning = new BucketVersioning(
      `${name}-versioning`,
      { bucket, region, versioningConfiguration: { status: "Enabled" } },
      kept,
    );
    const onVersions = { ...kept, dependsOn: versioning };
    new BucketObjectLockConfiguration(
      `${name}-lock`,
      {
        bucket,
        region,
        ...(times.lock && { rule: { defaultRetention: { mode: "COMPLIANCE", days: times.lock.days } } }),
      },
      onVersions,
    );
    new BucketLifecycleConfiguration(
      `${name}-lifecycle`,
      { bucket, region, rules: s3Rules(folderRules(args.repositoryPath, times)) },
      onVersions,
    );
    new BucketServerSideEncryptionConfiguration(
      `${name}-encryption`,
      {
        bucket,
        region,
        rules: [
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: args.keyArn },
            // One request for a key serves many objects; pgBackRest and the lease would pay for each otherwise.
            bucketKeyEnabled: true,
          },
        ],
      },
      kept,
    );
    const closed = new BucketPublicAccessBlock(
      `${name}-closed`,
      {
        bucket,
        region,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      kept,
    );
    new BucketOwnershipControls(
      `${name}-ownership`,
      { bucket, region, rule: { objectOwnership: "BucketOwnerEnforced" } },
      kept,
    );
    new BucketPolicy(
      `${name}-policy`,
      { bucket, region, policy: jsonStringify(onlyByTls(vault.arn)) },
      // S3 refuses two changes of a bucket's access at once.
      { ...kept, dependsOn: closed },
    );
    this.arn = vault.arn;
    this.versioned = versioning.bucket;
    this.registerOutputs({ arn: this.arn });
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html#transit */
const onlyByTls = (arn: Output<string>) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "OnlyByTls",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [arn, arn.apply((bucket) => `${bucket}/*`)],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ],
});
