import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse as parseYaml } from "yaml";
import { globalKeys } from "../../config/globalKeys";
import { type Key, regionKeys } from "../../config/keys";
import { ConfigurationError, parseRegion } from "../../config/parse";

const good: Record<string, string> = {
  role: "primary",
  region: "eu-central-1",
  postgresImage: "registry.example.com/marimo-erp/postgres:17-1",
  repositoryCipher: "x".repeat(32),
  s3Bucket: "vault-s3",
  s3Region: "eu-central-1",
  gcsBucket: "vault-gcs",
};
const followed = {
  otherRegion: "db.other.example.com:5432",
  replicationHost: "db.this.example.com",
  replicationService: "LoadBalancer",
  replicationFrom: "203.0.113.0/24,2001:db8::/32",
  sharedSecrets: JSON.stringify({
    ...{ superuser: "s".repeat(16), replication: "r".repeat(16), rewind: "w".repeat(16) },
    authority: { key: "key", certificate: "certificate" },
  }),
};
const secrets = Object.entries(regionKeys)
  .filter(([, key]) => (key as Key<unknown>).secret)
  .map(([name]) => name);

const parse = (values: Record<string, string | undefined>, encrypted = secrets) =>
  parseRegion({ project: "marimo-dr", stack: "primary", values, isSecret: (key) => encrypted.includes(key) });

const faultsOf = (values: Record<string, string | undefined>, encrypted?: string[]): readonly string[] => {
  try {
    parse(values, encrypted);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.faults;
  }
  return [];
};

