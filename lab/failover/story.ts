import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { dnsName } from "../dns";
import { dnsAddress } from "../environment";
import { cutRegion } from "../faults";
import type { RegionName } from "../kind";
import { paths } from "../paths";
import { cancellable, logFile } from "../process";
import { createRegion, destroyRegion } from "../regions";
import { openCluster } from "../stage/cluster";
import { conditions } from "../stage/conditions";
import { type Phase, runPhases } from "../stage/phase";
import { until } from "../stage/until";
import type { Credentials } from "../workload/access";
import type { Count } from "../workload/count";
import { dnsQuestion, remembering } from "../workload/dns";
import { clock, readLedger } from "../workload/ledger";
import { Clients, COMMITS_PER_SECOND, type Ledgers, type Sources } from "./clients";
import { leaseHasRunOut } from "./lease";
import { operator } from "./operator";
import { bringUp, connectionTo, type Direct, direct, FOLLOWING_SECONDS, isFollowed, lag } from "./regions";
import type { FailoverReport, Step, StepKey } from "./report";
import { countByRegion, measureStep, sum } from "./step";
import { stepTitles } from "./titles";

const NAMESPACE = "marimo-erp";
/** Before a step, so that there is something to lose, and after it, so that one who must not write any more would be seen. */
const WRITING_SECONDS = 5;

/** What happens in a step, and to which region it moves the writes. */
interface Plot {
  readonly from: RegionName;
  readonly to: RegionName;
  readonly planned: boolean;
  /** Whether the other region streams before, so that there is a lag. */
  readonly followedBefore: boolean;
  readonly act: () => Promise<void>;
}

/**
 * Tells the story of two regions that change places, as planned and by force, and measures it. Begins with a lab of two regions
 * that hold no database, and leaves the writer in the primary one.
 *
 * @throws PhaseError at the first step that fails; the signal's reason when it is aborted
 */
export async function tellStory(signal: AbortSignal): Promise<FailoverReport> {
  // Ends what a failed phase leaves running.
  const end = new AbortController();
  const story = new Story(AbortSignal.any([signal, end.signal]));
  try {
    const seconds = await cancellable(signal, () => runPhases(story.phases(), signal));
    return await story.report(seconds);
  } finally {
    end.abort(new Error("the demo is over"));
  }
}

class Story {
  private readonly run = new Date().toISOString().replaceAll(/[:.]/g, "-");
  private readonly ask = dnsQuestion(dnsAddress, dnsName);
  private readonly steps: Partial<Record<StepKey, Step>> = {};
  private readonly ledgers: string[] = [];
  private credentials: Credentials | undefined;

  constructor(private readonly signal: AbortSignal) {}

  phases(): Phase[] {
    const setUp: Phase = {
      key: "setUp",
      title: "pulumi up: one region takes writes, the other one follows",
      expectedSeconds: 180,
      lookAt: this.lookAt("primary"),
      run: async () => {
        this.credentials = await bringUp();
      },
    };
    return [
      setUp,
      this.step("switchover", 90, {
        from: "primary",
        to: "secondary",
        planned: true,
        followedBefore: true,
        act: () => operator.switchover("secondary"),
      }),
      this.step("switchBack", 90, {
        from: "secondary",
        to: "primary",
        planned: true,
        followedBefore: true,
        act: () => operator.switchover("primary"),
      }),
      this.step("outage", 150, {
        from: "primary",
        to: "secondary",
        planned: false,
        followedBefore: true,
        act: async () => {
          await cutRegion("primary");
          await leaseHasRunOut("secondary", this.signal);
          await operator.promote("secondary");
        },
      }),
      this.step("destruction", 30, {
        from: "secondary",
        to: "secondary",
        planned: false,
        followedBefore: false,
        act: () => destroyRegion("primary"),
      }),
      this.step("rebuild", 180, {
        from: "secondary",
        to: "secondary",
        planned: false,
        followedBefore: false,
        act: async () => {
          await createRegion("primary");
          await operator.comeBack("primary");
        },
      }),
      this.step("failback", 90, {
        from: "secondary",
        to: "primary",
        planned: true,
        followedBefore: true,
        act: () => operator.switchover("primary"),
      }),
    ];
  }

  private step(key: StepKey, expectedSeconds: number, plot: Plot): Phase {
    return {
      key,
      title: stepTitles[key],
      expectedSeconds,
      lookAt: this.lookAt(plot.to),
      run: async () => {
        this.steps[key] = await this.play(key, plot);
        // The next step needs a region that can take over.
        if (plot.planned) await this.untilFollowed();
      },
    };
  }

  private async play(key: StepKey, { followedBefore, act, ...plot }: Plot): Promise<Step> {
    const database = this.database();
    const [told, seen] = await Clients.during(this.sources(), this.ledgersOf(key), async (clients) => {
      await clients.servedBy(plot.from, this.signal);
      await this.writeOn();
      const lagBefore = followedBefore ? await lag(database) : undefined;
      const start = clock();
      await act();
      const operatorSeconds = (clock() - start) / 1000;
      await clients.servedBy(plot.to, this.signal);
      await this.writeOn();
      return { operatorSeconds, ...(lagBefore && { lagBefore }) };
    });
    return measureStep({ ...plot, ...told }, seen, database);
  }

  private writeOn(): Promise<void> {
    return delay(WRITING_SECONDS * 1000, undefined, { signal: this.signal });
  }

  private untilFollowed(): Promise<void> {
    return until("the other region streams", () => isFollowed(this.database()), FOLLOWING_SECONDS, this.signal);
  }

  private database(): Direct {
    return direct(this.knownCredentials());
  }

  private knownCredentials(): Credentials {
    if (this.credentials === undefined) throw new Error("the regions are not up yet; there are no credentials");
    return this.credentials;
  }

  /** A resolver of its own for each step: what an earlier one remembered would be another client's. */
  private sources(): Sources {
    const credentials = this.knownCredentials();
    const address = remembering(this.ask);
    const named = async () => connectionTo(await address(), credentials);
    return { named, direct: this.database(), ask: this.ask };
  }

  private ledgersOf(key: StepKey): Ledgers {
    const file = (writer: string) => join(paths.reports, "ledgers", `${this.run}-${key}-${writer}.jsonl`);
    const ledgers = { named: file("named"), direct: file("direct") };
    this.ledgers.push(ledgers.named, ledgers.direct);
    return ledgers;
  }

  private lookAt(region: RegionName): string {
    return (
      `${logFile("dr")} and ${logFile("pulumi-up")}, and: kubectl --context=${region} -n ${NAMESPACE} logs -l app=postgres -c fence; ` +
      `the writers' records are ${join(paths.reports, "ledgers", this.run)}-*`
    );
  }

  /** @param seconds taken by each phase of the story */
  async report(seconds: Record<string, number>): Promise<FailoverReport> {
    const database = this.database();
    const counts: Count[] = [];
    // One after the other: to read a ledger takes a second, in which nobody hears what a region answers to the one before.
    for (const ledger of this.ledgers) counts.push(...(await countByRegion(readLedger(ledger), database)));
    const { acknowledgedWrites, foundWrites, lostWrites } = sum(counts);
    const cluster = openCluster(paths.kubeconfig, "primary", NAMESPACE);
    return {
      // Whether all are there is for the report's schema to say.
      steps: this.steps as FailoverReport["steps"],
      total: { acknowledgedWrites, foundWrites, lostWrites },
      dnsTtlSeconds: (await this.ask()).ttl,
      story: seconds,
      conditions: { ...(await conditions(cluster, database)), commitsPerSecond: 2 * COMMITS_PER_SECOND },
    };
  }
}
