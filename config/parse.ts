import { RunError } from "@pulumi/pulumi/errors";
import { globalKeys } from "./globalKeys";
import { type Key, regionKeys, type RegionValues } from "./keys";

/** The stack's configuration as Pulumi holds it: text by key, without the project's prefix. */
export interface RawConfiguration {
  readonly project: string;
  readonly stack: string;
  readonly values: Readonly<Record<string, string | undefined>>;
  /** Whether a key is kept encrypted. */
  readonly isSecret: (key: string) => boolean;
}

/** Everything that is wrong with a stack's configuration, one line to a fault. The engine shows it without a stack trace. */
export class ConfigurationError extends RunError {
  constructor(readonly faults: readonly string[]) {
    super(
      `the stack's configuration can't be used, and nothing was changed:\n${faults.map((f) => `  - ${f}`).join("\n")}`,
    );
    this.name = "ConfigurationError";
    // It is shown to nobody, and Pulumi's runner takes longer to format it than all else that such a run does.
    delete this.stack;
  }
}

/** The command that sets a key. */
export const remedy = (raw: RawConfiguration, name: string, value: string, secret = false) =>
  `pulumi config set ${secret ? "--secret " : ""}${raw.project}:${name} '${value}' --stack ${raw.stack}`;

const faultOf = (raw: RawConfiguration, name: string, spec: Key<unknown>, value: string | undefined): string => {
  const key = `${raw.project}:${name}`;
  const is =
    value === undefined ? "is not set" : spec.secret ? "does not fit (its value is not shown)" : `is "${value}"`;
  return `${key} ${is}. It must be ${spec.limit}. Set it: ${remedy(raw, name, spec.example, spec.secret)}`;
};

type Keys = Readonly<Record<string, Key<unknown>>>;

/** Every key of the program. Pulumi hands the defaults that `Pulumi.yaml` has to every stack, whether it reads them or not. */
const allKeys: Keys = { ...globalKeys, ...regionKeys };

const isUnread = (raw: RawConfiguration, keys: Keys, name: string): boolean =>
  !(name in keys) && (raw.values[name] ?? "") !== (allKeys[name]?.default ?? "");

const unreadFault = (raw: RawConfiguration, name: string): string => {
  const other = raw.values["role"] === "global" ? "a key of the regions' stacks" : "a key of the stack global";
  const is = name in allKeys ? `${other}, and not of this one` : "not a key of this program";
  return (
    `${raw.project}:${name} is ${is}, so its value would do nothing. ` +
    `Check its spelling, or remove it: pulumi config rm ${raw.project}:${name} --stack ${raw.stack}`
  );
};

/** Faults of single keys, and the values of those that have none. */
const parseKeys = (raw: RawConfiguration, keys: Keys): { values: Record<string, unknown>; faults: string[] } => {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(keys)) {
    const given = raw.values[name] === "" ? undefined : raw.values[name];
    const parsed = spec.type.safeParse(given ?? spec.default);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(faultOf(raw, name, spec, given));
    if (given !== undefined && spec.secret && !raw.isSecret(name)) {
      faults.push(
        `${raw.project}:${name} is in the stack's file in plain text, for everybody who reads the repository. ` +
          `Replace it, and keep the new one encrypted: ${remedy(raw, name, "VALUE", true)}`,
      );
    }
  }
  const unread = Object.keys(raw.values).filter((name) => isUnread(raw, keys, name));
  return { values, faults: [...faults, ...unread.map((name) => unreadFault(raw, name))] };
};

/**
 * Reads a stack's configuration, strictly: an unknown key, a value outside its limits or a missing one is an error, and all
 * faults are told at once.
 * @param checkTogether faults that only several keys together show
 * @throws ConfigurationError
 */
export const parseStack = <Values>(
  raw: RawConfiguration,
  keys: Keys,
  checkTogether: (raw: RawConfiguration, values: Values) => string[],
): Values => {
  const { values, faults } = parseKeys(raw, keys);
  if (faults.length > 0) throw new ConfigurationError(faults);
  const whole = values as Values;
  const together = checkTogether(raw, whole);
  if (together.length > 0) throw new ConfigurationError(together);
  return whole;
};

/** Says of a key that other keys make necessary that it is missing. */
export const missingFault = (raw: RawConfiguration, keys: Keys, name: string, why: string): string => {
  const { limit, example, secret } = keys[name] as Key<unknown>;
  return (
    `${raw.project}:${name} is not set, but ${why}. It must be ${limit.replace(/, or nothing.*$/, "")}. ` +
    `Set it: ${remedy(raw, name, example, secret)}`
  );
};

