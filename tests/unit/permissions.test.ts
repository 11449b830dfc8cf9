import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { cloudNames, duties, environmentName, nameLimits } from "../../domain/identities";
import { awsPolicy, gcpCondition, permissions, permissionsOf, permissionsPage } from "../../domain/permissions";
import { awsTrustPolicy } from "../../domain/trust";
import { vaultFolders } from "../../domain/vault";

const places = {
  bucketArn: "arn:aws:s3:::example-vault",
  keyArn: "arn:aws:kms:eu-central-1:123456789012:key/mrk-1",
  repositoryPath: "/marimo",
};

/** What no region may do in AWS, whatever happens in it. */
const forbidden = [
  ...["s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration", "s3:PutBucketVersioning", "s3:DeleteBucket"],
  ...["s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:BypassGovernanceRetention", "s3:PutBucketPolicy"],
  ...["s3:PutBucketObjectLockConfiguration", "s3:PutEncryptionConfiguration", "kms:ScheduleKeyDeletion"],
  ...["kms:DisableKey", "kms:PutKeyPolicy", "kms:CreateGrant"],
];

describe("permissions in the clouds", () => {
  it("docs/permissions.md says what the table says", () => {
    const file = join(__dirname, "../../docs/permissions.md");
    if (process.env["UPDATE_GOLDEN"] && !process.env["CI"]) writeFileSync(file, permissionsPage());
    assert.equal(readFileSync(file, "utf8"), permissionsPage(), "write it anew: UPDATE_GOLDEN=1 npm run test:unit");
  });

  it("every row has its reason, and a name of its own in its duty and cloud", () => {
    const names = permissions.map(({ cloud, duty, id }) => `${cloud} ${duty} ${id}`);
    assert.equal(new Set(names).size, names.length);
    for (const { reason } of permissions) assert.ok(reason.length > 20, reason);
  });

  it("nothing is allowed by a pattern, and nothing outside of a folder, a bucket or a key", () => {
    for (const duty of duties) {
      for (const { Action, Resource } of awsPolicy(duty, places).Statement) {
        for (const action of Action) assert.match(action, /^(s3|kms):[A-Za-z]+$/);
        for (const resource of Resource) {
          assert.match(resource, /^(arn:aws:s3:::example-vault(\/[a-z/]+\/\*)?|arn:aws:kms:[^*]+)$/);
        }
      }
    }
    for (const { actions } of permissions.filter(({ cloud }) => cloud === "gcp")) {
      for (const action of actions) assert.match(action, /^storage\.objects\.(create|delete|get|list)$/);
    }
  });

  it("no identity deletes a version in S3, or changes a lifecycle, a lock, a policy or a key", () => {
    const allowed = permissions.flatMap(({ actions }) => actions);
    for (const action of forbidden) assert.ok(!allowed.includes(action), action);
  });

  it("only the archive writer deletes, and only what pgBackRest expires; Google's lease needs it to overwrite", () => {
    const deleting = permissions
      .filter(({ actions }) => actions.some((action) => /delete/i.test(action)))
      .map(({ cloud, duty, id }) => `${cloud} ${duty} ${id}`);
    assert.deepEqual(deleting, ["aws archive repository", "gcp archive repository", "gcp archive lease"]);
  });

  it("a policy is never wider than the table: each pair of action and resource comes from a row", () => {
    const folders = vaultFolders(places.repositoryPath);
    for (const duty of duties) {
      const pairs = awsPolicy(duty, places).Statement.flatMap(({ Action, Resource }) =>
        Action.flatMap((action) => Resource.map((resource) => `${action} ${resource}`)),
      );
      const fromTable = permissionsOf(duty, "aws").flatMap(({ actions, place }) => {
        const where =
          place === "bucket"
            ? [places.bucketArn]
            : place === "key"
              ? [places.keyArn]
              : place.folders.map((folder) => `${places.bucketArn}/${folders[folder]}*`);
        return actions.flatMap((action) => where.map((resource) => `${action} ${resource}`));
      });
      assert.deepEqual(pairs, fromTable);
    }
  });

  it("stays within AWS' size of a role's policies", () => {
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    for (const duty of duties) {
      const path = { ...places, repositoryPath: `/${"x".repeat(200)}` };
      assert.ok(JSON.stringify(awsPolicy(duty, path)).length < 10_240);
    }
  });

  it("a grant in Google's store is for its folders only", () => {
    assert.equal(gcpCondition("bucket", "vault", "/marimo"), undefined);
    assert.equal(
      gcpCondition({ folders: ["lease", "dumps"] }, "vault", "/marimo"),
      'resource.name.startsWith("projects/_/buckets/vault/objects/marimo/lease/") || ' +
        'resource.name.startsWith("projects/_/buckets/vault/objects/dumps/")',
    );
  });

  it("a role can be taken on by one service account of one cluster in each cloud", () => {
    const { Statement } = awsTrustPolicy({
      account: "123456789012",
      eksCluster: { location: "eu-central-1", name: "marimo" },
      gkeCluster: { project: "example", location: "europe-west3", name: "marimo" },
      namespace: "marimo-erp",
      serviceAccount: "postgres",
    });
    assert.deepEqual(
      Statement.map(({ Sid }) => Sid),
      ["EksPodIdentity", "GkeWebIdentity"],
    );
    for (const { Condition } of Statement) {
      const conditions = JSON.stringify(Condition);
      assert.match(conditions, /marimo-erp/);
      assert.match(conditions, /postgres/);
      assert.match(conditions, /clusters?\/marimo/);
    }
  });
});

describe("names of an environment in the clouds", () => {
  const environments = fc.stringMatching(environmentName);

  it("fit every platform's limits, for every environment that the configuration takes", () => {
    fc.assert(
      fc.property(environments, (environment) => {
        const names = cloudNames(environment);
        for (const duty of duties) {
          assert.match(names.awsRole(duty), nameLimits.awsRole);
          assert.match(names.gcpServiceAccount(duty), nameLimits.gcpServiceAccount);
        }
        for (const { duty, id } of permissions) assert.match(names.gcpRole(`${duty}-${id}`), nameLimits.gcpRole);
        assert.match(names.awsReplicationRole, nameLimits.awsRole);
        assert.match(names.awsKeyAlias, nameLimits.awsKeyAlias);
        assert.match(names.awsSecret, nameLimits.awsSecret);
        assert.match(names.gcpKeyRing, nameLimits.gcpKey);
        assert.match(names.gcpKey, nameLimits.gcpKey);
        assert.match(names.gcpSecret, nameLimits.gcpSecret);
      }),
    );
  });

  it("differ between two environments", () => {
    const all = (environment: string) => {
      const names = cloudNames(environment);
      return [
        ...duties.flatMap((duty) => [`role ${names.awsRole(duty)}`, `account ${names.gcpServiceAccount(duty)}`]),
        ...permissions.map(({ duty, id }) => `grant ${names.gcpRole(`${duty}-${id}`)}`),
        ...[names.awsKeyAlias, names.awsSecret, names.gcpKeyRing, names.gcpSecret, names.awsReplicationRole],
      ];
    };
    fc.assert(
      fc.property(environments, environments, (one, other) => {
        fc.pre(one !== other);
        const taken = new Set(all(one));
        for (const name of all(other)) assert.ok(!taken.has(name), name);
      }),
    );
  });
});
