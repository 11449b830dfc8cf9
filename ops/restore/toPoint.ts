import { repositoriesOf } from "../../config/repositories";
import { parseTableName } from "../../domain/extract";
import { scenarioObjectives } from "../../domain/objectives";
import { type Choice, type Order, parseTarget, planRestore, type Target } from "../../domain/pointInTime";
import type { RepositoryName } from "../../domain/repository";
import { identityAnnotations } from "../../domain/repository";
import { scratch, type ScratchArgs } from "../../domain/scratch";
import type { Cluster } from "../kubernetes";
import { takeLock } from "../lock";
import { follow, type Step } from "../procedure";
import { operator, type Outcome, type Recorder } from "../record";
import { type Ending, recorded, type RecordOptions, refused } from "../recorded";
import { openRegion, type Region, type StackName } from "../region";
import { until } from "../until";
import { answered, closeSegment, type Restorables, restorablesOf } from "./archives";
import { bringIntoPrimary, roomFault } from "./intoPrimary";
import { listing, noKeeper } from "./list";
import { membersOf } from "./members";
import { createScratch, occupant, removeScratch, type ScratchResult, untilServing } from "./scratch";
import { extractTables } from "./tables";

export interface ToPointOptions extends RecordOptions {
  readonly region: StackName;
  /** As the operator writes it: see `parseTarget`. */
  readonly to: string;
  readonly backup?: string;
  readonly timeline?: number;
  /** Size of the scratch database's volume. @default that of a member's */
  readonly storage?: string;
  /** Tables that are extracted. @default the scratch database stays, to work in */
  readonly table?: readonly string[];
  /**
   * `primary`: extracted tables also go into a schema of their own in the database that runs; without tables, the restored database takes
   * its place.
   */
  readonly into: "scratch" | "primary";
  readonly dryRun: boolean;
}

/** The longest that a segment takes to the repositories, where they answer. */
const archivingSeconds = 60;

/** A target that is this old is archived for certain, unless the archive is late. */
const surelyArchivedSeconds = 600;

interface Found {
  readonly restorables: Restorables;
  readonly choice: Choice;
}

const serverTime = async ({ exec }: Cluster, pod: string): Promise<number> =>
  Number(await exec(pod, "pgbackrest", ["date", "+%s.%N"]));

const lookFor = async (
  cluster: Cluster,
  keeper: string,
  region: Region,
  target: Target,
  { backup, timeline }: ToPointOptions,
): Promise<Found> => {
  const { restoreFrom, repositories } = region.values();
  const [restorables, now] = await Promise.all([
    restorablesOf(cluster, keeper, repositories),
    serverTime(cluster, keeper),
  ]);
  const restorable = answered(restorables, restoreFrom);
  return { restorables, choice: planRestore({ target, restorable, now, backup, timeline }) };
};

const isRecent = (target: Target, now: number): boolean =>
  target.kind !== "time" || target.at > now - surelyArchivedSeconds;

/** Has the running database archive what it has, and looks again. */
const archiveAll = async (
  cluster: Cluster,
  { keeper, leader }: { readonly keeper: string; readonly leader: string },
  look: () => Promise<Found>,
  signal: AbortSignal,
): Promise<Found> => {
  const segment = await closeSegment(cluster, leader);
  console.log(`${leader} archives what it has, up to ${segment}.`);
  return until({
    what: `${segment} is in a repository that ${keeper} reads`,
    seconds: archivingSeconds,
    say: () => undefined,
    signal,
    look: async () => {
      const found = await look();
      const reaches = (name: RepositoryName): boolean => {
        const one = found.restorables.get(name);
        return one !== undefined && !("error" in one) && (one.newest?.segment ?? "") >= segment;
      };
      const { choice } = found;
      if (choice.kind === "later") return { not: choice.why };
      if (choice.kind === "go" && !reaches(choice.order.repository)) {
        return { not: `${choice.order.repository} doesn't have ${segment} yet` };
      }
      return { found };
    },
  });
};

const inWords = ({ repository, backup, timeline, target }: Order): string =>
  `backup ${backup.label} of ${repository}, along timeline ${timeline}, to ` +
  (target.kind === "end" ? "the end of the archive" : `${target.kind} ${target.text}`);

const outcomeInWords = ({ reached, replayedTo, lastCommit }: ScratchResult, target: Target): string =>
  `Restored, and replayed to ${replayedTo}; the last commit is of ${lastCommit ?? "before the backup"}.` +
  (reached
    ? ""
    : `\nThe archive has no commit after ${target.text}: this is its end. What was committed between these two moments, ` +
      "if anything, never reached the repository.");

const kubectlOf = (region: Region): string => {
  const { kubeContext } = region.values();
  return kubeContext === undefined ? "kubectl" : `kubectl --context=${kubeContext}`;
};

