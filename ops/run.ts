import { join } from "node:path";
import type { LostThing } from "../domain/fence";
import { planFailback, planPromotion, planSwitchover, type Sight, type Verdict } from "../domain/promotion";
import { openEngine } from "./engine";
import { comeBack } from "./failback";
import { hasCode, reasonOf } from "./kubernetes";
import { type Lock, Locked, takeLock } from "./lock";
import { foresee, follow, type Procedure, RolledBack, Stopped } from "./procedure";
import { promote } from "./promote";
import { now, operator, type Outcome, Recorder } from "./record";
import { openRegion, otherStack, type StackName } from "./region";
import { sightsTable } from "./show";
import { defaultLimits, type Place } from "./steps";
import { switchover } from "./switchover";

export interface RunOptions {
  /** Folder with Pulumi.yaml and the stacks' files. */
  readonly project: string;
  /** File of the record. @default a new one in the project's folder .dr/records */
  readonly record?: string;
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
}

/** Exit status of a command by how it ended. */
export const exitCodes = {
  running: 1,
  done: 0,
  "dry run": 0,
  failed: 1,
  refused: 2,
  "rolled back": 3,
  stopped: 130,
} as const satisfies Record<Outcome, number>;

/** What is decided of what is seen: to do something, nothing, or not to. */
interface Decided {
  readonly verdict: Verdict;
  readonly say?: readonly string[];
  readonly procedure: () => Procedure;
}

interface Run {
  readonly target: Place;
  readonly other: Place;
  readonly signal: AbortSignal;
}

const placeIn = (project: string, stack: StackName): Place => ({
  region: openRegion(project, stack),
  engine: openEngine(project, stack),
});

/**
 * Why a region's Kubernetes is silent, by region. All are asked at once, and once: a region that is lost says nothing, and every
 * question to it costs its whole time.
 */
const silences = async (places: readonly Place[]): Promise<ReadonlyMap<StackName, string>> => {
  const asked = places.map(async ({ region }): Promise<[StackName, string][]> => {
    try {
      await region.cluster().version.getCode();
      return [];
    } catch (error) {
      return isUnreachable(error) ? [[region.stack, reasonOf(error)]] : [];
    }
  });
  return new Map((await Promise.all(asked)).flat());
};

const seeUnless =
  (silent: ReadonlyMap<StackName, string>) =>
  async ({ region }: Place): Promise<Sight> => {
    const silence = silent.get(region.stack);
    if (silence === undefined) return region.see();
    return { stack: region.stack, told: region.told(), fence: undefined, silence };
  };

/** Locks each region that answers, so that no two people are at work, whichever regions they reach. */
const lockAll = async (
  { target, other }: Run,
  silent: ReadonlyMap<StackName, string>,
  abort: (error: Error) => void,
): Promise<Lock[]> => {
  const locks: Lock[] = [];
  const leaveOut = (stack: StackName, why: string) => {
    console.error(`${stack} can't be locked (${why}): what is done there by others isn't seen.`);
  };
  try {
    for (const { region } of [target, other]) {
      const silence = silent.get(region.stack);
      if (silence !== undefined) {
        leaveOut(region.stack, silence);
        continue;
      }
      try {
        locks.push(await takeLock(region.cluster(), operator(), abort));
      } catch (error) {
        if (error instanceof Locked) throw error;
        // A region that is lost, whatever is left of it answers, or whose namespace isn't there yet, can't be locked; nobody else
        // can change it either.
        const isTarget = region === target.region;
        if (isTarget && !isUnreachable(error) && !hasCode(error, 404)) throw error;
        leaveOut(region.stack, reasonOf(error));
      }
    }
  } catch (error) {
    await releaseAll(locks);
    throw error;
  }
  if (locks.length === 0) throw new Error("neither region answers, so there is nothing that could be changed");
  return locks;
};

const isUnreachable = (error: unknown): boolean =>
  !("code" in (error as object)) || typeof (error as { code: unknown }).code !== "number";

const releaseAll = (locks: readonly Lock[]) => Promise.allSettled(locks.map(({ release }) => release()));

