import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { archiveTimeout } from "../../domain/parameters";
import { paths } from "../paths";
import { cancellable, logFile } from "../process";
import { createRegion, destroyRegion } from "../regions";
import { stopStore } from "../stores";
import { regionDatabase } from "../workload/access";
import { type Count, countAcknowledged } from "../workload/count";
import { clock, readLedger } from "../workload/ledger";
import { countRows, databaseBytes, load } from "../workload/load";
import { rowCounts, tableNames } from "../workload/schema";
import { type Cluster, openCluster, runCronJob } from "../stage/cluster";
import { conditions } from "../stage/conditions";
import { type Phase, runPhases } from "../stage/phase";
import * as pulumi from "../stage/pulumi";
import type { Conditions } from "../stage/reportFile";
import { firstWrite } from "./first-write";
import type { DemoOptions } from "./options";
import { rebuildPhases } from "./phases";
import { type RecoveryTimes, recoveryTimes } from "./recovery-log";
import type { RebuildReport } from "./report";
import { restoreLog } from "./restore-log";
import { startWriterProcess } from "./writer-process";

const REGION = "primary";
const NAMESPACE = "marimo-erp";
/** An ERP's load: far below what the server takes, so that `archive_timeout` and not the writing closes segments. */
const COMMITS_PER_SECOND = 200;
/** Long enough for a segment to be closed by `archive_timeout` and to reach the vaults. */
const WRITING_SECONDS = archiveTimeout.seconds + 15;
const BACKUP_TIMEOUT_SECONDS = 1800;
const FIRST_WRITE_TIMEOUT_MS = 1_800_000;

const kubectl = (command: string) => `kubectl --context=${REGION} -n ${NAMESPACE} ${command}`;

/**
 * Tells the story of a region lost and rebuilt, and measures it. Begins with a lab that is up and holds no database, and
 * leaves the rebuilt region.
 *
 * @throws PhaseError at the first step that fails; the signal's reason when it is aborted
 */
export async function tellStory(options: DemoOptions, signal: AbortSignal): Promise<RebuildReport> {
  // Ends what a failed phase leaves running.
  const end = new AbortController();
  const story = new Story(options, AbortSignal.any([signal, end.signal]));
  try {
    const seconds = await cancellable(signal, () => runPhases(story.phases(), signal));
    return story.report(seconds);
  } finally {
    end.abort(new Error("the demo is over"));
  }
}

class Story {
  private readonly database = regionDatabase({ kubeconfig: paths.kubeconfig, context: REGION, namespace: NAMESPACE });
  private readonly ledgers: { readonly before: string; readonly after: string };
  private readonly moments = { destroyed: 0, clusterStarted: 0, clusterReady: 0, firstWrite: 0, upEnded: 0 };
  private databaseBytes = 0;
  /** Fails when the writer did; `countAgain` says so. */
  private writerStopped: Promise<unknown> | undefined;
  private count: Count | undefined;
  private recovery: RecoveryTimes | undefined;
  /** The conditions; asked while the region is there. */
  private given: Conditions | undefined;

  constructor(
    private readonly options: DemoOptions,
    private readonly signal: AbortSignal,
  ) {
    const run = new Date().toISOString().replaceAll(/[:.]/g, "-");
    this.ledgers = {
      before: join(paths.reports, "ledgers", `${run}-before.jsonl`),
      after: join(paths.reports, "ledgers", `${run}-after.jsonl`),
    };
  }

  phases(): Phase[] {
    const { from, scale } = this.options;
    return [
      {
        key: "firstUp",
        title: "pulumi up: an empty region gets its database",
        expectedSeconds: 60,
        lookAt: `${logFile("pulumi-up")}, and: ${kubectl("get pods,jobs")}`,
        run: () => pulumi.up(REGION),
      },
      {
        key: "load",
        title: `Load ERP-like rows, scale ${scale}`,
        expectedSeconds: 60,
        lookAt: kubectl("logs postgres-0 -c postgres"),
        run: async () => {
          await load(this.database, { scale });
        },
      },
      {
        key: "baseBackup",
        title: "Base backup into both vaults",
        expectedSeconds: 60,
        lookAt: kubectl("logs job/demo-basebackup"),
        run: () => runCronJob(this.cluster(), "postgres-basebackup-full", "demo-basebackup", BACKUP_TIMEOUT_SECONDS),
      },
      {
        key: "disaster",
        title: `Disaster: under ${COMMITS_PER_SECOND} commits a second, region ${REGION} and Pulumi's state are destroyed`,
        expectedSeconds: WRITING_SECONDS + 15,
        lookAt: `${paths.logs}, and the writer's record ${this.ledgers.before}`,
        run: () => this.disaster(),
      },
      ...(from === "gcs"
        ? [
            {
              key: "storeDown",
              title: "And the S3 server is down: all that is left is in GCS",
              expectedSeconds: 5,
              lookAt: paths.logs,
              run: () => stopStore("s3"),
            },
          ]
        : []),
      {
        key: "cluster",
        title: "A new, empty region",
        expectedSeconds: 25,
        lookAt: paths.logs,
        run: () => this.newRegion(),
      },
      {
        key: "secondUp",
        title: `pulumi up on an empty stack: the database comes back from ${from}`,
        expectedSeconds: 60,
        lookAt: `${logFile("pulumi-up")}, and: ${kubectl("logs postgres-0 -c postgres")}`,
        run: () => this.rebuild(),
      },
      {
        key: "count",
        title: "Every acknowledged row is looked up",
        expectedSeconds: 10,
        lookAt: `the writer's record ${this.ledgers.before}`,
        run: () => this.countAgain(),
      },
    ];
  }

