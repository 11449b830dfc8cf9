import { StatefulSet } from "@pulumi/kubernetes/apps/v1/statefulSet";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { Service } from "@pulumi/kubernetes/core/v1/service";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1/podDisruptionBudget";
import type { types } from "@pulumi/kubernetes";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  output,
  unsecret,
} from "@pulumi/pulumi";
import type { Duration } from "../domain/duration";
import type { Fencing, Synchronous, Word } from "../domain/fence";
import { fingerprint } from "../domain/fingerprint";
import { names } from "../domain/names";
import { scenarioObjectives } from "../domain/objectives";
import {
  type Address,
  labels,
  port,
  type ReplicationAccess,
  type Role,
  renderPatroni,
  renderSharedSettings,
  sharedSettingsName,
} from "../domain/patroni";
import { paths } from "../domain/paths";
import { containerSecurity, podDns, podSecurity } from "../domain/podSecurity";
import { renderMemberConfiguration } from "../domain/pgbackrest";
import type { Repository, RepositoryName } from "../domain/repository";
import type { Size } from "../domain/size";
import { BaseBackups } from "./baseBackups";
import { Fence } from "./fence";
import { DatabaseSecrets, type DatabaseSecretsArgs } from "./databaseSecrets";
import {
  background,
  commonEnvironment,
  fromConfigMap,
  fromSecretVolume,
  memberEnvironment,
  type Mounted,
  patroniEnvironment,
  scratch,
} from "./pods";
import type { StoreAccess } from "./jobPod";
import { PostgresAccess } from "./postgresAccess";

export interface PostgresClusterArgs {
  readonly namespace: Input<string>;
  /** The namespace's name, which certificates and addresses carry. */
  readonly namespaceName: string;
  /** The region's name, which the writer's lease carries. */
  readonly region: string;
  /** Image built from `images/postgres`. */
  readonly image: string;
  /** Members in this region: one leads, the others are standbys that can take over. */
  readonly members: number;
  /** Size of each member's volume. It can't be changed later: Kubernetes would need a new StatefulSet. */
  readonly storage: Size;
  /** @default the cluster's default class */
  readonly storageClass: Input<string> | undefined;
  /** CPU that is Postgres' own, as Kubernetes writes it. It may take what else the node has: a restore takes all it gets. */
  readonly cpu: string;
  /** Memory that is Postgres' own, and its limit; its buffers follow from it. */
  readonly memory: Size;
  /** Where WAL and base backups go: to all of them. */
  readonly repositories: readonly Repository[];
  /** Which of them a restore and a new member read. */
  readonly restoreFrom: RepositoryName;
  /** The history that a restore follows where the archive holds two: `TIMELINE:NEWEST`. @default the newest */
  readonly restoreTimeline: string | undefined;
  readonly repositoryPath: string;
  readonly retention: Duration;
  /** PEM of the CA that signed the stores' certificates. @default the image's CAs */
  readonly storeCa: string | undefined;
  readonly keys: DatabaseSecretsArgs["keys"];
  /** What the regions hold alike. */
  readonly shared: DatabaseSecretsArgs["shared"];
  /** Whether the region takes writes or follows `otherRegion`. The members do not restart when it changes. */
  readonly role: Role;
  /** Where the other region's leader is reached. */
  readonly otherRegion: Address | undefined;
  readonly replication: ReplicationAccess;
  /** What a Service of type LoadBalancer needs to be reached from outside of the cloud. @default nothing */
  readonly loadBalancerAnnotations?: Readonly<Record<string, string>>;
  /** How this region is kept from being a second writer. Members restart when it changes. */
  readonly fencing: Fencing;
  /** What an operator declared lost, for one take-over. */
  readonly words: readonly Word[];
  /** Whose disk must have a commit before it is acknowledged. */
  readonly synchronous: Synchronous;
  /** Cloud identities, as annotations of the pods' service account. */
  readonly identityAnnotations: Record<string, string>;
}