/** One bucket for both repositories, or two of one name. */
export const sameBucketFault = (
  raw: RawConfiguration,
  { s3Bucket, gcsBucket }: Pick<RegionValues, "s3Bucket" | "gcsBucket">,
): string[] =>
  s3Bucket === undefined || s3Bucket !== gcsBucket
    ? []
    : [
        `${raw.project}:s3Bucket and ${raw.project}:gcsBucket are both "${s3Bucket}". If both are one bucket, two ` +
          `repositories overwrite each other and one fault loses both; if not, they are easily mistaken on a bad day. ` +
          `Give them different names: ${remedy(raw, "gcsBucket", `${s3Bucket.slice(0, 59)}-gcs`)}`,
      ];

/** Faults of a region that takes its secrets from the escrow. */
const escrowFaults = (raw: RawConfiguration, values: RegionValues): string[] => {
  const faults: string[] = [];
  if (values.awsAccount === undefined && values.gcpProject === undefined) {
    faults.push(
      `${raw.project}:awsAccount and ${raw.project}:gcpProject are not set, but secretsFrom is escrow, and they say in which clouds it ` +
        `lies. Set both, so that either cloud may be lost: ${remedy(raw, "awsAccount", regionKeys.awsAccount.example)}`,
    );
  }
  if (values.awsAccount !== undefined && values.s3Region === undefined) {
    faults.push(missingFault(raw, regionKeys, "s3Region", "secretsFrom is escrow, and AWS' copy lies in that region"));
  }
  for (const name of ["repositoryCipher", "sharedSecrets"] as const) {
    if (values[name] === undefined) continue;
    faults.push(
      `${raw.project}:${name} is set, but secretsFrom is escrow, and which of the two holds nobody could tell. ` +
        `Remove it: pulumi config rm ${raw.project}:${name} --stack ${raw.stack}`,
    );
  }
  return faults;
};

/** Faults of a cluster that the stack makes. */
const clusterFaults = (raw: RawConfiguration, values: RegionValues): string[] => {
  const { cluster, region } = values;
  const faults: string[] = [];
  const needs = (name: keyof RegionValues, why: string) => {
    const value = values[name];
    const missing = value === undefined || (Array.isArray(value) && value.length === 0);
    if (missing) faults.push(missingFault(raw, regionKeys, name, why));
  };
  const regions = { eks: /^[a-z]{2}(-[a-z]+)+-[0-9]$/, gke: /^[a-z]+-[a-z]+[0-9]+$/ };
  if (cluster !== "existing" && !regions[cluster].test(region)) {
    faults.push(
      `${raw.project}:region is "${region}", but cluster is ${cluster}, and is made there. It must be a region of ` +
        `${cluster === "eks" ? "AWS" : "Google Cloud"}. Set it: ${remedy(raw, "region", cluster === "eks" ? "eu-central-1" : "europe-west4")}`,
    );
  }
  if (cluster === "eks") {
    needs("awsAccount", "cluster is eks, and credentials of another account must not make one there");
    needs(
      "clusterAdmins",
      "cluster is eks, and without the identity that runs Pulumi nobody could put anything into it",
    );
    needs("clusterApiFrom", "cluster is eks, and its API would be open to nobody, or to the whole Internet");
  }
  if (cluster === "gke") needs("gcpProject", "cluster is gke, and is made in that project");
  return faults;
};

