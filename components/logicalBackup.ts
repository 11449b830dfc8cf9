import type { CronJob } from "@pulumi/kubernetes/batch/v1/cronJob";
import { PersistentVolumeClaim } from "@pulumi/kubernetes/core/v1/persistentVolumeClaim";
import { Secret } from "@pulumi/kubernetes/core/v1/secret";
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { Duration } from "../domain/duration";
import { type DumpSettings, jobs } from "../domain/jobs";
import { memberHost, memberPods, names } from "../domain/names";
import type { OffSite } from "../domain/offSite";
import { port } from "../domain/patroni";
import { paths, tls } from "../domain/paths";
import type { Identities, Repository } from "../domain/repository";
import { daily } from "../domain/schedule";
import type { Size } from "../domain/size";
import { JobAccess } from "./jobAccess";
import { jobPod, type StoreAccess } from "./jobPod";
import { fromClaim, fromSecretKey, fromSecretVolume, type Mounted } from "./pods";
import { scheduledJob } from "./scheduledJob";

export interface LogicalBackupArgs {
  readonly namespace: Input<string>;
  /** The namespace's name, which the members' addresses carry. */
  readonly namespaceName: string;
  readonly region: string;
  /** Image built from `images/postgres`. */
  readonly image: string;
  /** Members of the database, one of which is dumped: a standby where one is close to the leader. */
  readonly members: number;
  readonly repositories: readonly Repository[];
  readonly repositoryPath: string;
  readonly stores: StoreAccess;
  readonly identities: Identities;
  /** Size of the volume of dumps. */
  readonly storage: Size;
  /** @default the cluster's default class */
  readonly storageClass: string | undefined;
  /** How long dumps stay on the volume. */
  readonly localTime: Duration;
  /** How long they stay in the stores and in an off-site claim. */
  readonly storeTime: Duration;
  /** @default two places are enough */
  readonly offSite: OffSite | undefined;
  /** Key pair of an off-site bucket. */
  readonly offSiteKey: { readonly access: Input<string>; readonly secret: Input<string> } | undefined;
}

const name = "postgres-backup";

/** The plan's hour for backups, UTC. */
const time = { hour: 2, minute: 0 };

/** A dump that takes longer than a night is no daily dump any more. */
const runningDeadline = Duration.hours(6);

/**
 * A dump of the database each night, in PostgreSQL's own portable format: proved, on a volume, in both vaults and off-site. It
 * stands beside the base backups: another program makes it, another version of PostgreSQL can read it, and it brings single tables back.
 */
export class LogicalBackup extends ComponentResource {
  readonly cronJob: CronJob;
  /** Names of the Secrets by which the off-site place is reached; none where it needs no key. */
  readonly offSiteSecrets: readonly Output<string>[];

  constructor(componentName: string, args: LogicalBackupArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:LogicalBackup", componentName, {}, opts);
    const { namespace, offSite } = args;
    const child = { parent: this };
    const access = new JobAccess(
      `${componentName}-access`,
      { namespace, duty: "dumps", identities: args.identities },
      child,
    );
    const claim = new PersistentVolumeClaim(
      `${componentName}-storage`,
      {
        metadata: {
          name: jobs.claim,
          namespace,
          labels: { app: name },
          // Many classes make a volume only when a pod asks for it, and the first one does so at night.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: {
          accessModes: ["ReadWriteOnce"],
          ...(args.storageClass !== undefined && { storageClassName: args.storageClass }),
          resources: { requests: { storage: args.storage.toString() } },
        },
      },
      // The dumps outlive a `pulumi destroy`, as the members' volumes do.
      { ...child, retainOnDelete: true },
    );
    const offSiteKey =
      args.offSiteKey &&
      new Secret(
        `${componentName}-offsite-key`,
        {
          metadata: { name: `${name}-offsite`, namespace },
          stringData: { [jobs.offSiteKey]: args.offSiteKey.access, [jobs.offSiteSecretKey]: args.offSiteKey.secret },
        },
        child,
      );
    this.offSiteSecrets = offSiteKey ? [offSiteKey.metadata.name] : [];
    const settings: DumpSettings = {
      region: args.region,
      namespace: args.namespaceName,
      repositories: args.repositories,
      repositoryPath: args.repositoryPath,
      offSite,
      database: names.database,
      members: memberPods(args.members).map((pod) => ({
        host: memberHost(pod, args.namespaceName),
        port: port.postgres,
      })),
      localSeconds: args.localTime.seconds,
      storeSeconds: args.storeTime.seconds,
    };
    const mounts: Mounted[] = [
      fromClaim("backups", jobs.claim, jobs.folder),
      // The CA alone: the certificate beside it lets its holder command the members' pgBackRest.
      fromSecretVolume("tls", "postgres-backup-tls", paths.tlsFolder, [tls.ca]),
      ...(offSite?.kind === "claim" ? [fromClaim("offsite", offSite.claim, jobs.offSiteFolder)] : []),
    ];
    const labels = { app: name };
    this.cronJob = scheduledJob(
      `${componentName}-job`,
      {
        namespace,
        name,
        labels,
        schedule: daily(time),
        job: {
          // A pod that was killed is tried again at once; one that ended with a fault has said it, and made what it could.
          backoffLimit: 2,
          podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [1] } }] },
          activeDeadlineSeconds: runningDeadline.seconds,
          pod: jobPod({
            ...args,
            command: ["marimo-dump"],
            serviceAccount: access.serviceAccount,
            settings,
            mounts,
            environment: [fromSecretKey("PGPASSWORD", names.secrets, "DB_PASSWORD")],
            secrets: this.offSiteSecrets,
            // Postgres comes first where both want the node's time: see `background`.
            resources: { requests: { cpu: "10m", memory: "128Mi" }, limits: { cpu: "2", memory: "512Mi" } },
          }),
        },
      },
      { ...child, dependsOn: [claim, access] },
    );
    this.registerOutputs({ cronJob: this.cronJob.metadata.name });
  }
}
