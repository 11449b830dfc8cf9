import type { types } from "@pulumi/kubernetes";
import type { CronJob } from "@pulumi/kubernetes/batch/v1/cronJob";
import { Job } from "@pulumi/kubernetes/batch/v1/job";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { ComponentResource, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { Duration } from "../domain/duration";
import { paths } from "../domain/paths";
import { containerSecurity, podDns, podSecurity } from "../domain/podSecurity";
import { type BackupJobArgs, renderBackupJobConfiguration } from "../domain/pgbackrest";
import type { RepositoryName } from "../domain/repository";
import { dailyExcept, weekly } from "../domain/schedule";
import { background, commonEnvironment, fromConfigMap, type Mounted, scratch } from "./pods";
import { scheduledJob } from "./scheduledJob";

export interface BaseBackupsArgs extends Omit<BackupJobArgs, "namespace"> {
  readonly namespace: Input<string>;
  readonly namespaceName: string;
  readonly image: string;
  readonly restoreFrom: RepositoryName;
  /** Name of the Secret with the repositories' passphrase and keys. */
  readonly repositorySecret: Input<string>;
  /** Certificates and CAs that pgBackRest reads. */
  readonly mounts: readonly Mounted[];
}

/** The plan's hour for backups, UTC. */
const time = { hour: 2, minute: 0 };
const fullDay = "sunday";
const name = "postgres-basebackup";

// One that runs for twelve hours never ends.
const runningDeadline = Duration.hours(12);

/**
 * Base backups into every repository: full once a week, differential on the other days, and one at once into a
 * repository that has none, for until then its WAL can't be restored.
 */
export class BaseBackups extends ComponentResource {
  readonly full: CronJob;
  readonly differential: CronJob;
  readonly first: Job;

  constructor(componentName: string, args: BaseBackupsArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:BaseBackups", componentName, {}, opts);
    const { namespace } = args;
    const configuration = new ConfigMap(
      `${componentName}-configuration`,
      {
        metadata: { name: `${name}-pgbackrest`, namespace },
        data: { "pgbackrest.conf": renderBackupJobConfiguration({ ...args, namespace: args.namespaceName }) },
      },
      { parent: this },
    );
    const mounts = [
      fromConfigMap("pgbackrest", `${name}-pgbackrest`, paths.pgbackrestFolder),
      scratch("temp", paths.temp, "1Gi"),
      ...args.mounts,
    ];
    const podSpec = (type: "full" | "diff" | "first"): types.input.core.v1.PodSpec => ({
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      serviceAccountName: "postgres",
      enableServiceLinks: false,
      securityContext: podSecurity,
      dnsConfig: podDns,
      containers: [
        {
          name: "backup",
          image: args.image,
          command: ["marimo-backup", type],
          env: commonEnvironment(args),
          envFrom: [{ secretRef: { name: args.repositorySecret } }],
          volumeMounts: mounts.map(({ mount }) => mount),
          resources: background("500m", "256Mi"),
          securityContext: containerSecurity,
          terminationMessagePolicy: "FallbackToLogsOnError",
        },
      ],
      volumes: mounts.map(({ volume }) => volume),
    });
    const labels = { app: name };
    const job = (type: "full" | "diff" | "first") => ({
      // Another attempt would back up once more into each repository that has its backup; `first` leaves those alone.
      backoffLimit: type === "first" ? 3 : 0,
      activeDeadlineSeconds: runningDeadline.seconds,
    });
    const cronJob = (type: "full" | "diff", schedule: string) =>
      scheduledJob(
        `${componentName}-${type}`,
        { namespace, name: `${name}-${type}`, labels, schedule, job: { ...job(type), pod: podSpec(type) } },
        { parent: this, dependsOn: configuration },
      );
    this.full = cronJob("full", weekly(fullDay, time));
    this.differential = cronJob("diff", dailyExcept(fullDay, time));
    this.first = new Job(
      `${componentName}-first`,
      {
        metadata: { name: `${name}-first`, namespace, labels },
        spec: { ...job("first"), template: { metadata: { labels }, spec: podSpec("first") } },
      },
      { parent: this, dependsOn: configuration, deleteBeforeReplace: true, customTimeouts: { create: "12h" } },
    );
    this.registerOutputs({ full: this.full.metadata.name, differential: this.differential.metadata.name });
  }
}
