import type { LostThing } from "../domain/fence";
import { planFailback, planPromotion, planSwitchover, type Sight, type Verdict } from "../domain/promotion";
import { openEngine } from "./engine";
import { comeBack } from "./failback";
import { hasCode, reasonOf } from "./kubernetes";
import { type Lock, Locked, takeLock } from "./lock";
import { foresee, follow, type Procedure } from "./procedure";
import { promote } from "./promote";
import { operator, type Outcome } from "./record";
import { listed, recorded, type RecordOptions, refused } from "./recorded";
import { openRegion, otherStack, type StackName } from "./region";
import { sightsTable } from "./show";
import { defaultLimits, type Place } from "./steps";
import { switchover } from "./switchover";

export interface RunOptions extends RecordOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
}

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
export const lockAll = async (
  { target, other }: Pick<Run, "target" | "other">,
  silent: ReadonlyMap<StackName, string>,
  abort: (error: Error) => void,
): Promise<Lock[]> => {
  const locks: Lock[] = [];
  try {
    for (const { region } of [target, other]) {
      const silence = silent.get(region.stack);
      if (silence !== undefined) {
        console.error(`${region.stack} can't be locked (${silence}): what is done there by others isn't seen.`);
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
        console.error(`${region.stack} can't be locked (${reasonOf(error)}): what is done there by others isn't seen.`);
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
  return recorded(command, { region: stack, ...options }, options, async (recorder) => {
    const lost = new AbortController();
    const signal = AbortSignal.any([interrupted, lost.signal]);
    const run: Run = {
      target: placeIn(options.project, stack),
      other: placeIn(options.project, otherStack(stack)),
      signal,
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
      if (verdict.kind === "refused") return refused(verdict.reasons);
      if (verdict.kind === "done") {
        console.log(`Nothing to do: ${verdict.why}.`);
        return { outcome: options.dryRun === true ? "dry run" : "done" };
      }
      const steps = procedure();
      if (options.dryRun === true) {
        console.log((await foresee(steps)).join("\n"));
        return { outcome: "dry run" };
      }
      await follow(steps, { recorder, signal });
      for (const note of steps.notes ?? []) console.log(note);
      return { outcome: "done" };
    } finally {
      await releaseAll(locks);
    }
  });
};

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

export const runPromote = (stack: StackName, options: PromoteRunOptions, signal: AbortSignal): Promise<Outcome> =>
  perform("promote", stack, options, signal, (run, [target, other]) => {
    const verdict = planPromotion(target, other, options.confirmLost);
    if (verdict.kind !== "go") return { verdict, procedure: () => ({ steps: [] }) };
    const { confirmLost, loss, isLeft } = verdict;
    const say = isLeft
      ? `${stack} takes the writes already. The rest of a run that was stopped is done.`
      : loss.length === 0
        ? "Nothing is lost."
        : `May be lost:\n${listed(loss)}`;
    const withPulumi = !options.withoutPulumi;
    return {
      verdict,
      say: [say],
      procedure: () => promote(run.target, run.other, { confirmLost, withPulumi }, defaultLimits, run.signal),
    };
  });

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
