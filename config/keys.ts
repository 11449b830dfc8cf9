import { z } from "zod";
import { parseExceptions } from "../domain/exceptions";
import { localDumpTime } from "../domain/dumps";
import { parseWords, synchronousModes } from "../domain/fence";
import { environmentName } from "../domain/identities";
import { type Cidr, networkPrefixes, parseNetwork } from "../domain/network";
import type { Address } from "../domain/patroni";
import { type OffSite, parseOffSite } from "../domain/offSite";
import { Size } from "../domain/size";
import { defaultTimes, fullBackupInterval } from "../domain/vault";

/** What a configuration key accepts. Pulumi hands every value over as text. */
export interface Key<T> {
  readonly type: z.ZodType<T, string>;
  /** What a good value is, as the end of the sentence "It must be …". */
  readonly limit: string;
  /** A value to offer in the remedy. */
  readonly example: string;
  /** Used when the key is not set, or set to the empty text. Without one the key must be set. */
  readonly default?: string;
  /** Kept encrypted in the stack's file, and never printed. */
  readonly secret?: boolean;
}

export const key = <T>(
  type: z.ZodType<T, string>,
  limit: string,
  example: string,
  rest: Partial<Key<T>> = {},
): Key<T> => ({
  type,
  limit,
  example,
  ...rest,
});

export const text = (pattern: RegExp, limit: string, example: string, rest: { default?: string } = {}) =>
  key(z.string().regex(pattern), limit, example, rest);

export const optionalText = (pattern: RegExp, limit: string, example: string, rest: { secret?: boolean } = {}) =>
  key(
    z
      .string()
      .refine((value) => value === "" || pattern.test(value))
      .transform((value) => value || undefined),
    limit,
    example,
    { default: "", ...rest },
  );

export const secret = (pattern: RegExp, limit: string) => optionalText(pattern, limit, "VALUE", { secret: true });

export const choice = <const T extends readonly [string, ...string[]]>(values: T, fallback?: T[number]) =>
  key(z.enum(values), `one of ${values.join(", ")}`, fallback ?? values[0], fallback ? { default: fallback } : {});

export const whole = (min: number, max: number, fallback: number, unit: string) =>
  key(
    z
      .string()
      .regex(/^[0-9]+$/)
      .transform(Number)
      .pipe(z.number().min(min).max(max)),
    `a whole number of ${unit} from ${min} to ${max}`,
    String(fallback),
    { default: String(fallback) },
  );

const size = (min: string, fallback: string) =>
  key(
    z.string().transform((value, context) => {
      try {
        const size = Size.parse(value);
        if (size.bytes >= Size.parse(min).bytes) return size;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
      context.addIssue({ code: "custom" });
      return z.NEVER;
    }),
    `a size such as ${fallback}, ${min} or more`,
    fallback,
    { default: fallback },
  );

const network = (fallback: string) =>
  key(
    z.string().transform((value, context): Cidr => {
      try {
        return parseNetwork(value);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: "custom" });
        return z.NEVER;
      }
    }),
    `a private range such as ${fallback}, from /${networkPrefixes.min} to /${networkPrefixes.max}`,
    fallback,
    { default: fallback },
  );

const addresses = key(
  z
    .string()
    .transform((value) => (value === "" ? [] : value.split(",")))
    .pipe(z.array(z.union([z.cidrv4(), z.cidrv6()]))),
  "addresses such as 203.0.113.7/32,198.51.100.0/24, or nothing",
  "203.0.113.7/32",
  { default: "" },
);

const optionalAddress = (limit: string, example: string) =>
  key(
    z.string().transform((value, context): Address | undefined => {
      if (value === "") return undefined;
      const [, host = "", port = ""] = /^([a-zA-Z0-9.-]+):([1-9][0-9]{0,4})$/.exec(value) ?? [];
      if (host !== "" && Number(port) < 65536) return { host, port: Number(port) };
      context.addIssue({ code: "custom" });
      return z.NEVER;
    }),
    limit,
    example,
    { default: "" },
  );

// Limits of the platforms. Dots are left out though S3 allows them: they break its certificates' host names.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const s3BucketName = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
// https://cloud.google.com/storage/docs/buckets#naming
const gcsBucketName = /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/;
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
const dnsLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const hostPort = /^[a-zA-Z0-9.-]+(:[0-9]{1,5})?$/;

const image = /^\S+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/;
const imageLimit = "an image with a tag other than latest, or with a digest";
const cpu = /^([1-9][0-9]*|[1-9][0-9]*m)$/;
const cpuLimit = "a number of CPUs or thousandths of one";

const password = z.string().min(16);

