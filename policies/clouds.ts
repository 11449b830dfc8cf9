import { longestTtl } from "../domain/dns";
import { at, list, type ResourceRule } from "./rule";

const isRoute53 = (type: string) => type === "aws:route53/record:Record";
const isCloudDns = (type: string) => type === "gcp:dns/recordSet:RecordSet";

export const dnsTtlShort: ResourceRule = {
  kind: "resource",
  name: "dns-ttl-short",
  promise: "Clients follow a failover within a minute",
  check: ({ type, props }) => {
    const ttl = props["ttl"];
    const leads = (isRoute53(type) && props["failoverRoutingPolicies"]) || (isCloudDns(type) && props["routingPolicy"]);
    return leads && !(typeof ttl === "number" && ttl <= longestTtl.seconds)
      ? `ttl is ${String(ttl)}: after a failover clients go on asking the lost region for that many seconds. It must be ` +
          `${longestTtl.seconds} or less (key dnsTtl).`
      : undefined;
  },
};

export const failoverChecked: ResourceRule = {
  kind: "resource",
  name: "failover-checked",
  promise: "DNS leads to a region only because it answers",
  check: ({ type, props }) => {
    const unchecked =
      (isRoute53(type) && props["failoverRoutingPolicies"] !== undefined && !props["healthCheckId"]) ||
      (isCloudDns(type) &&
        at(props, "routingPolicy", "primaryBackup") !== undefined &&
        !at(props, "routingPolicy", "healthCheck"));
    return unchecked
      ? "The failover record has no health check, so it is taken for healthy for ever: clients are led to a region that is lost. Give it " +
          "its check (components/dnsFailover.ts)."
      : undefined;
  },
};

interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly Resource?: string | readonly string[];
}

const statementsOf = (policy: unknown): Statement[] => {
  const document: unknown = typeof policy === "string" ? JSON.parse(policy) : policy;
  const statements = at(document, "Statement");
  return (Array.isArray(statements) ? statements : [statements]).filter((one) => one !== undefined) as Statement[];
};

const texts = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

/** The one place where a `*` is no wildcard over things of others: all objects of one folder of one bucket. */
const folderOfBucket = /^[^*]+\/[^*]+\/\*$/;

/** Google's roles that hold far more than a duty needs. */
const broadRoles =
  /^roles\/(owner|editor|viewer|storage\.(admin|objectAdmin|legacyBucketOwner)|cloudkms\.admin|iam\..*Admin)$/;

export const noWildcards: ResourceRule = {
  kind: "resource",
  name: "no-wildcards",
  promise: "An identity may do what the table of permissions says, and nothing that comes to be later",
  check: ({ type, props }) => {
    const allowed = /^aws:iam\/(rolePolicy|policy|userPolicy|groupPolicy):/.test(type)
      ? statementsOf(props["policy"]).filter(({ Effect }) => Effect === "Allow")
      : [];
    const wide = [
      ...allowed.flatMap(({ Action }) => texts(Action)).filter((action) => action.includes("*")),
      ...allowed
        .flatMap(({ Resource }) => texts(Resource))
        .filter((resource) => resource.includes("*") && !folderOfBucket.test(resource)),
      ...(type.startsWith("gcp:projects/iAMCustomRole:") ? list(props["permissions"]).map(String) : []).filter(
        (permission) => permission.includes("*"),
      ),
      ...(type.startsWith("gcp:") && broadRoles.test(String(props["role"])) ? [String(props["role"])] : []),
    ];
    return wide.length > 0
      ? `It allows ${wide.map((one) => `"${one}"`).join(", ")}: more than any duty needs, and more with each thing that is added. Name what is ` +
          "needed, with its reason, in domain/permissions.ts."
      : undefined;
  },
};

/** What a secret looks like, whoever wrote it. */
const secretShape = /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|"private_key"\s*:/;

export const noSecretsInConfigMaps: ResourceRule = {
  kind: "resource",
  name: "no-secrets-in-configmaps",
  promise: "Secrets are kept where only their readers can read them",
  check: ({ type, props }) =>
    type.endsWith(":ConfigMap") && secretShape.test(JSON.stringify(props["data"] ?? {}))
      ? "A ConfigMap holds a key: everybody who may list the namespace reads it, and so does every backup of the cluster. Put it into a Secret."
      : undefined,
};

export const cloudRules = [dnsTtlShort, failoverChecked, noWildcards, noSecretsInConfigMaps] as const;
