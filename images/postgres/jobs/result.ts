import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoreV1Api, CoreV1Event } from "@kubernetes/client-node";
import {
  evidenceName,
  type Fault,
  type JobName,
  type JobResult,
  jobs,
  type JobSettings,
  keepResult,
  type KeptResult,
  type Measure,
} from "../../../domain/jobs";
import { vaultFolders } from "../../../domain/vault";
import { messageOf, say } from "../log";
import { apiMessage, inCluster, readKey, writeKey } from "./kubernetes";
import { vaults } from "./places/open";

/** What a job finds out while it runs. */
export class Findings {
  readonly faults: Fault[] = [];
  readonly measures: Partial<Record<Measure, number>> = {};
  readonly facts: Record<string, unknown> = {};

  /** Notes something that a person must look at. The job goes on; it ends with status 1. */
  fault(what: string, where: string, remedy: string): void {
    this.faults.push({ what, where, remedy });
    say(`ALARM ${where}: ${what}. ${remedy}`);
  }
}

/** Ends a job at once, with what it found until then and this fault. */
export class Stop extends Error {
  constructor(
    what: string,
    readonly where: string,
    readonly remedy: string,
  ) {
    super(what);
    this.name = "Stop";
  }
}

/** A ConfigMap holds a mebibyte, and an Event's message a kilobyte; whoever reads them needs the first faults. */
const keptFaults = 20;
const eventLetters = 1000;

/** Writes a result into each vault, for good. */
const keepEvidence = async (settings: JobSettings, result: JobResult, findings: Findings): Promise<void> => {
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  const folder = await mkdtemp(join(tmpdir(), "result-"));
  try {
    const file = join(folder, "result.json");
    await writeFile(file, text);
    const sha256 = createHash("sha256").update(text).digest("hex");
    const path = vaultFolders(settings.repositoryPath).evidence + evidenceName(result);
    await Promise.all(
      vaults(settings).map(async (place) => {
        try {
          await place.write(path, file, sha256);
        } catch (error) {
          findings.fault(
            `the result is not kept there: ${messageOf(error)}`,
            place.name,
            "It stands in the job's log and in the other vault. See whether the store answers and takes the job's identity",
          );
        }
      }),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Keeps a result where the metrics are made from, and announces its faults beside the job. */
const tellCluster = async (settings: JobSettings, result: JobResult): Promise<void> => {
  const core = inCluster().makeApiClient(CoreV1Api);
  const { namespace } = settings;
  const kept = { ...result, faults: result.faults.slice(0, keptFaults) };
  const before = await readKey(core, namespace, jobs.results, result.job);
  const next = keepResult(before === undefined ? undefined : (JSON.parse(before) as KeptResult), kept);
  await writeKey(core, namespace, jobs.results, result.job, JSON.stringify(next));
  if (result.good) return;
  const { MARIMO_JOB_NAME: name = "", MARIMO_JOB_UID: uid = "" } = process.env;
  const [first] = result.faults;
  const more = result.faults.length > 1 ? ` (and ${result.faults.length - 1} more)` : "";
  const message = `${first?.where}: ${first?.what}. ${first?.remedy}${more}`.slice(0, eventLetters);
  const now = new Date();
  await core.createNamespacedEvent({
    namespace,
    body: Object.assign(new CoreV1Event(), {
      metadata: { generateName: `${name}-`, namespace },
      involvedObject: { apiVersion: "batch/v1", kind: "Job", name, namespace, uid },
      type: "Warning",
      reason: "BackupFault",
      message,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      source: { component: `marimo-${result.job}` },
    }),
  });
};

class ToldToEnd extends Stop {
  constructor() {
    super(
      "the job was told to end before it was done",
      "kubernetes",
      "Where its deadline ended it, see in its log what took so long. The next run removes what this one left",
    );
    this.name = "ToldToEnd";
  }
}

/** Kubernetes ends a job at its deadline, and a pod whose node is drained; half a minute later it kills. */
const toldToEnd = (): Promise<never> =>
  new Promise((_, reject) => {
    process.once("SIGTERM", () => {
      reject(new ToldToEnd());
    });
  });

/** What a shell gives for SIGTERM. The job's policy takes any status but 1 for one to try again. */
const TERMINATED = 143;

/**
 * Runs a job to its end, and tells its result in the log (one line of JSON), in each vault, in ConfigMap `backup-results`, and where
 * there are faults as an Event of the Job.
 * @returns the exit status: 0 where there is no fault, 1 where there is one, 143 where the job was told to end
 */
export const runJob = async (
  job: JobName,
  settings: JobSettings,
  work: (findings: Findings) => Promise<void>,
): Promise<number> => {
  const findings = new Findings();
  const started = new Date();
  let isTold = false;
  try {
    await Promise.race([work(findings), toldToEnd()]);
  } catch (error) {
    isTold = error instanceof ToldToEnd;
    if (error instanceof Stop) findings.fault(error.message, error.where, error.remedy);
    else findings.fault(messageOf(error), job, "The job ended here. See the lines above in its log");
  }
  const ended = new Date();
  findings.measures.seconds ??= (ended.getTime() - started.getTime()) / 1000;
  const result = (): JobResult => ({
    job,
    region: settings.region,
    startedAt: started.toISOString(),
    endedAt: ended.toISOString(),
    good: findings.faults.length === 0,
    faults: findings.faults,
    measures: findings.measures,
    facts: findings.facts,
  });
  await keepEvidence(settings, result(), findings);
  try {
    await tellCluster(settings, result());
  } catch (error) {
    findings.fault(
      `the result is not in ConfigMap ${jobs.results}: ${apiMessage(error)}`,
      "kubernetes",
      "Metrics show the run before. See whether `pulumi up` has made the ConfigMap and the job's role",
    );
  }
  console.log(JSON.stringify(result()));
  if (isTold) return TERMINATED;
  return findings.faults.length === 0 ? 0 : 1;
};
