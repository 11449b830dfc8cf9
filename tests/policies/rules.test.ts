import assert from "node:assert/strict";
import { readStackFiles } from "../../policies/stackFiles";
import { rules } from "../../policies/rules";
import type { Resource, Rule, StackFiles } from "../../policies/rule";
import type { Captured } from "../support/capture";
import { captureProduction, type Production } from "../support/production";

const seen = ({ type, name, inputs, options }: Captured): Resource => ({
  type,
  name,
  props: inputs,
  protect: options?.protect ?? false,
});

const faultsOf = (rule: Rule, resources: readonly Resource[], files: StackFiles): string[] => {
  switch (rule.kind) {
    case "resource":
      return resources.flatMap((resource) => rule.check(resource) ?? []);
    case "stack":
      return rule.check(resources);
    case "files":
      return rule.check(files);
  }
};

/** What is good: what the three stacks of production declare, DNS among it, and their files. */
interface World {
  readonly resources: readonly Resource[];
  readonly files: StackFiles;
}

type Change = (world: World) => World;

/** The world with one resource's inputs changed. */
const changed =
  (name: string, change: (props: Record<string, unknown>) => void, protect?: boolean): Change =>
  ({ resources, files }) => {
    assert.ok(
      resources.some((one) => one.name === name),
      name,
    );
    return {
      files,
      resources: resources.map((one) => {
        if (one.name !== name) return one;
        const props = structuredClone(one.props) as Record<string, unknown>;
        change(props);
        return { ...one, props, protect: protect ?? one.protect };
      }),
    };
  };

const added =
  (type: string, props: Record<string, unknown>): Change =>
  ({ resources, files }) => ({ files, resources: [...resources, { type, name: "added", props, protect: false }] });

const without =
  (name: string): Change =>
  ({ resources, files }) => ({ files, resources: resources.filter((one) => one.name !== name) });

const configured =
  (stack: string, configuration: Record<string, unknown>): Change =>
  ({ resources, files }) => ({ resources, files: { ...files, [stack]: { ...files[stack], ...configuration } } });

// Shapes that the changes below reach into.
interface Pod {
  containers: { image: string; securityContext: Record<string, unknown> }[];
  securityContext: Record<string, unknown>;
}
const podOf = (props: Record<string, unknown>) => (props as { spec: { template: { spec: Pod } } }).spec.template.spec;
const cronOf = (props: Record<string, unknown>) => (props as { spec: Record<string, unknown> }).spec;
const rulesOf = (props: Record<string, unknown>, key: string) => props[key] as Record<string, unknown>[];

const cron = "postgres-backups-full";
const allow = (action: string, resource: string) => ({
  policy: JSON.stringify({ Statement: [{ Effect: "Allow", Action: action, Resource: resource }] }),
});

