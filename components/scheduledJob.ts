import type { types } from "@pulumi/kubernetes";
import { CronJob } from "@pulumi/kubernetes/batch/v1/cronJob";
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { Duration } from "../domain/duration";

export interface ScheduledJobArgs {
  readonly namespace: Input<string>;
  readonly name: string;
  /** Labels of the CronJob, its jobs and their pods. */
  readonly labels: Record<string, string>;
  /** A cron line, UTC. */
  readonly schedule: string;
  readonly job: Omit<types.input.batch.v1.JobSpec, "template"> & { readonly pod: types.input.core.v1.PodSpec };
}

/** A job that has not begun an hour late would run into working hours. */
const startingDeadline = Duration.hours(1);

/** A job by the clock, in UTC, one at a time, with the history that operators know. */
export const scheduledJob = (
  resourceName: string,
  { namespace, name, labels, schedule, job }: ScheduledJobArgs,
  opts: CustomResourceOptions,
): CronJob => {
  const { pod, ...spec } = job;
  return new CronJob(
    resourceName,
    {
      metadata: { name, namespace, labels },
      spec: {
        schedule,
        timeZone: "Etc/UTC",
        concurrencyPolicy: "Forbid",
        startingDeadlineSeconds: startingDeadline.seconds,
        successfulJobsHistoryLimit: 7,
        failedJobsHistoryLimit: 3,
        jobTemplate: { metadata: { labels }, spec: { ...spec, template: { metadata: { labels }, spec: pod } } },
      },
    },
    opts,
  );
};