// A restore may take as long as the plan allows for a lost cluster; it may go on through a second `pulumi up`.
const recoveryTime = scenarioObjectives.clusterFailure.rto.toString();

const https = (path: string) => ({ path, port: port.patroni, scheme: "HTTPS" });

/**
 * Postgres with its way back: a StatefulSet under Patroni that archives to every repository, comes up on an empty volume
 * by what the repositories hold (restore, initialize or stop), and makes its base backups.
 */
export class PostgresCluster extends ComponentResource {
  readonly statefulSet: StatefulSet;
  /** `HOST:PORT` of the member that takes writes. */
  readonly writeEndpoint: Output<string>;
  /** `HOST:PORT` of any member that serves reads. */
  readonly readEndpoint: Output<string>;
  /** How other pods of the region reach its stores. */
  readonly stores: StoreAccess;
  /** Differs whenever what the applications read of the database does: its address and password. */
  readonly applicationConfiguration: Output<string>;
  /** Base backups, in the region that takes writes. */
  readonly backups: BaseBackups | undefined;

  constructor(name: string, args: PostgresClusterArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:PostgresCluster", name, {}, opts);
    const { namespace } = args;
    const child = { parent: this };
    const memberLabels = { ...labels.app, ...labels.scope };

    const secrets = new DatabaseSecrets(`${name}-secrets`, { ...args, replicationHost: args.replication.host }, child);
    const access = new PostgresAccess(`${name}-access`, { namespace, annotations: args.identityAnnotations }, child);

    const sharedSettings = new ConfigMap(
      `${name}-settings`,
      {
        metadata: {
          name: sharedSettingsName,
          namespace,
          labels: memberLabels,
          annotations: { config: renderSharedSettings(args) },
        },
      },
      child,
    );
    const patroniYml = renderPatroni(args);
    const patroni = new ConfigMap(
      `${name}-patroni`,
      { metadata: { name: "postgres-patroni", namespace }, data: { "patroni.yml": patroniYml } },
      child,
    );
    const pgbackrestConf = renderMemberConfiguration({ ...args, storeCa: args.storeCa !== undefined });
    const pgbackrest = new ConfigMap(
      `${name}-pgbackrest`,
      { metadata: { name: "postgres-pgbackrest", namespace }, data: { "pgbackrest.conf": pgbackrestConf } },
      child,
    );

    const storeMounts: Mounted[] = [];
    if (args.storeCa !== undefined) {
      new ConfigMap(
        `${name}-store-ca`,
        { metadata: { name: "postgres-store-ca", namespace }, data: { "ca.crt": args.storeCa } },
        child,
      );
      storeMounts.push(fromConfigMap("store-ca", "postgres-store-ca", paths.storeCaFolder));
    }
    if (secrets.gcsServiceKey) storeMounts.push(fromSecretVolume("gcs-key", "postgres-gcs-key", paths.gcsKeyFolder));

    this.stores = {
      secret: secrets.repositories.metadata.name,
      mounts: storeMounts,
      ownCa: args.storeCa !== undefined,
    };

    const service = (role: string, serviceName: string, spec: Record<string, unknown>) =>
      new Service(
        `${name}-${role}`,
        {
          // Endpoints come and go with the leader; the StatefulSet below is what tells whether the database is up.
          metadata: {
            name: serviceName,
            namespace,
            labels: labels.app,
            annotations: {
              "pulumi.com/skipAwait": "true",
              ...(spec["type"] === "LoadBalancer" && args.loadBalancerAnnotations),
            },
          },
          spec: { ports: [{ name: "postgres", port: port.postgres, targetPort: port.postgres }], ...spec },
        },
        child,
      );
    const members = service("members", names.membersService, {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: memberLabels,
    });
    const write = service("write", names.writeService, {
      selector: { ...memberLabels, [labels.roleKey]: labels.primary },
    });
    const read = service("read", names.readService, { selector: memberLabels });

    // The other region's way to this one's leader, when it takes writes; a leader that only follows has another label.
    if (args.replication.service !== "none") {
      const { service: type, from } = args.replication;
      const nodePort = type === "NodePort" ? { nodePort: port.replicationNode } : {};
      service("replication", names.replicationService, {
        type,
        ...(type === "LoadBalancer" && { loadBalancerSourceRanges: [...from] }),
        selector: { ...memberLabels, [labels.roleKey]: labels.primary },
        ports: [{ name: "postgres", port: port.postgres, targetPort: port.postgres, ...nodePort }],
      });
    }

    // Where DNS asks whether this region takes writes. Open to all: checks come from anywhere, and the answer is one fact.
    if (args.fencing !== "none") {
      const { service: type } = args.replication;
      const nodePort = type === "NodePort" ? { nodePort: port.writableNode } : {};
      service("writable", names.writableService, {
        type,
        selector: { ...memberLabels, [labels.roleKey]: labels.primary },
        ports: [{ name: "http", port: port.writable, targetPort: port.writable, ...nodePort }],
      });
    }

    // Where the applications find the database.
    const address = { DB_HOST: names.writeService, DB_PORT: String(port.postgres), DB_NAME: names.database };
    new ConfigMap(`${name}-address`, { metadata: { name: names.config, namespace }, data: address }, child);
    // A password has too much chance in it to be found by its hash.
    this.applicationConfiguration = unsecret(
      output(args.shared.superuser).apply((password) => fingerprint(JSON.stringify(address), password)),
    );

    const environment = [...commonEnvironment(args), ...memberEnvironment(args)];
    const mounts: Mounted[] = [
      fromConfigMap("patroni", "postgres-patroni", paths.patroniFolder),
      fromConfigMap("pgbackrest", "postgres-pgbackrest", paths.pgbackrestFolder),
      fromSecretVolume("tls", "postgres-server-tls", paths.tlsFolder),
      scratch("socket", paths.socket, "16Mi"),
      scratch("temp", paths.temp, "256Mi"),
      ...storeMounts,
    ];
    const container = (
      containerName: string,
      command: string[],
      resources: types.input.core.v1.ResourceRequirements,
    ) => ({
      name: containerName,
      image: args.image,
      command,
      env: environment,
      volumeMounts: [{ name: "data", mountPath: paths.volume }, ...mounts.map(({ mount }) => mount)],
      securityContext: containerSecurity,
      terminationMessagePolicy: "FallbackToLogsOnError",
      resources,
    });

    // A region alone has nobody to be fenced from.
    const keeper = args.fencing === "none" ? undefined : new Fence(`${name}-fence`, args, child);

    const repositoryKeys = [{ secretRef: { name: secrets.repositories.metadata.name } }];
    const fences = keeper && [
      keeper.container(
        {
          ...container("fence", ["marimo-fence", "serve"], {
            requests: { cpu: "50m", memory: "96Mi" },
            limits: { memory: "192Mi" },
          }),
          envFrom: repositoryKeys,
        },
        args.storeCa !== undefined,
      ),
    ];
    this.statefulSet = new StatefulSet(
      `${name}-members-set`,
      {
        metadata: { name: names.statefulSet, namespace, labels: labels.app },
        spec: {
          serviceName: names.membersService,
          replicas: args.members,
          // Any member may hold the newest data, so none waits for another.
          podManagementPolicy: "Parallel",
          selector: { matchLabels: memberLabels },
          persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
          template: {
            metadata: {
              labels: memberLabels,
              annotations: {
                // `kubectl exec` and `kubectl logs` without --container mean the database.
                "kubectl.kubernetes.io/default-container": names.statefulSet,
                "marimo-erp.com/configuration": fingerprint(patroniYml, pgbackrestConf, args.storeCa, keeper?.settings),
                "marimo-erp.com/repository-keys": secrets.fingerprint,
              },
            },
            spec: {
              serviceAccountName: access.serviceAccount.metadata.name,
              enableServiceLinks: false,
              // A clean shutdown writes a checkpoint and archives the last WAL.
              terminationGracePeriodSeconds: 120,
              securityContext: podSecurity,
              dnsConfig: podDns,
              topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(
                (topologyKey) => ({
                  topologyKey,
                  maxSkew: 1,
                  whenUnsatisfiable: "ScheduleAnyway",
                  labelSelector: { matchLabels: memberLabels },
                }),
              ),
              ...(fences && { initContainers: fences }),
              containers: [
                {
                  ...container(names.statefulSet, ["marimo-postgres"], {
                    requests: { cpu: args.cpu, memory: args.memory.toString() },
                    limits: { memory: args.memory.toString() },
                  }),
                  env: [
                    ...environment,
                    ...patroniEnvironment(args.namespaceName, { system: names.secrets, members: "postgres-members" }),
                  ],
                  envFrom: repositoryKeys,
                  ports: [
                    { name: "postgres", containerPort: port.postgres },
                    { name: "patroni", containerPort: port.patroni },
                  ],
                  // Patroni answers /liveness from its start, also through a restore of hours; /readiness only a member
                  // that serves.
                  livenessProbe: {
                    httpGet: https("/liveness"),
                    periodSeconds: 10,
                    failureThreshold: 6,
                    timeoutSeconds: 5,
                  },
                  startupProbe: {
                    httpGet: https("/liveness"),
                    periodSeconds: 2,
                    failureThreshold: 60,
                    timeoutSeconds: 5,
                  },
                  readinessProbe: {
                    httpGet: https("/readiness"),
                    periodSeconds: 2,
                    failureThreshold: 3,
                    timeoutSeconds: 5,
                  },
                },
                {
                  ...container("pgbackrest", ["pgbackrest", "server"], background("1", "512Mi")),
                  envFrom: repositoryKeys,
                  ports: [{ name: "pgbackrest", containerPort: port.pgbackrest }],
                },
                container("watch", ["marimo-watch"], {
                  requests: { cpu: "50m", memory: "64Mi" },
                  limits: { cpu: "100m", memory: "64Mi" },
                }),
              ],
              volumes: [...mounts, ...(keeper?.mounts ?? [])].map(({ volume }) => volume),
            },
          },
          volumeClaimTemplates: [
            {
              metadata: { name: "data", labels: labels.app },
              spec: {
                accessModes: ["ReadWriteOnce"],
                ...(args.storageClass !== undefined && { storageClassName: args.storageClass }),
                resources: { requests: { storage: args.storage.toString() } },
              },
            },
          ],
        },
      },
      {
        parent: this,
        dependsOn: [sharedSettings, patroni, pgbackrest, members, secrets, access],
        customTimeouts: { create: recoveryTime, update: recoveryTime },
      },
    );
    new PodDisruptionBudget(
      `${name}-disruption`,
      {
        metadata: { name: names.statefulSet, namespace },
        spec: { maxUnavailable: 1, selector: { matchLabels: memberLabels } },
      },
      child,
    );

    // Both regions share the repositories, and the one that takes writes fills them.
    if (args.role === "primary") {
      this.backups = new BaseBackups(
        `${name}-backups`,
        {
          ...args,
          storeCa: args.storeCa !== undefined,
          repositorySecret: secrets.repositories.metadata.name,
          mounts: [fromSecretVolume("tls", "postgres-backup-tls", paths.tlsFolder), ...storeMounts],
        },
        { parent: this, dependsOn: [this.statefulSet, secrets] },
      );
    }

    const endpoint = (target: Service) =>
      target.metadata.name.apply((host) => `${host}.${args.namespaceName}.svc:${port.postgres}`);
    this.writeEndpoint = endpoint(write);
    this.readEndpoint = endpoint(read);
    this.registerOutputs({ writeEndpoint: this.writeEndpoint, readEndpoint: this.readEndpoint });
  }
}