/** What both regions must hold alike, for one restores and follows the database of the other. */
const SharedSecretValues = z.strictObject({
  superuser: password,
  replication: password,
  rewind: password,
  /** The authority that signs both regions' certificates, PEM. */
  authority: z.strictObject({ key: z.string().min(1), certificate: z.string().min(1) }),
});

/** A key of every stack. */
const policyExceptions = key(
  z.string().refine((value) => {
    try {
      parseExceptions(value);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }),
  "RULE because REASON (ten characters or more), several of them with a semicolon between, or nothing",
  "vaults-locked because this environment is thrown away every week",
  { default: "" },
);

/** Every key that a region's stack reads, without the project's prefix. `Pulumi.yaml` describes the same keys. */
export const regionKeys = {
  role: key(
    z.enum(["primary", "standby"]),
    "one of primary, standby, or global for the stack of what outlives the regions",
    "primary",
  ),
  region: text(/^[a-z][a-z0-9-]{1,30}$/, "the region's name: small letters, digits and hyphens", "eu-central-1"),
  namespace: text(dnsLabel, "a Kubernetes namespace", "marimo-erp", { default: "marimo-erp" }),
  kubeconfig: optionalText(/^.+$/, "a path to a kubeconfig, or nothing for the ambient one", "~/.kube/config"),
  kubeContext: optionalText(/^\S+$/, "a context of the kubeconfig, or nothing for its current one", "primary"),
  postgresImage: text(image, imageLimit, "registry.example.com/marimo-erp/postgres:17.6-1"),
  otherRegion: optionalAddress(
    "HOST:PORT where the other region's leader is reached, or nothing",
    "db.eu-central-1.example.com:5432",
  ),
  replicationHost: optionalText(
    /^[a-zA-Z0-9.-]+$/,
    "the name by which the other region reaches this one's leader, or nothing",
    "db.europe-west3.example.com",
  ),
  fencing: choice(["lease", "manual"], "lease"),
  synchronousReplication: choice(synchronousModes, "off"),
  confirmLost: key(
    z.string().transform((value, context) => {
      try {
        return parseWords(value);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: "custom" });
        return z.NEVER;
      }
    }),
    "what is lost and the lease's term, such as s3:7 or gcs:7 or writes:7, or nothing",
    "s3:7",
    { default: "" },
  ),
  replicationService: choice(["none", "LoadBalancer", "NodePort"], "none"),
  replicationFrom: addresses,
  sharedSecrets: key(
    z
      .string()
      .transform((value, context) => {
        if (value === "") return undefined;
        try {
          return JSON.parse(value) as unknown;
        } catch {
          context.addIssue({ code: "custom" });
          return z.NEVER;
        }
      })
      .pipe(SharedSecretValues.optional()),
    "the output sharedSecrets of the stack global, or nothing",
    "VALUE",
    { default: "", secret: true },
  ),
  postgresMembers: whole(1, 9, 2, "members"),
  postgresStorage: size("1Gi", "10Gi"),
  postgresStorageClass: optionalText(dnsLabel, "a storage class, or nothing for the cluster's default", "retain-ssd"),
  postgresCpu: text(cpu, cpuLimit, "1", { default: "1" }),
  postgresMemory: size("256Mi", "1Gi"),
  // A list in one word, for `pulumi config set` writes lists only element by element.
  repositories: key(
    z
      .string()
      .transform((value) => value.split(","))
      .pipe(z.array(z.enum(["s3", "gcs"])))
      .refine((list) => new Set(list).size === list.length),
    "s3,gcs or one of them: without a repository nothing would be archived",
    "s3,gcs",
    { default: "s3,gcs" },
  ),
  restoreFrom: choice(["s3", "gcs"], "s3"),
  restoreTimeline: optionalText(
    /^[1-9][0-9]{0,8}:[1-9][0-9]{0,8}$/,
    "TIMELINE:NEWEST as a stopped restore names them, or nothing for the newest timeline",
    "2:3",
  ),
  repositoryPath: text(/^(\/[a-zA-Z0-9._-]+)+$/, "an absolute folder inside the bucket", "/marimo", {
    default: "/marimo",
  }),
  retentionDays: {
    ...whole(fullBackupInterval.days, 3650, 90, "days"),
    limit:
      `a whole number of days from ${fullBackupInterval.days} to 3650. Full backups are ${fullBackupInterval.days} days apart, and a ` +
      "shorter time would promise a way back that no backup gives",
  },
  backupStorage: size("1Gi", "50Gi"),
  localDumpDays: whole(1, 3650, localDumpTime.days, "days"),
  dumpDays: whole(1, 3650, defaultTimes.dumps.days, "days"),
  offSite: key(
    z.string().transform((value, context): OffSite | undefined => {
      try {
        return parseOffSite(value);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: "custom" });
        return z.NEVER;
      }
    }),
    "https://HOST/BUCKET of a server that speaks S3 (with #REGION behind it, where it has one), or claim:NAME of a volume claim in " +
      "the namespace, or nothing",
    "https://s3.example.com/example-marimo-offsite",
    { default: "" },
  ),
  offSiteAccessKey: secret(/^\S+$/, "an access key"),
  offSiteSecretKey: secret(/^\S+$/, "a secret key"),
  storeCa: optionalText(/^-----BEGIN CERTIFICATE-----[^]+$/, "certificates in PEM, or nothing", "CERTIFICATES"),
  repositoryCipher: secret(/^.{32,}$/, "a passphrase of 32 characters or more"),
  s3Bucket: optionalText(
    s3BucketName,
    "a bucket's name: 3 to 63 small letters, digits and hyphens",
    "example-marimo-vault-s3",
  ),
  s3Region: optionalText(/^[a-z0-9-]+$/, "an S3 region", "eu-central-1"),
  s3Endpoint: optionalText(hostPort, "HOST or HOST:PORT, or nothing for AWS", "s3.example.com:443"),
  s3UriStyle: choice(["host", "path"], "host"),
  s3KeyType: choice(["auto", "pod-id", "web-id", "shared"], "auto"),
  s3RoleArn: optionalText(/^arn:aws[a-z-]*:iam::[0-9]{12}:role\/.+$/, "an IAM role's ARN, or nothing", "ARN"),
  s3AccessKey: secret(/^\S+$/, "an access key"),
  s3SecretKey: secret(/^\S+$/, "a secret key"),
  gcsBucket: optionalText(
    gcsBucketName,
    "a bucket's name: 3 to 63 small letters, digits, hyphens and underscores",
    "example-marimo-vault-gcs",
  ),
  gcsEndpoint: optionalText(hostPort, "HOST or HOST:PORT, or nothing for Google", "gcs.example.com:443"),
  gcsKeyType: choice(["auto", "service", "token"], "auto"),
  gcsServiceAccount: optionalText(/^[^@\s]+@[^@\s]+$/, "a service account's e-mail, or nothing", "EMAIL"),
  gcsKey: secret(/^[^]+$/, "a token, or the JSON of a service account"),
  secretsFrom: choice(["configuration", "escrow"], "configuration"),
  environment: text(
    environmentName,
    "a word of 15 small letters, digits and hyphens at most, for it becomes part of names that the clouds limit",
    "production",
    { default: "production" },
  ),
  awsAccount: optionalText(/^[0-9]{12}$/, "an AWS account's 12 digits, or nothing", "123456789012"),
  awsReplicaRegion: optionalText(
    /^[a-z]{2}(-[a-z]+)+-[0-9]$/,
    "the AWS region that holds a second copy of keys and secrets, or nothing",
    "eu-west-1",
  ),
  gcpProject: optionalText(
    // https://cloud.google.com/resource-manager/docs/creating-managing-projects
    /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/,
    "a Google Cloud project's ID, or nothing",
    "example-project",
  ),
  apiGatewayImage: optionalText(
    image,
    `${imageLimit}, or nothing`,
    "registry.example.com/marimo-erp/api-gateway:1.4.2",
  ),
  authServiceImage: optionalText(
    image,
    `${imageLimit}, or nothing`,
    "registry.example.com/marimo-erp/auth-service:1.4.2",
  ),
  standbyReplicas: whole(0, 10, 1, "pods"),
  applicationCpu: text(cpu, cpuLimit, "100m", { default: "100m" }),
  cluster: choice(["existing", "eks", "gke"], "existing"),
  clusterName: text(/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/, "a word of 2 to 20 small letters, digits and hyphens", "marimo", {
    default: "marimo",
  }),
  clusterNetwork: network("10.64.0.0/16"),
  clusterZones: key(
    z
      .string()
      .regex(/^[a-z],[a-z],[a-z]$/)
      .transform((value) => value.split(","))
      .refine((zones) => new Set(zones).size === zones.length),
    "the letters of three zones of the AWS region, such as a,b,c",
    "a,b,c",
    { default: "a,b,c" },
  ),
  clusterAdmins: key(
    z
      .string()
      .transform((value) => (value === "" ? [] : value.split(",")))
      .pipe(z.array(z.string().regex(/^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)\/\S+$/)))
      .refine((admins) => new Set(admins).size === admins.length),
    "ARNs of IAM roles and users, with commas, or nothing",
    "arn:aws:iam::123456789012:role/deploy",
    { default: "" },
  ),
  clusterApiFrom: addresses,
  policyExceptions,
} as const;

export type RegionValues = { [K in keyof typeof regionKeys]: z.output<(typeof regionKeys)[K]["type"]> };