/** From the lock to the record's end. */
const perform = async (
  command: string,
  stack: StackName,
  options: RunOptions,
  interrupted: AbortSignal,
  decide: (run: Run, sights: [Sight, Sight]) => Promise<Decided> | Decided,
): Promise<Outcome> => {
  const file =
    options.record ?? join(options.project, ".dr", "records", `${now().replaceAll(/[:.]/g, "-")}-${command}.json`);
  const recorder = new Recorder(file, command, { region: stack, ...options });
  const lost = new AbortController();
  const signal = AbortSignal.any([interrupted, lost.signal]);
  const run: Run = {
    target: placeIn(options.project, stack),
    other: placeIn(options.project, otherStack(stack)),
    signal,
  };
  const end = (outcome: Outcome, message?: string): Outcome => {
    recorder.end(outcome, message);
    if (message !== undefined) console.error(message);
    console.log(`Record: ${file}`);
    return outcome;
  };
  let locks: Lock[] = [];
  try {
    const silent = await silences([run.target, run.other]);
    if (options.dryRun !== true) {
      locks = await lockAll(run, silent, (error) => {
        lost.abort(error);
      });
    }
    const see = seeUnless(silent);
    const sights: [Sight, Sight] = await Promise.all([see(run.target), see(run.other)]);
    recorder.change({ seen: sights });
    console.log(sightsTable(sights));
    const { verdict, say = [], procedure } = await decide(run, sights);
    recorder.change({ verdict });
    for (const line of say) console.log(line);
    if (verdict.kind === "refused")
      return end("refused", `Refused, and nothing was changed:\n${listed(verdict.reasons)}`);
    if (verdict.kind === "done") {
      console.log(`Nothing to do: ${verdict.why}.`);
      return end(options.dryRun === true ? "dry run" : "done");
    }
    if (options.dryRun === true) {
      console.log((await foresee(procedure())).join("\n"));
      return end("dry run");
    }
    await follow(procedure(), { recorder, signal });
    return end("done");
  } catch (error) {
    if (error instanceof Locked) return end("refused", error.message);
    if (error instanceof RolledBack)
      return end("rolled back", `Taken back, all is as it was. What failed:\n${error.message}`);
    if (error instanceof Stopped)
      return end("stopped", `Stopped: ${error.message}. The same command goes on from here.`);
    return end("failed", reasonOf(error));
  } finally {
    await releaseAll(locks);
  }
};

const listed = (lines: readonly string[]): string => lines.map((line) => `  - ${line}`).join("\n");

export const runSwitchover = (stack: StackName, options: RunOptions, signal: AbortSignal): Promise<Outcome> =>
  perform("switchover", stack, options, signal, (run, [target, other]) => ({
    verdict: planSwitchover(target, other),
    procedure: () => switchover(run.target, run.other, defaultLimits, run.signal),
  }));

export interface PromoteRunOptions extends RunOptions {
  readonly confirmLost?: readonly LostThing[];
  /** Leave `pulumi up` to a person. */
  readonly withoutPulumi: boolean;
}

export const runPromote = async (
  stack: StackName,
  options: PromoteRunOptions,
  signal: AbortSignal,
): Promise<Outcome> => {
  const notices: string[] = [];
  const outcome = await perform("promote", stack, options, signal, (run, [target, other]) => {
    const verdict = planPromotion(target, other, options.confirmLost);
    if (verdict.kind !== "go") return { verdict, procedure: () => ({ steps: [] }) };
    const { confirmLost, loss } = verdict;
    const leave = (notice: string) => notices.push(notice);
    return {
      verdict,
      say: [loss.length === 0 ? "Nothing is lost." : `May be lost:\n${listed(loss)}`],
      procedure: () =>
        promote(
          run.target,
          run.other,
          { confirmLost, withPulumi: !options.withoutPulumi, leave },
          defaultLimits,
          run.signal,
        ),
    };
  });
  for (const notice of notices) console.error(notice);
  return outcome;
};

export interface FailbackRunOptions extends RunOptions {
  /** Change over to the region when it has come back. */
  readonly switchover: boolean;
}

export const runFailback = async (
  stack: StackName,
  options: FailbackRunOptions,
  signal: AbortSignal,
): Promise<Outcome> => {
  const outcome = await perform("failback", stack, options, signal, (run, [lost, writer]) => ({
    verdict: planFailback(lost, writer),
    procedure: () => comeBack(run.target, run.other, defaultLimits, run.signal),
  }));
  if (!options.switchover || (outcome !== "done" && outcome !== "dry run")) return outcome;
  const { record, ...rest } = options;
  return runSwitchover(stack, { ...rest, ...(record !== undefined && { record: `${record}.switchover` }) }, signal);
};
