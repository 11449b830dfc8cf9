import { Config, type Output, getProject, getStack, log, output, secret } from "@pulumi/pulumi";
import { unknown } from "@pulumi/pulumi/output";
import { allConfig } from "@pulumi/pulumi/runtime/config";
import { isDryRun } from "@pulumi/pulumi/runtime/settings";
import type { ApplicationName } from "../domain/application";
import type { ClusterSpec } from "../domain/cluster";
import type { DnsProvider, Failover } from "../domain/dns";
import { Duration } from "../domain/duration";
import { type EscrowPlace, escrowPlaces } from "../domain/escrow";
import type { Fencing, Synchronous, Word } from "../domain/fence";
import type { Address, ReplicationAccess, Role } from "../domain/patroni";
import type { OffSite } from "../domain/offSite";
import type { Identities, Repository, RepositoryName } from "../domain/repository";
import { Size } from "../domain/size";
import type { ClusterName } from "../domain/trust";
import type { VaultTimes } from "../domain/vault";
import { type Escrowed, EscrowError, readEscrow } from "./escrow";
import type { GlobalValues } from "./globalKeys";
import type { RegionValues } from "./keys";
import { parseRegion, type RawConfiguration } from "./parse";
import { parseGlobal } from "./parseGlobal";
import { known, repositoriesOf } from "./repositories";

export { ConfigurationError } from "./parse";

/** What the containers need to reach a repository, beside its address. */
export interface RepositorySecrets {
  readonly cipher: Output<string>;
  readonly s3AccessKey: Output<string> | undefined;
  readonly s3SecretKey: Output<string> | undefined;
  readonly gcsKey: Output<string> | undefined;
}

/** What both regions hold alike: passwords of the database's roles, and the authority that signs certificates, PEM. */
export interface SharedSecrets {
  readonly superuser: Output<string>;
  readonly replication: Output<string>;
  readonly rewind: Output<string>;
  readonly authority: { readonly key: Output<string>; readonly certificate: Output<string> };
}

/** A region's configuration, parsed. */
export interface RegionConfig {
  readonly role: Role;
  readonly region: string;
  readonly namespace: string;
  readonly cluster: {
    readonly kubeconfig: string | undefined;
    readonly context: string | undefined;
    /** @default the cluster exists */
    readonly made: ClusterSpec | undefined;
  };
  readonly postgres: {
    readonly image: string;
    readonly members: number;
    readonly storage: Size;
    readonly storageClass: string | undefined;
    readonly cpu: string;
    readonly memory: Size;
    /** Where the other region's leader is reached. */
    readonly otherRegion: Address | undefined;
    readonly replication: ReplicationAccess;
    readonly fencing: Fencing;
    /** What an operator declared lost, for one take-over. */
    readonly words: readonly Word[];
    readonly synchronous: Synchronous;
  };
  /** @default it is not declared */
  readonly application:
    | {
        readonly images: Readonly<Record<ApplicationName, string>>;
        readonly standbyReplicas: number;
        readonly cpu: string;
      }
    | undefined;
  readonly repositories: readonly Repository[];
  readonly restoreFrom: RepositoryName;
  /** The history that a restore follows where the archive holds two: `TIMELINE:NEWEST`. @default the newest */
  readonly restoreTimeline: string | undefined;
  readonly repositoryPath: string;
  readonly retention: Duration;
  readonly storeCa: string | undefined;
  readonly dumps: {
    /** Size of the volume of dumps. */
    readonly storage: Size;
    /** How long dumps stay on it. */
    readonly localTime: Duration;
    /** How long they stay in the stores. */
    readonly storeTime: Duration;
    /** @default no third place */
    readonly offSite: OffSite | undefined;
    /** Key pair of an off-site bucket. */
    readonly offSiteKey: { readonly access: Output<string>; readonly secret: Output<string> } | undefined;
  };
  readonly identities: Identities;
  readonly secrets: RepositorySecrets;
  /** @default the stack makes its own */
  readonly sharedSecrets: SharedSecrets | undefined;
}

/** The vaults, and who may use them. */
export interface VaultConfig {
  readonly environment: string;
  readonly namespace: string;
  readonly repositoryPath: string;
  readonly times: VaultTimes;
  /** Whether Pulumi's state was lost, and what exists is to be taken over. */
  readonly adopt: boolean;
  readonly aws:
    | {
        readonly account: string;
        readonly region: string;
        readonly replicaRegion: string;
        readonly bucket: string;
        readonly eksCluster: ClusterName | undefined;
        readonly gkeCluster: (ClusterName & { readonly project: string }) | undefined;
        readonly adoptKeyId: string | undefined;
        readonly adoptSecretArn: string | undefined;
      }
    | undefined;
  readonly gcp:
    | {
        readonly project: string;
        readonly projectNumber: string;
        readonly location: string;
        readonly bucket: string;
      }
    | undefined;
}