/** Faults that only several keys together show. */
const checkTogether = (raw: RawConfiguration, values: RegionValues): string[] => {
  const faults: string[] = [];
  const needs = (name: keyof RegionValues, why: string) => {
    if (values[name] === undefined) faults.push(missingFault(raw, regionKeys, name, why));
  };
  if (values.secretsFrom === "configuration") {
    needs("repositoryCipher", "every repository is encrypted with it, and without it no backup can ever be read again");
  } else faults.push(...escrowFaults(raw, values));
  faults.push(...clusterFaults(raw, values));
  if (values.repositories.includes("s3")) {
    needs("s3Bucket", "repositories has s3");
    needs("s3Region", "repositories has s3");
    if (values.s3KeyType === "shared") {
      needs("s3AccessKey", "s3KeyType is shared");
      needs("s3SecretKey", "s3KeyType is shared");
    }
  }
  if (values.repositories.includes("gcs")) {
    needs("gcsBucket", "repositories has gcs");
    if (values.gcsKeyType !== "auto") needs("gcsKey", `gcsKeyType is ${values.gcsKeyType}`);
  }
  if (values.offSite?.kind === "s3") {
    needs("offSiteAccessKey", "offSite is a bucket");
    needs("offSiteSecretKey", "offSite is a bucket");
    const { endpoint, bucket } = values.offSite;
    if (values.repositories.includes("s3") && bucket === values.s3Bucket && endpoint === values.s3Endpoint) {
      faults.push(
        `${raw.project}:offSite is the bucket of the vault (${bucket} on ${endpoint}), so the third copy would be lost with the first. ` +
          `It must be another server. Set it: ${remedy(raw, "offSite", regionKeys.offSite.example)}`,
      );
    }
  }
  if (values.role === "standby") needs("otherRegion", "role is standby, and a standby follows it");
  if (values.otherRegion !== undefined) {
    if (values.secretsFrom === "configuration") {
      needs("sharedSecrets", "otherRegion is, and both regions must know the same passwords and certificates");
    }
    needs("replicationHost", "otherRegion is, and that region follows this one after a failover");
    if (values.otherRegion.host === values.replicationHost) {
      faults.push(
        `${raw.project}:otherRegion and ${raw.project}:replicationHost are both "${values.replicationHost}", so this region ` +
          `would follow itself. One is the other region's name, the other one is this region's: ` +
          remedy(raw, "otherRegion", regionKeys.otherRegion.example),
      );
    }
    const given = values.confirmLost.map(({ lost }) => lost);
    const missing = (["s3", "gcs"] as const).find((name) => !values.repositories.includes(name));
    if (values.fencing === "lease" && missing !== undefined && !given.includes(missing)) {
      faults.push(
        `${raw.project}:repositories is ${values.repositories.join(",")}, but fencing is lease, and the writer's lease lies in ` +
          `both vaults: without ${missing} this region could never take over. If ${missing} is gone with its cloud, say so ` +
          `with the lease's term (\`marimo-fence status\` shows it): ${remedy(raw, "confirmLost", `${missing}:TERM`)}`,
      );
    }
    if (values.replicationService === "none") {
      faults.push(
        `${raw.project}:replicationService is "none", but otherRegion is set, and that region must reach this one's leader ` +
          `after a failover. Set it: ${remedy(raw, "replicationService", "LoadBalancer")}`,
      );
    }
  }
  if (values.synchronousReplication !== "off")
    needs("otherRegion", "synchronousReplication is kept by the fence of a pair");
  if (values.synchronousReplication !== "off" && values.fencing === "manual") {
    faults.push(
      `${raw.project}:synchronousReplication is "${values.synchronousReplication}", but fencing is manual, and without the ` +
        `commit gate nothing would hold a commit back. Set it: ${remedy(raw, "fencing", "lease")}`,
    );
  }
  if (values.replicationService !== "none") needs("otherRegion", "replicationService opens the database to it");
  if (values.replicationService === "LoadBalancer" && values.replicationFrom.length === 0) {
    faults.push(
      `${raw.project}:replicationFrom is not set, but replicationService is LoadBalancer, which would open the database's port ` +
        `to the whole Internet. Set the addresses that the other region's members come from: ` +
        remedy(raw, "replicationFrom", regionKeys.replicationFrom.example),
    );
  }
  if (!values.repositories.includes(values.restoreFrom)) {
    faults.push(
      `${raw.project}:restoreFrom is "${values.restoreFrom}", which is not in repositories (${values.repositories.join(", ")}), ` +
        `so a lost cluster could not be restored. Set it: ${remedy(raw, "restoreFrom", values.repositories[0] ?? "s3")}`,
    );
  }
  if (values.apiGatewayImage !== undefined)
    needs("authServiceImage", "apiGatewayImage is, and the tier is declared as a whole");
  if (values.authServiceImage !== undefined)
    needs("apiGatewayImage", "authServiceImage is, and the tier is declared as a whole");
  faults.push(...sameBucketFault(raw, values));
  return faults;
};

/**
 * The configuration of a region.
 * @throws ConfigurationError
 */
export const parseRegion = (raw: RawConfiguration): RegionValues => parseStack(raw, regionKeys, checkTogether);