/** Bad examples, by rule: what is changed, and what the message must tell. */
const bad: Record<string, [string, Change, RegExp][]> = {
  "vaults-protected": [
    [
      "a bucket",
      changed("vault-s3-bucket", () => undefined, false),
      /not protected.*every backup is lost.*protect: true/,
    ],
    ["Google's key", changed("keys-gcp", () => undefined, false), /not protected/],
    ["the escrow", changed("escrow-aws", () => undefined, false), /not protected/],
  ],
  "vaults-never-force-destroyed": [
    ["S3", changed("vault-s3-bucket", (props) => (props["forceDestroy"] = true)), /empty the bucket first/],
    ["Google", changed("vault-gcs-bucket", (props) => (props["forceDestroy"] = true)), /empty the bucket first/],
  ],
  "vaults-versioned": [
    ["no setting in S3", without("vault-s3-versioning"), /vault-s3-bucket keeps no versions.*Enable versioning/],
    [
      "suspended",
      changed("vault-s3-versioning", (props) => (props["versioningConfiguration"] = { status: "Suspended" })),
      /vault-s3-bucket keeps no versions/,
    ],
    [
      "Google",
      changed("vault-gcs-bucket", (props) => delete props["versioning"]),
      /vault-gcs-bucket keeps no versions/,
    ],
  ],
  "vaults-locked": [
    ["no lock", without("vault-s3-lock"), /vault-s3-bucket is not locked.*administrator.*lockDays/],
    [
      "a lock that administrators lift",
      changed("vault-s3-lock", (props) => (props["rule"] = { defaultRetention: { mode: "GOVERNANCE", days: 30 } })),
      /not locked/,
    ],
  ],
  "lock-within-expiry": [
    [
      "dumps that expire earlier",
      changed("vault-s3-lifecycle", (props) => {
        for (const rule of rulesOf(props, "rules")) if (rule["id"] === "dumps") rule["expiration"] = { days: 7 };
      }),
      /locks for 30 days what its rule "dumps" expires after 7.*lockDays to 7/,
    ],
  ],
  "expiry-has-folder": [
    [
      "S3",
      changed("vault-s3-lifecycle", (props) => rulesOf(props, "rules").push({ filter: {}, expiration: { days: 30 } })),
      /names no folder.*base backups too/,
    ],
    [
      "Google",
      changed("vault-gcs-bucket", (props) =>
        rulesOf(props, "lifecycleRules").push({ action: { type: "Delete" }, condition: { age: 30 } }),
      ),
      /names no folder/,
    ],
  ],
  "no-gcs-retention-policy": [
    [
      "one",
      changed("vault-gcs-bucket", (props) => (props["retentionPolicy"] = { retentionPeriod: 86_400 })),
      /refuses every overwrite.*Remove it/,
    ],
  ],
  "replicas-elsewhere": [
    ["no replica", without("keys-aws-replica"), /key in eu-central-1 has no replica.*awsReplicaRegion/],
    [
      "a replica beside the key",
      changed("keys-aws-replica", (props) => (props["region"] = "eu-central-1")),
      /key in eu-central-1 has no replica/,
    ],
    [
      "the escrow in one region",
      changed("escrow-aws", (props) => (props["replicas"] = [{ region: "eu-central-1" }])),
      /escrow-aws has no copy in another region/,
    ],
  ],
  "cronjobs-run": [
    ["no time zone", changed(cron, (props) => delete cronOf(props)["timeZone"]), /timeZone is not set.*Etc\/UTC/],
    [
      "two at a time",
      changed(cron, (props) => (cronOf(props)["concurrencyPolicy"] = "Allow")),
      /concurrencyPolicy is not Forbid.*one repository/,
    ],
    [
      "no deadline",
      changed(cron, (props) => delete cronOf(props)["startingDeadlineSeconds"]),
      /startingDeadlineSeconds is not set.*never runs again/,
    ],
    ["suspended", changed(cron, (props) => (cronOf(props)["suspend"] = true)), /suspend is true.*no backups/],
  ],
  "data-volumes-retained": [
    [
      "a StatefulSet",
      changed("postgres-members-set", (props) => {
        cronOf(props)["persistentVolumeClaimRetentionPolicy"] = { whenDeleted: "Delete", whenScaled: "Retain" };
      }),
      /takes the database's volumes with it.*Retain/,
    ],
    [
      "a storage class",
      added("kubernetes:storage.k8s.io/v1:StorageClass", { provisioner: "ebs.csi.eks.amazonaws.com" }),
      /reclaimPolicy is not set.*takes the disk with it/,
    ],
  ],
  "images-named": [
    [
      "latest",
      changed("postgres-members-set", (props) => {
        for (const container of podOf(props).containers.slice(0, 1)) container.image = "postgres:latest";
      }),
      /has no tag, or latest.*Name a version or a digest/,
    ],
    [
      "no tag, on a registry with a port",
      changed("postgres-members-set", (props) => {
        for (const container of podOf(props).containers.slice(0, 1)) container.image = "registry:5000/postgres";
      }),
      /has no tag, or latest/,
    ],
  ],
  "non-root": [
    [
      "a pod that doesn't say",
      changed("postgres-members-set", (props) => delete podOf(props).securityContext["runAsNonRoot"]),
      /may run as root.*runAsNonRoot/,
    ],
    [
      "a container of its own mind",
      changed("postgres-members-set", (props) => {
        for (const container of podOf(props).containers.slice(0, 1)) container.securityContext["runAsUser"] = 0;
      }),
      /may run as root/,
    ],
  ],
  "cluster-identified": [
    [
      "no identifier",
      changed("cluster", (props) => delete props["clusterIdentifier"]),
      /clusterIdentifier is not set.*delete by name/,
    ],
  ],
  "dns-ttl-short": [
    ["five minutes", changed("dns-primary", (props) => (props["ttl"] = 300)), /ttl is 300.*60 or less.*dnsTtl/],
    [
      "Cloud DNS",
      added("gcp:dns/recordSet:RecordSet", { ttl: 61, routingPolicy: { healthCheck: "check", primaryBackup: {} } }),
      /ttl is 61/,
    ],
  ],
  "failover-checked": [
    [
      "Route 53",
      changed("dns-secondary", (props) => delete props["healthCheckId"]),
      /no health check.*a region that is lost/,
    ],
    [
      "Cloud DNS",
      added("gcp:dns/recordSet:RecordSet", { ttl: 60, routingPolicy: { primaryBackup: {} } }),
      /no health check/,
    ],
  ],
  "no-wildcards": [
    ["all actions", added("aws:iam/rolePolicy:RolePolicy", allow("s3:*", "arn:aws:s3:::b/f/*")), /allows "s3:\*"/],
    [
      "all resources",
      added("aws:iam/rolePolicy:RolePolicy", allow("s3:GetObject", "*")),
      /allows "\*".*permissions\.ts/,
    ],
    [
      "a whole bucket",
      added("aws:iam/rolePolicy:RolePolicy", allow("s3:GetObject", "arn:aws:s3:::b/*")),
      /allows "arn:aws:s3:::b\/\*"/,
    ],
    [
      "buckets by a pattern",
      added("aws:iam/policy:Policy", allow("s3:GetObject", "arn:aws:s3:::b-*/f/*")),
      /allows "arn:aws:s3:::b-\*\/f\/\*"/,
    ],
    [
      "an owner",
      added("gcp:storage/bucketIAMMember:BucketIAMMember", { role: "roles/storage.admin" }),
      /storage\.admin/,
    ],
  ],
  "no-secrets-in-configmaps": [
    [
      "a private key",
      added("kubernetes:core/v1:ConfigMap", { data: { "tls.key": "-----BEGIN EC PRIVATE KEY-----\nMHc" } }),
      /ConfigMap holds a key.*into a Secret/,
    ],
  ],
  "regions-differ": [
    [
      "one region",
      configured("secondary", { region: "eu-central-1" }),
      /primary \(region eu-central-1\) and secondary \(region eu-central-1\) are both in Frankfurt.*elsewhere/,
    ],
    [
      "two clouds, one city",
      configured("secondary", { region: "europe-west3" }),
      /secondary \(region europe-west3\) are both in Frankfurt: what takes one of them takes the other too/,
    ],
  ],
  "regions-agree": [
    [
      "another bucket",
      configured("secondary", { s3Bucket: "other" }),
      /s3Bucket is "[^"]+" in primary and "other" in secondary/,
    ],
    ["another image", configured("secondary", { postgresImage: "postgres:18" }), /postgresImage is .*same value/],
    [
      "a follower of nobody",
      configured("secondary", { otherRegion: "db.elsewhere.example.com:5432" }),
      /otherRegion of secondary/,
    ],
    ["two writers", configured("secondary", { role: "primary" }), /role is "primary" in both.*waits for it for ever/],
    ["no writer", configured("primary", { role: "standby" }), /role is "standby" in both.*Nobody would take writes/],
  ],
  "vaults-used": [
    [
      "a bucket of its own",
      configured("global", { gcsBucket: "other" }),
      /gcsBucket is .* in primary and "other" in global/,
    ],
    [
      "secrets of another account",
      configured("primary", { awsAccount: "999999999999" }),
      /awsAccount is "9+" in primary and "123456789012" in global.*where nobody puts them/,
    ],
    [
      "a cluster that nobody trusts",
      configured("primary", { clusterName: "other" }),
      /primary makes the cluster eu-central-1\/other, but eksCluster is "eu-central-1\/marimo" in global.*nothing would be backed up/,
    ],
  ],
  "environments-apart": [
    [
      "a bucket for two",
      configured("global-staging", { role: "global", environment: "staging", s3Bucket: "example-marimo-vault-s3" }),
      /s3Bucket is the same in global and global-staging.*take over what the first one made/,
    ],
    [
      "one name for two",
      configured("global-staging", { role: "global", environment: "production", s3Bucket: "other" }),
      /environment is the same in global and global-staging/,
    ],
  ],
  "retention-as-planned": [
    ["a month", configured("primary", { retentionDays: "30" }), /retentionDays of primary is 30.*promises 90 days/],
    ["dumps for a week", configured("global", { dumpDays: "7" }), /dumpDays of global is 7.*promises 90/],
    ["undeleted for a week", configured("global", { undeleteDays: "7" }), /undeleteDays of global is 7.*promises 30/],
    ["hardly a lock", configured("global", { lockDays: "1" }), /lockDays of global is 1.*stole.*Set it to 30/],
  ],
  "no-plain-secrets": [
    [
      "the passphrase",
      configured("primary", { repositoryCipher: "hunter2" }),
      /repositoryCipher of primary is in its file in plain text.*--secret/,
    ],
  ],
};