const restoreSteps = (
  region: Region,
  args: ScratchArgs,
  signal: AbortSignal,
  done: (result: ScratchResult) => void,
): Step[] => {
  const from = region.cluster();
  const into = region.cluster(scratch.namespace);
  return [
    {
      title: `${scratch.namespace}: a database to restore into`,
      run: () => createScratch(from, into, args),
    },
    {
      title: `${scratch.namespace}: ${args.restore ? inWords(args.restore.order) : "empty"}`,
      run: async (say) => {
        const seconds = scenarioObjectives.clusterFailure.rto.seconds;
        const result = await untilServing(into, true, seconds, say, signal);
        if (result !== undefined) done(result);
        return result;
      },
    },
  ];
};

const restore = async (
  options: ToPointOptions,
  target: Target,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<Ending> => {
  const region = openRegion(options.project, options.region);
  const values = region.values();
  const cluster = region.cluster();
  const { keeper, leader } = await membersOf(cluster);
  if (keeper === undefined) return refused([noKeeper(options.region)]);
  const into = region.cluster(scratch.namespace);

  const look = () => lookFor(cluster, keeper, region, target, options);
  let found = await look();
  console.log(listing(found.restorables));
  const inTheWay = await occupant(into);
  const reasons = [
    ...(found.choice.kind === "refused" ? [found.choice.why] : []),
    ...(inTheWay === undefined ? [] : [inTheWay]),
    ...(options.into === "primary" && leader === undefined ? [`in ${options.region} no member takes writes`] : []),
  ];
  if (reasons.length > 0) return refused(reasons);
  if (options.dryRun) {
    const { choice } = found;
    console.log(choice.kind === "go" ? `Would restore ${inWords(choice.order)}.` : `Would have more archived first.`);
    return { outcome: "dry run" };
  }
  const now = await serverTime(cluster, keeper);
  if (leader !== undefined && (found.choice.kind === "later" || isRecent(target, now))) {
    found = await archiveAll(cluster, { keeper, leader }, look, signal);
  }
  const { choice } = found;
  if (choice.kind === "refused") return refused([choice.why]);
  if (choice.kind === "later") {
    return refused([`${choice.why}, and no member takes writes that could archive more`]);
  }
  recorder.change({ verdict: choice });

  const args: ScratchArgs = {
    image: values.postgresImage,
    storage: options.storage ?? values.postgresStorage.toString(),
    storageClass: values.postgresStorageClass,
    clients: [values.namespace],
    restore: {
      order: choice.order,
      repositories: repositoriesOf(values),
      storeCa: values.storeCa !== undefined,
      identityAnnotations: identityAnnotations(values, "restore"),
    },
  };
  let result: ScratchResult | undefined;
  const tables = options.table ?? [];
  const removal: Step = { title: `${scratch.namespace} is removed`, run: () => removeScratch(into) };
  const told: string[] = [];
  const tell = (text: string) => told.push(text);
  const isForPrimary = options.into === "primary";
  const bringing =
    tables.length > 0
      ? extractTables({ region, leader, options, target, tables, tell })
      : isForPrimary && leader !== undefined
        ? [bringIntoPrimary({ region, leader, what: inWords(choice.order), signal, tell })]
        : [];
  if (isForPrimary && tables.length === 0 && leader !== undefined) {
    const fault = await roomFault(region, leader, choice.order.backup.bytes);
    if (fault !== undefined) return refused([fault]);
  }
  const lost = new AbortController();
  const lock = isForPrimary
    ? await takeLock(cluster, operator(), (error) => {
        lost.abort(error);
      })
    : undefined;
  await follow(
    {
      steps: [
        ...restoreSteps(region, args, signal, (found) => {
          result = found;
        }),
        ...bringing,
        ...(bringing.length === 0 ? [] : [removal]),
      ],
      rollback: [removal],
    },
    { recorder, signal: AbortSignal.any([signal, lost.signal]) },
  ).finally(() => lock?.release());
  if (result !== undefined) console.log(outcomeInWords(result, target));
  for (const text of told) console.log(text);
  if (bringing.length === 0) {
    const kubectl = kubectlOf(region);
    console.log(`To look into it, and when it is done with:
  ${kubectl} exec -it -n ${scratch.namespace} ${scratch.pod} -- psql -U postgres -d marimo_erp
  ${kubectl} delete namespace ${scratch.namespace}`);
  }
  return { outcome: "done" };
};

/** `dr restore --to`: beside the running database, which isn't touched. */
export const runToPoint = (options: ToPointOptions, signal: AbortSignal): Promise<Outcome> =>
  recorded("restore", options, options, async (recorder) => {
    let target: Target;
    try {
      target = parseTarget(options.to);
      for (const table of options.table ?? []) parseTableName(table);
    } catch (error) {
      if (error instanceof RangeError) return refused([error.message]);
      throw error;
    }
    return restore(options, target, recorder, signal);
  });
