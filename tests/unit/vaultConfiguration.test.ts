import assert from "node:assert/strict";
import fc from "fast-check";
import { type Key } from "../../config/keys";
import { ConfigurationError } from "../../config/parse";
import { parseGlobal } from "../../config/parseGlobal";
import { vaultKeys } from "../../config/vaultKeys";

type Values = Record<string, string | undefined>;

const good: Values = {
  role: "global",
  vaults: "s3,gcs",
  s3Bucket: "example-s3",
  s3Region: "eu-central-1",
  awsAccount: "123456789012",
  awsReplicaRegion: "eu-west-1",
  gcsBucket: "example-gcs",
  gcpProject: "example-project",
  gcpProjectNumber: "123456789012",
  eksCluster: "eu-central-1/marimo",
  gkeCluster: "europe-west4/marimo",
};
const lost: Values = {
  adopt: "true",
  adoptKeyId: "mrk-1234",
  adoptSecretArn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:marimo-production/shared-secrets-a1b2c3",
  repositoryCipher: "x".repeat(32),
  sharedSecrets: JSON.stringify({
    ...{ superuser: "s".repeat(16), replication: "r".repeat(16), rewind: "w".repeat(16) },
    authority: { key: "key", certificate: "certificate" },
  }),
};

const parse = (values: Values) => parseGlobal({ project: "marimo-dr", stack: "global", values, isSecret: () => true });

const faultsOf = (values: Values): readonly string[] => {
  try {
    parse(values);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.faults;
  }
  return [];
};

describe("configuration of the vaults", () => {
  it("makes none unless it is told to, and then asks for nothing", () => {
    assert.deepEqual(parse({ role: "global" }).vaults, []);
  });

  it("keeps the plan's 90 days, and locks and undeletes for 30", () => {
    const { vaults, retentionDays, dumpDays, lockDays, undeleteDays, environment } = parse(good);
    assert.deepEqual(
      [vaults, retentionDays, dumpDays, lockDays, undeleteDays, environment],
      [["s3", "gcs"], 90, 90, 30, 30, "production"],
    );
  });

  it("takes one vault alone, and a lost state", () => {
    assert.deepEqual(
      faultsOf({ role: "global", vaults: "gcs", ...pick("gcsBucket", "gcpProject", "gcpProjectNumber") }),
      [],
    );
    assert.deepEqual(faultsOf({ ...good, ...lost }), []);
  });

  // Each: the change to a good configuration, and what the one message must tell: key, value, limit, what follows, remedy.
  const bad: [string, Values, RegExp][] = [
    [
      "the same region twice",
      { awsReplicaRegion: "eu-central-1" },
      /s3Region and marimo-dr:awsReplicaRegion are both "eu-central-1".*lost with the first.*must be another region.*config set marimo-dr:awsReplicaRegion 'eu-west-1' --stack global/,
    ],
    [
      "retention shorter than the base backups' interval",
      { retentionDays: "3" },
      /retentionDays is "3".*from 7 to 3650.*7 days apart.*no backup gives.*set marimo-dr:retentionDays '90'/,
    ],
    [
      "lock longer than retention",
      { retentionDays: "14", lockDays: "30" },
      /lockDays is "30", but marimo-dr:retentionDays is "14".*14 days or less.*is paid for.*set marimo-dr:lockDays '14'/,
    ],
    ["lock longer than dumps live", { dumpDays: "10" }, /lockDays is "30", but marimo-dr:dumpDays is "10"/],
    [
      "a lock that stops the lease",
      { lockDays: "56" },
      /lockDays is "56".*from 1 to 55.*a million.*turns writers away.*set marimo-dr:lockDays '30'/,
    ],
    ["no lock", { lockDays: "0" }, /lockDays is "0".*from 1 to 55/],
    ["a bucket with dots", { s3Bucket: "vault.s3" }, /s3Bucket is "vault.s3".*3 to 63/],
    ["a bucket that is too long", { gcsBucket: "g".repeat(64) }, /gcsBucket is "g{64}".*3 to 63/],
    ["one bucket for both", { gcsBucket: "example-s3" }, /both "example-s3".*overwrite each other.*different names/],
    ["no account", { awsAccount: undefined }, /awsAccount is not set, but vaults has s3.*12 digits\. Set it/],
    ["half an account", { awsAccount: "1234" }, /awsAccount is "1234".*12 digits/],
    ["no project", { gcpProject: undefined, gkeCluster: undefined }, /gcpProject is not set, but vaults has gcs/],
    [
      "no number of the project",
      { gcpProjectNumber: undefined },
      /gcpProjectNumber is not set.*gcloud projects describe/,
    ],
    ["no second region", { awsReplicaRegion: undefined }, /awsReplicaRegion is not set, but.*survive the loss/],
    [
      "pods of nowhere",
      { eksCluster: undefined, gkeCluster: undefined },
      /eksCluster and marimo-dr:gkeCluster are not set.*nothing would be backed up.*set marimo-dr:eksCluster/,
    ],
    ["a cluster without its region", { eksCluster: "marimo" }, /eksCluster is "marimo".*REGION\/NAME/],
    ["a location that Google hasn't", { gcsLocation: "Frankfurt" }, /gcsLocation is "Frankfurt".*ASIA1, EUR4, NAM4/],
    [
      "a repository among the dumps",
      { repositoryPath: "/dumps/marimo" },
      /repositoryPath is "\/dumps\/marimo".*must not be dumps, state or evidence.*remove backups.*'\/marimo'/,
    ],
    ["an environment that is too long", { environment: "pre-production-2" }, /environment is ".*15 small letters/],
    ["vaults of a third cloud", { vaults: "azure" }, /vaults is "azure".*s3,gcs or one of them/],
    ["adoption without the key", { ...lost, adoptKeyId: undefined }, /adoptKeyId is not set.*aws kms describe-key/],
    [
      "adoption without what the escrow holds",
      { ...lost, repositoryCipher: undefined },
      /repositoryCipher is not set, but adopt is true.*the escrow has it.*--secret/,
    ],
  ];
  for (const [title, change, message] of bad) {
    it(`refuses: ${title}`, () => {
      const faults = faultsOf({ ...good, ...change });
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", message);
    });
  }

  it("what it lets through keeps the lock within retention and dumps", () => {
    const days = fc.integer({ min: -5, max: 100 }).map(String);
    let accepted = 0;
    fc.assert(
      fc.property(days, days, days, (retentionDays, dumpDays, lockDays) => {
        if (faultsOf({ ...good, retentionDays, dumpDays, lockDays }).length > 0) return;
        accepted++;
        const values = parse({ ...good, retentionDays, dumpDays, lockDays });
        assert.ok(values.lockDays <= Math.min(values.retentionDays, values.dumpDays));
        assert.ok(values.retentionDays >= 7);
      }),
      { numRuns: 1000 },
    );
    assert.ok(accepted > 50, `only ${accepted} configurations were good`);
  });

  it("reads or refuses any text, and never crashes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(vaultKeys)), fc.string(), (name, value) => {
        faultsOf({ ...good, [name]: value });
      }),
    );
  });

  it("never prints a secret", () => {
    const secrets = Object.entries<Key<unknown>>(vaultKeys).filter(([, { secret }]) => secret);
    assert.equal(secrets.length, 2);
    for (const [name] of secrets) assert.doesNotMatch(faultsOf({ ...good, [name]: "hunter2" }).join("\n"), /hunter2/);
  });
});

const pick = (...names: string[]): Values => Object.fromEntries(names.map((name) => [name, good[name]]));
