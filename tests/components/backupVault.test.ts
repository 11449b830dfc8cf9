import assert from "node:assert/strict";
import { BackupVault } from "../../components/backupVault";
import { Duration } from "../../domain/duration";
import { defaultTimes, type VaultTimes } from "../../domain/vault";
import { capture } from "../support/capture";
import { countTypes, isComponent, named } from "../support/captured";

const declare = ({ adopt = false, times = defaultTimes, location = "EUR4" } = {}) => {
  const common = { adopt, times: times as VaultTimes, repositoryPath: "/marimo" };
  return capture(
    () =>
      new BackupVault("vault", {
        s3: { ...common, bucket: "example-s3", region: "eu-central-1", keyArn: "the key" },
        gcs: { ...common, bucket: "example-gcs", project: "example", location, keyName: "the key" },
      }),
  );
};

describe("BackupVault", () => {
  it("declares exactly these kinds", async () => {
    assert.deepEqual(countTypes(await declare()), {
      "aws:s3/bucket:Bucket": 1,
      "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": 1,
      "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": 1,
      "aws:s3/bucketOwnershipControls:BucketOwnershipControls": 1,
      "aws:s3/bucketPolicy:BucketPolicy": 1,
      "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": 1,
      "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": 1,
      "aws:s3/bucketVersioning:BucketVersioning": 1,
      "gcp:storage/bucket:Bucket": 1,
      "marimo:dr:BackupVault": 1,
      "marimo:dr:GcsVault": 1,
      "marimo:dr:S3Vault": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("is one vault where only one cloud is used", async () => {
    assert.deepEqual(
      (await capture(() => new BackupVault("vault", { s3: undefined, gcs: undefined }))).filter(
        (one) => !isComponent(one),
      ),
      [],
    );
  });

  it("every part of it is protected and outlives its stack", async () => {
    for (const one of (await declare()).filter((one) => !isComponent(one))) {
      assert.deepEqual(one.options, { protect: true, retainOnDelete: true }, one.name);
    }
  });

  it("with the state lost, the buckets are adopted, and what is written over them needs none", async () => {
    const adopted = (await declare({ adopt: true })).flatMap(({ name, options }) =>
      options?.import === undefined ? [] : [[name, options.import, options.ignoreChanges]],
    );
    assert.deepEqual(adopted, [
      ["vault-s3-bucket", "example-s3", ["forceDestroy"]],
      ["vault-gcs-bucket", "example-gcs", ["forceDestroy"]],
    ]);
  });

  it("S3 locks every version, in the mode that no one can lift", async () => {
    const captured = await declare();
    assert.equal(named(captured, "vault-s3-bucket").inputs["objectLockEnabled"], true);
    assert.deepEqual(named(captured, "vault-s3-lock").inputs["rule"], {
      defaultRetention: { mode: "COMPLIANCE", days: 30 },
    });
    assert.deepEqual(named(captured, "vault-s3-versioning").inputs["versioningConfiguration"], { status: "Enabled" });
  });

  it("S3 encrypts with the vault's key, and lets nobody in by plain text or from outside", async () => {
    const captured = await declare();
    assert.deepEqual(named(captured, "vault-s3-encryption").inputs["rules"], [
      {
        applyServerSideEncryptionByDefault: { kmsMasterKeyId: "the key", sseAlgorithm: "aws:kms" },
        bucketKeyEnabled: true,
      },
    ]);
    const { bucket, region, ...blocks } = named(captured, "vault-s3-closed").inputs;
    assert.deepEqual([bucket, region], ["example-s3", "eu-central-1"]);
    assert.deepEqual(Object.values(blocks), [true, true, true, true]);
    const policy = JSON.parse(named(captured, "vault-s3-policy").inputs["policy"] as string) as {
      Statement: { Effect: string; Condition: object; Resource: string[] }[];
    };
    assert.deepEqual(
      policy.Statement.map(({ Effect, Condition, Resource }) => [Effect, Condition, Resource]),
      [["Deny", { Bool: { "aws:SecureTransport": "false" } }, ["<ARN vault-s3-bucket>", "<ARN vault-s3-bucket>/*"]]],
    );
  });

  it("Google's has versions, soft delete and its key, and no retention policy, which would refuse overwrites", async () => {
    const { inputs } = named(await declare(), "vault-gcs-bucket");
    assert.deepEqual(inputs["versioning"], { enabled: true });
    assert.deepEqual(inputs["softDeletePolicy"], { retentionDurationSeconds: 30 * 86_400 });
    assert.deepEqual(inputs["encryption"], { defaultKmsKeyName: "the key" });
    assert.equal(inputs["publicAccessPrevention"], "enforced");
    assert.equal(inputs["uniformBucketLevelAccess"], true);
    assert.equal(inputs["rpo"], "ASYNC_TURBO");
    assert.ok(!("retentionPolicy" in inputs));
  });

  it("one region can't have turbo replication", async () => {
    assert.equal(named(await declare({ location: "europe-west3" }), "vault-gcs-bucket").inputs["rpo"], "DEFAULT");
  });

  it("its times are the configuration's", async () => {
    const times = { ...defaultTimes, lock: Duration.days(10), undelete: Duration.days(14) } as typeof defaultTimes;
    const captured = await declare({ times });
    assert.match(JSON.stringify(named(captured, "vault-s3-lock").inputs), /"days":10/);
    assert.match(JSON.stringify(named(captured, "vault-s3-lifecycle").inputs), /"noncurrentDays":14/);
    assert.match(JSON.stringify(named(captured, "vault-gcs-bucket").inputs), /"daysSinceNoncurrentTime":14/);
  });
});