/** The configuration of the stack global, parsed. */
export interface GlobalConfig {
  /** @default no vault: buckets and identities exist already */
  readonly vault: VaultConfig | undefined;
  /** The value of that key of the regions. @default the stack makes it */
  readonly sharedSecrets: Output<string> | undefined;
  /** @default the stack makes it, where there is a vault */
  readonly repositoryCipher: Output<string> | undefined;
  /** @default there is no name that leads to the region that takes writes */
  readonly dns: ({ readonly provider: DnsProvider } & Failover) | undefined;
}

const secretly = (value: string | undefined) => (value === undefined ? undefined : secret(value));

const sharedSecretsOf = (shared: Output<NonNullable<RegionValues["sharedSecrets"]>>): SharedSecrets => ({
  superuser: shared.superuser,
  replication: shared.replication,
  rewind: shared.rewind,
  authority: { key: shared.authority.key, certificate: shared.authority.certificate },
});

const escrowOf = (values: RegionValues): EscrowPlace[] => {
  const { environment, awsAccount, s3Region, awsReplicaRegion, gcpProject } = values;
  const regions = [s3Region, awsReplicaRegion].filter((region) => region !== undefined);
  return escrowPlaces({
    environment,
    aws: awsAccount === undefined ? undefined : { account: awsAccount, regions },
    gcp: gcpProject === undefined ? undefined : { project: gcpProject },
  });
};

/**
 * What the escrow holds. A preview whose identity may not read it, as a pull request's, goes on without the values, and says so;
 * nothing else does.
 */
const escrowed = async (places: readonly EscrowPlace[]): Promise<Output<Escrowed>> => {
  const warn = (message: string) => void log.warn(message);
  try {
    return secret(await readEscrow(places, warn));
  } catch (error) {
    if (!isDryRun() || !(error instanceof EscrowError && error.unreadable)) throw error;
    warn(
      `${error.message}\nThis preview goes on: passwords, certificates and what contains them are shown as changes, ` +
        "and `pulumi up` will refuse to run like this.",
    );
    return secret(output(unknown)) as unknown as Output<Escrowed>;
  }
};

type Secrets = Pick<RegionConfig, "sharedSecrets"> & { readonly cipher: Output<string> };

const secretsOf = async (values: RegionValues): Promise<Secrets> => {
  if (values.secretsFrom === "escrow") {
    const { repositoryCipher, sharedSecrets } = await escrowed(escrowOf(values));
    return { cipher: repositoryCipher, sharedSecrets: sharedSecretsOf(sharedSecrets) };
  }
  return {
    cipher: secret(known(values.repositoryCipher)),
    sharedSecrets: values.sharedSecrets && sharedSecretsOf(secret(values.sharedSecrets)),
  };
};

const clusterOf = (values: RegionValues): ClusterSpec | undefined => {
  const made = { name: values.clusterName, region: values.region, network: values.clusterNetwork };
  switch (values.cluster) {
    case "existing":
      return undefined;
    case "eks":
      return {
        ...made,
        kind: "eks",
        account: known(values.awsAccount),
        zones: values.clusterZones,
        admins: values.clusterAdmins,
        apiFrom: values.clusterApiFrom,
        environment: values.environment,
        namespace: values.namespace,
      };
    case "gke":
      return { ...made, kind: "gke", project: known(values.gcpProject) };
  }
};