  private async disaster(): Promise<void> {
    const writer = await startWriterProcess(REGION, this.ledgers.before, COMMITS_PER_SECOND, this.signal);
    await delay(WRITING_SECONDS * 1000, undefined, { signal: this.signal });
    this.databaseBytes = await databaseBytes(this.database);
    this.moments.destroyed = clock();
    await destroyRegion(REGION);
    await pulumi.loseState();
    // Its sessions wait for answers that no longer come; the rebuild does not wait for them.
    this.writerStopped = writer.stop();
    this.writerStopped.catch(() => undefined);
  }

  private async newRegion(): Promise<void> {
    this.moments.clusterStarted = clock();
    await createRegion(REGION);
    this.moments.clusterReady = clock();
  }

  /** `pulumi up`, while a client tries to write, as one would whose database is gone. */
  private async rebuild(): Promise<void> {
    const giveUp = new AbortController();
    const signal = AbortSignal.any([giveUp.signal, this.signal, AbortSignal.timeout(FIRST_WRITE_TIMEOUT_MS)]);
    const writing = firstWrite(this.database, this.ledgers.after, signal).then((at) => {
      this.moments.firstWrite = at;
    });
    const applying = this.applyAnew().catch((error: unknown) => {
      giveUp.abort(error);
      throw error;
    });
    await Promise.all([applying, writing]);
  }

  private async applyAnew(): Promise<void> {
    await pulumi.initStack(REGION);
    if (this.options.from === "gcs") await pulumi.useOnlyRepository(REGION, "gcs");
    await pulumi.up(REGION);
    this.moments.upEnded = clock();
  }

  private async countAgain(): Promise<void> {
    await this.writerStopped;
    const cluster = this.cluster();
    this.recovery = recoveryTimes(await restoreLog(cluster));
    this.count = await countAcknowledged(this.database, this.ledgers.before, this.lastWrite());
    await this.checkLoadedRows();
    this.given = await conditions(cluster, this.database);
  }

  /** When the region was lost for its clients. */
  private lastWrite(): number {
    const { acknowledged } = readLedger(this.ledgers.before);
    return acknowledged.reduce((newest, { at }) => Math.max(newest, at), this.moments.destroyed);
  }

  private async checkLoadedRows(): Promise<void> {
    const expected = rowCounts(this.options.scale);
    const found = await countRows(this.database);
    const wrong = tableNames.filter((table) => found[table] !== expected[table]);
    if (wrong.length > 0) {
      const details = wrong.map((table) => `${table}: ${found[table]} of ${expected[table]}`).join(", ");
      throw new Error(
        `rows that were in the base backup are not in the rebuilt database (${details}): the restore is damaged`,
      );
    }
  }

  private cluster(): Cluster {
    return openCluster(paths.kubeconfig, REGION, NAMESPACE);
  }

  /** @param seconds taken by each phase of the story */
  report(seconds: Record<string, number>): RebuildReport {
    const { count, recovery, given } = this;
    if (count === undefined || recovery === undefined || given === undefined)
      throw new Error("the story was not told to its end; there is nothing to report");
    const { clusterStarted, clusterReady, firstWrite, upEnded } = this.moments;
    const lastWrite = this.lastWrite();
    const since = (start: number, end: number) => (end - start) / 1000;
    return {
      rtoSeconds: since(lastWrite, firstWrite),
      phases: rebuildPhases({ lastWrite, clusterStarted, clusterReady, firstWrite }, recovery),
      rebuildSeconds: since(clusterStarted, firstWrite),
      applyToWritableSeconds: since(clusterReady, firstWrite),
      pulumiUpSeconds: since(clusterReady, upEnded),
      ...count,
      databaseBytes: this.databaseBytes,
      story: seconds,
      conditions: {
        ...given,
        scale: this.options.scale,
        restoreFrom: this.options.from,
      },
    };
  }
}
