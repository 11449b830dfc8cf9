import type { CronJob } from "@pulumi/kubernetes/batch/v1/cronJob";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { ComponentResource, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { Duration } from "../domain/duration";
import { jobs, type VerifySettings } from "../domain/jobs";
import type { OffSite } from "../domain/offSite";
import { leaderConfigMap } from "../domain/patroni";
import { paths } from "../domain/paths";
import { renderReaderConfiguration } from "../domain/pgbackrest";
import type { Identities, Repository } from "../domain/repository";
import { daily } from "../domain/schedule";
import { JobAccess } from "./jobAccess";
import { jobPod, type StoreAccess } from "./jobPod";
import { fromClaim, fromConfigMap, type Mounted, readOnly } from "./pods";
import { scheduledJob } from "./scheduledJob";

export interface BackupVerifyArgs {
  readonly namespace: Input<string>;
  readonly namespaceName: string;
  readonly region: string;
  /** Image built from `images/postgres`. */
  readonly image: string;
  readonly repositories: readonly Repository[];
  readonly repositoryPath: string;
  readonly retention: Duration;
  readonly stores: StoreAccess;
  readonly identities: Identities;
  /** How long dumps stay in the stores. */
  readonly storeTime: Duration;
  /** @default two places are enough */
  readonly offSite: OffSite | undefined;
  /** Names of the Secrets by which it is reached. */
  readonly offSiteSecrets: readonly Input<string>[];
}

const name = "backup-verify";

/** Four hours after the dump and the base backup are due. */
const time = { hour: 6, minute: 0 };

/** Until two hours before the next night's backups. */
const runningDeadline = Duration.hours(18);

/**
 * Reads every copy of every dump, every base backup and all WAL each day, in all places, and says what is damaged or missing and to
 * which points a restore leads. It can write nothing but its results.
 */
export class BackupVerify extends ComponentResource {
  readonly cronJob: CronJob;

  constructor(componentName: string, args: BackupVerifyArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:BackupVerify", componentName, {}, opts);
    const { namespace, offSite } = args;
    const child = { parent: this };
    const access = new JobAccess(
      `${componentName}-access`,
      { namespace, duty: "verify", identities: args.identities, reads: [leaderConfigMap] },
      child,
    );
    const configuration = `${name}-pgbackrest`;
    const pgbackrest = new ConfigMap(
      `${componentName}-configuration`,
      {
        metadata: { name: configuration, namespace },
        data: { "pgbackrest.conf": renderReaderConfiguration({ ...args, storeCa: args.stores.ownCa }) },
      },
      child,
    );
    const settings: VerifySettings = {
      region: args.region,
      namespace: args.namespaceName,
      repositories: args.repositories,
      repositoryPath: args.repositoryPath,
      offSite,
      storeSeconds: args.storeTime.seconds,
    };
    const mounts: Mounted[] = [
      readOnly(fromClaim("backups", jobs.claim, jobs.folder)),
      fromConfigMap("pgbackrest", configuration, paths.pgbackrestFolder),
      ...(offSite?.kind === "claim" ? [readOnly(fromClaim("offsite", offSite.claim, jobs.offSiteFolder))] : []),
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
          // A pod that was killed is tried again at once; one that ended with a fault has said it.
          backoffLimit: 2,
          podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [1] } }] },
          activeDeadlineSeconds: runningDeadline.seconds,
          pod: jobPod({
            ...args,
            command: ["marimo-verify"],
            serviceAccount: access.serviceAccount,
            settings,
            mounts,
            secrets: args.offSiteSecrets,
            // Postgres comes first where both want the node's time: see `background`.
            resources: { requests: { cpu: "10m", memory: "128Mi" }, limits: { cpu: "1", memory: "768Mi" } },
          }),
        },
      },
      { ...child, dependsOn: [pgbackrest, access] },
    );
    this.registerOutputs({ cronJob: this.cronJob.metadata.name });
  }
}