/** The values that the program works with, from the values of the keys. */
const structure = (values: RegionValues, { cipher, sharedSecrets }: Secrets): RegionConfig => ({
  role: values.role,
  region: values.region,
  namespace: values.namespace,
  cluster: { kubeconfig: values.kubeconfig, context: values.kubeContext, made: clusterOf(values) },
  postgres: {
    image: values.postgresImage,
    members: values.postgresMembers,
    storage: values.postgresStorage,
    storageClass: values.postgresStorageClass,
    cpu: values.postgresCpu,
    memory: values.postgresMemory,
    otherRegion: values.otherRegion,
    // A region alone has nobody to be fenced from.
    fencing: values.otherRegion ? values.fencing : "none",
    words: values.confirmLost,
    synchronous: values.synchronousReplication,
    replication: { host: values.replicationHost, service: values.replicationService, from: values.replicationFrom },
  },
  application:
    values.apiGatewayImage === undefined
      ? undefined
      : {
          images: { "api-gateway": values.apiGatewayImage, "auth-service": known(values.authServiceImage) },
          standbyReplicas: values.standbyReplicas,
          cpu: values.applicationCpu,
        },
  repositories: repositoriesOf(values),
  restoreFrom: values.restoreFrom,
  restoreTimeline: values.restoreTimeline,
  repositoryPath: values.repositoryPath,
  retention: Duration.days(values.retentionDays),
  storeCa: values.storeCa,
  dumps: {
    storage: values.backupStorage,
    localTime: Duration.days(values.localDumpDays),
    storeTime: Duration.days(values.dumpDays),
    offSite: values.offSite,
    offSiteKey:
      values.offSite?.kind === "s3"
        ? { access: secret(known(values.offSiteAccessKey)), secret: secret(known(values.offSiteSecretKey)) }
        : undefined,
  },
  identities: { s3RoleArn: values.s3RoleArn, gcsServiceAccount: values.gcsServiceAccount },
  secrets: {
    cipher,
    s3AccessKey: secretly(values.s3AccessKey),
    s3SecretKey: secretly(values.s3SecretKey),
    gcsKey: secretly(values.gcsKey),
  },
  sharedSecrets,
});

const vaultOf = (values: GlobalValues): VaultConfig => ({
  environment: values.environment,
  namespace: values.namespace,
  repositoryPath: values.repositoryPath,
  times: {
    retention: Duration.days(values.retentionDays),
    dumps: Duration.days(values.dumpDays),
    undelete: Duration.days(values.undeleteDays),
    lock: Duration.days(values.lockDays),
  },
  adopt: values.adopt === "true",
  aws: values.vaults.includes("s3")
    ? {
        account: known(values.awsAccount),
        region: known(values.s3Region),
        replicaRegion: known(values.awsReplicaRegion),
        bucket: known(values.s3Bucket),
        eksCluster: values.eksCluster,
        gkeCluster: values.gkeCluster && { ...values.gkeCluster, project: known(values.gcpProject) },
        adoptKeyId: values.adoptKeyId,
        adoptSecretArn: values.adoptSecretArn,
      }
    : undefined,
  gcp: values.vaults.includes("gcs")
    ? {
        project: known(values.gcpProject),
        projectNumber: known(values.gcpProjectNumber),
        location: values.gcsLocation,
        bucket: known(values.gcsBucket),
      }
    : undefined,
});

const globalOf = (values: GlobalValues): GlobalConfig => ({
  vault: values.vaults.length > 0 ? vaultOf(values) : undefined,
  sharedSecrets: secretly(values.sharedSecrets && JSON.stringify(values.sharedSecrets)),
  repositoryCipher: secretly(values.repositoryCipher),
  dns:
    values.dnsProvider === "none"
      ? undefined
      : {
          provider: values.dnsProvider,
          zone: values.dnsZoneId === undefined ? { domain: known(values.dnsZone) } : { id: values.dnsZoneId },
          name: known(values.dnsName),
          ttl: Duration.seconds(values.dnsTtl),
          addresses: { primary: known(values.primaryAddress), secondary: known(values.secondaryAddress) },
          health: { host: values.healthAddress ?? known(values.secondaryAddress), port: values.healthPort },
        },
});

/** Whether the stack that the engine runs is the one of what outlives the regions. */
export const isGlobal = (): boolean => new Config().get("role") === "global";

/** The configuration of the stack that the engine runs, as Pulumi holds it. */
const raw = (): RawConfiguration => {
  const project = getProject();
  const prefix = `${project}:`;
  const values = Object.fromEntries(
    Object.entries(allConfig())
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );
  // The engine tells in this variable which keys are encrypted; the SDK offers it only to itself.
  const encrypted = new Set(JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "[]") as string[]);
  return { project, stack: getStack(), values, isSecret: (key) => encrypted.has(prefix + key) };
};

/**
 * A region's configuration. This file is the only place that reads Pulumi's configuration.
 * @throws ConfigurationError naming every fault, or EscrowError, before anything is declared
 */
export const loadRegion = async (): Promise<RegionConfig> => {
  const values = parseRegion(raw());
  return structure(values, await secretsOf(values));
};

/**
 * The configuration of the stack global.
 * @throws ConfigurationError naming every fault, before anything is declared
 */
export const loadGlobal = (): GlobalConfig => globalOf(parseGlobal(raw()));