describe("policies", () => {
  let good: World;
  before(async () => {
    const dns = {
      "marimo-dr:dnsProvider": "route53",
      "marimo-dr:dnsZoneId": "Z0123456789EXAMPLE",
      "marimo-dr:dnsName": "api.marimo-erp.com",
      "marimo-dr:primaryAddress": "203.0.113.10",
      "marimo-dr:secondaryAddress": "198.51.100.10",
    };
    // The two regions declare the same names; the primary one has all that the secondary one has.
    const stacks: [Production, Record<string, string>][] = [
      ["global", dns],
      ["primary", {}],
    ];
    const resources: Resource[] = [];
    for (const [stack, changes] of stacks) resources.push(...(await captureProduction(stack, changes)).map(seen));
    good = { resources, files: readStackFiles(`${__dirname}/../..`) };
  });

  it("each has a name of its own and bad examples", () => {
    assert.deepEqual(
      rules.map(({ name }) => name),
      Object.keys(bad),
    );
  });

  it("what production declares keeps them all, in each of its three stacks", async () => {
    for (const stack of ["global", "primary", "secondary"] as const) {
      const resources = (await captureProduction(stack)).map(seen);
      for (const rule of rules) assert.deepEqual(faultsOf(rule, resources, good.files), [], `${stack}: ${rule.name}`);
    }
  });

  for (const rule of rules) {
    describe(rule.name, () => {
      it(`good: ${rule.promise}`, () => {
        assert.deepEqual(faultsOf(rule, good.resources, good.files), []);
      });
      for (const [title, change, message] of bad[rule.name] ?? []) {
        it(`bad: ${title}`, () => {
          const { resources, files } = change(good);
          const faults = faultsOf(rule, resources, files);
          assert.ok(faults.length > 0, "no fault was found");
          assert.match(faults.join("\n"), message);
          const others = rules
            .filter(({ name }) => name !== rule.name)
            .flatMap((other) => faultsOf(other, resources, files));
          // One change may break two promises, as one region for both does; never a promise that has nothing to do with it.
          assert.ok(others.length <= 2, others.join("\n"));
        });
      }
    });
  }
});
