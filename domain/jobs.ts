import type { OffSite } from "./offSite";
import type { Address } from "./patroni";
import type { Repository } from "./repository";

/** Jobs that keep backups, check them, and practise their restore. */
export const jobNames = ["dump", "verify", "drill"] as const;
export type JobName = (typeof jobNames)[number];

/** Places and names that the jobs' pods and the program agree on. */
export const jobs = {
  /** Variable with a `JobSettings` in JSON. */
  settings: "MARIMO_JOB",
  /** Volume claim and folder of the dumps, under names that operators know. */
  claim: "backup-storage",
  folder: "/backups",
  /** Folder of an off-site claim. */
  offSiteFolder: "/offsite",
  /** Key pair of an off-site bucket. */
  offSiteKey: "MARIMO_OFFSITE_KEY",
  offSiteSecretKey: "MARIMO_OFFSITE_KEY_SECRET",
  /** ConfigMap with each job's newest result, under the job's name. */
  results: "backup-results",
  resultsFolder: "/etc/backup-results",
  metricsPort: 9188,
} as const;

/** What every job is told. */
export interface JobSettings {
  readonly region: string;
  readonly namespace: string;
  readonly repositories: readonly Repository[];
  readonly repositoryPath: string;
  readonly offSite: OffSite | undefined;
}

/** What the job that makes dumps is told. */
export interface DumpSettings extends JobSettings {
  readonly database: string;
  readonly members: readonly Address[];
  /** How long dumps stay on the volume, in seconds. */
  readonly localSeconds: number;
  /** How long they stay in the stores and off-site, in seconds. */
  readonly storeSeconds: number;
}

/** What the daily verification is told. */
export interface VerifySettings extends JobSettings {
  /** How long dumps stay in the stores and off-site, in seconds. */
  readonly storeSeconds: number;
}

/** Something that a person must look at. */
export interface Fault {
  /** What is wrong, and what follows. */
  readonly what: string;
  /** The place, file or object. */
  readonly where: string;
  readonly remedy: string;
}

/** Numbers of a result that become metrics, each as `marimo_backup_NAME{job}`; with what they mean. */
export const measures = {
  seconds: "Length of the newest run.",
  bytes: "Size of the dumps that the newest run made or read.",
  damaged_files: "Damaged or missing files that the newest run found in all places.",
  newest_point_timestamp_seconds:
    "Newest moment to which the base backups and WAL that the newest run found good lead.",
  newest_backup_timestamp_seconds: "End of the newest base backup that can be restored.",
  newest_dump_timestamp_seconds: "Beginning of the newest dump that is good in some place.",
} as const satisfies Record<string, string>;
export type Measure = keyof typeof measures;

/** How a job's run ended. */
export interface JobResult {
  readonly job: JobName;
  readonly region: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly good: boolean;
  readonly faults: readonly Fault[];
  readonly measures: Readonly<Partial<Record<Measure, number>>>;
  /** What else is worth keeping, by names of the job's own. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A result as the ConfigMap holds it: with the end of the newest good run, which may be an earlier one. */
export interface KeptResult extends JobResult {
  readonly lastGoodAt?: string;
}

/** What the ConfigMap holds next, from what it holds and a new result. */
export const keepResult = (before: KeptResult | undefined, result: JobResult): KeptResult => {
  const lastGoodAt = result.good ? result.endedAt : before?.lastGoodAt;
  return { ...result, ...(lastGoodAt !== undefined && { lastGoodAt }) };
};

/** `20261124T020000Z`, which sorts by time and is a file's name everywhere. */
export const compactTime = (time: Date): string => time.toISOString().replace(/[-:]|\.\d+/g, "");

/** Where a result lies in each vault, below its folder for evidence. */
export const evidenceName = ({ job, startedAt, region }: JobResult): string =>
  `${job}/${compactTime(new Date(startedAt))}-${region}.json`;