describe("configuration of a region", () => {
  it("fills in the plan's defaults", () => {
    const values = parse(good);
    assert.equal(values.namespace, "marimo-erp");
    assert.equal(values.retentionDays, 90);
    assert.equal(values.postgresMembers, 2);
    assert.deepEqual(values.repositories, ["s3", "gcs"]);
  });

  it("takes a region that another one follows", () => {
    assert.deepEqual(faultsOf({ ...good, ...followed }), []);
  });

  // Each: the change to a good configuration, and what the one message must tell (key, value, limit, remedy).
  const bad: [string, Record<string, string | undefined>, RegExp][] = [
    [
      "missing role",
      { role: undefined },
      /marimo-dr:role is not set.*primary, standby.*pulumi config set marimo-dr:role/,
    ],
    [
      "a standby of nothing",
      { role: "standby" },
      /otherRegion is not set, but role is standby.*HOST:PORT where the other region's leader is reached\. .*set marimo-dr:otherRegion .*--stack primary/,
    ],
    [
      "another region without the same secrets",
      { ...followed, sharedSecrets: undefined },
      /sharedSecrets is not set.*set --secret marimo-dr:sharedSecrets/,
    ],
    ["another region without a way back", { ...followed, replicationHost: undefined }, /replicationHost is not set/],
    [
      "another region that can't come in",
      { ...followed, replicationService: undefined, replicationFrom: undefined },
      /replicationService is "none", but otherRegion is set/,
    ],
    [
      "a region that follows itself",
      { ...followed, replicationHost: "db.other.example.com" },
      /otherRegion.*replicationHost are both "db.other.example.com"/,
    ],
    [
      "open to the whole Internet",
      { ...followed, replicationFrom: undefined },
      /replicationFrom is not set, but replicationService is LoadBalancer.*whole Internet/,
    ],
    [
      "not an address",
      { ...followed, replicationFrom: "203.0.113.7" },
      /replicationFrom is "203.0.113.7".*203.0.113.7\/32/,
    ],
    ["open for nobody", { replicationService: "NodePort" }, /otherRegion is not set, but replicationService/],
    ["no such port", { ...followed, otherRegion: "db.other.example.com:65536" }, /otherRegion is ".*:65536"/],
    ["secrets that are none", { ...followed, sharedSecrets: "{}" }, /sharedSecrets does not fit/],
    [
      "an off-site place of no kind",
      { offSite: "/mnt/usb" },
      /offSite is "\/mnt\/usb".*https:\/\/HOST\/BUCKET.*claim:NAME/,
    ],
    ["an off-site bucket without TLS", { offSite: "http://s3.example.com/copies" }, /offSite is "http:/],
    [
      "an off-site bucket without its key",
      { offSite: "https://s3.example.com/copies", offSiteAccessKey: "key" },
      /offSiteSecretKey is not set, but offSite is a bucket.*set --secret marimo-dr:offSiteSecretKey/,
    ],
    [
      "the vault as the off-site place",
      {
        s3Endpoint: "s3.example.com",
        offSite: `https://s3.example.com/${good["s3Bucket"]}`,
        offSiteAccessKey: "key",
        offSiteSecretKey: "secret",
      },
      /offSite is the bucket of the vault.*lost with the first/,
    ],
    ["dumps that go at once", { localDumpDays: "0" }, /localDumpDays is "0".*1 to 3650/],
    ["no room for dumps", { backupStorage: "50G" }, /backupStorage is "50G".*1Gi or more/],
    ["empty role", { role: "" }, /marimo-dr:role is not set/],
    ["unknown role", { role: "leader" }, /role is "leader".*primary, standby/],
    [
      "retention too short",
      { retentionDays: "1" },
      /retentionDays is "1".*7 to 3650.*set marimo-dr:retentionDays '90'/,
    ],
    ["retention not a number", { retentionDays: "90d" }, /retentionDays is "90d".*whole number of days/],
    ["retention negative", { retentionDays: "-90" }, /retentionDays is "-90"/],
    ["no members", { postgresMembers: "0" }, /postgresMembers is "0".*1 to 9/],
    ["decimal size", { postgresStorage: "1.5Gi" }, /postgresStorage is "1.5Gi".*such as 10Gi/],
    ["size without unit", { postgresStorage: "10" }, /postgresStorage is "10"/],
    ["size too small", { postgresMemory: "64Mi" }, /postgresMemory is "64Mi".*256Mi or more/],
    ["latest image", { postgresImage: "marimo-erp/postgres:latest" }, /postgresImage.*other than latest/],
    ["untagged image", { postgresImage: "marimo-erp/postgres" }, /postgresImage.*tag/],
    ["no repositories", { repositories: "[]" }, /repositories is "\[\]".*nothing would be archived/],
    ["repository twice", { repositories: "s3,s3" }, /repositories is "s3,s3"/],
    ["unknown repository", { repositories: "azure" }, /repositories is "azure".*s3,gcs or one of them/],
    ["repositories with an end", { repositories: "s3," }, /repositories is "s3,"/],
    ["bucket with dots", { s3Bucket: "vault.s3" }, /s3Bucket is "vault.s3".*3 to 63/],
    ["bucket too long", { gcsBucket: "g".repeat(64) }, /gcsBucket.*3 to 63/],
    ["bucket missing", { s3Bucket: undefined }, /s3Bucket is not set, but repositories has s3/],
    ["both buckets the same", { gcsBucket: "vault-s3" }, /both "vault-s3".*overwrite each other.*different names/],
    ["restore from a repository left out", { repositories: "gcs" }, /restoreFrom is "s3".*not in repositories \(gcs\)/],
    [
      "timeline without the newest",
      { restoreTimeline: "2" },
      /restoreTimeline is "2".*TIMELINE:NEWEST.*set marimo-dr:restoreTimeline '2:3'/,
    ],
    ["key pair missing", { s3KeyType: "shared", s3AccessKey: "a" }, /s3SecretKey is not set, but s3KeyType is shared/],
    ["no passphrase", { repositoryCipher: undefined }, /repositoryCipher is not set.*--secret/],
    ["relative path", { repositoryPath: "marimo" }, /repositoryPath is "marimo".*absolute/],
    [
      "misspelt key",
      { retentionDay: "90" },
      /retentionDay is not a key of this program.*config rm marimo-dr:retentionDay/,
    ],
  ];
  for (const [title, change, message] of bad) {
    it(`refuses: ${title}`, () => {
      const faults = faultsOf({ ...good, ...change });
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", message);
    });
  }

  it("never prints a secret that is too short, and refuses one in plain text", () => {
    const short = faultsOf({ ...good, repositoryCipher: "hunter2" });
    assert.match(short.join(), /32 characters or more/);
    assert.doesNotMatch(short.join(), /hunter2/);
    assert.match(faultsOf(good, []).join(), /repositoryCipher is in the stack's file in plain text/);
  });

  it("tells all faults at once", () => {
    assert.equal(faultsOf({ ...good, role: "x", retentionDays: "0", s3Bucket: "A" }).length, 3);
  });

  it("reads or refuses any text, and never crashes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(regionKeys)), fc.string(), (name, value) => {
        faultsOf({ ...good, [name]: value });
      }),
    );
  });

  it("Pulumi.yaml describes the same keys, with the same defaults", () => {
    interface Described {
      default: unknown;
      description: string;
    }
    const file = readFileSync(join(__dirname, "../../Pulumi.yaml"), "utf8");
    const { config } = parseYaml(file) as { config: Record<string, Described> };
    const { role, ...global } = globalKeys;
    const all: Record<string, Key<unknown>> = { ...regionKeys, ...global };
    assert.deepEqual(Object.keys(config), Object.keys(all));
    assert.equal((role as Key<unknown>).default, undefined);
    for (const [name, key] of Object.entries(all)) {
      const described = config[name];
      assert.ok(described, name);
      const value = typeof described.default === "string" ? described.default : JSON.stringify(described.default);
      assert.equal(value, key.default ?? "", name);
      assert.ok(described.description.length > 20, name);
    }
  });
});
