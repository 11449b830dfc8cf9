import type { FenceStatus, Synchronous } from "../../../domain/fence";
import { leaseTimes } from "../../../domain/lease";
import { type RegionName, regionNames } from "../../kind";
import { run } from "../../process";
import { createRegion, destroyRegion } from "../../regions";
import * as pulumi from "../../stage/pulumi";
import { repeat, summary, total } from "../../stage/statistics";
import { until } from "../../stage/until";
import { clock } from "../../workload/ledger";
import { acceptedTwice, firstBy } from "../acknowledgements";
import { byRole as operator } from "../operator";
import { FOLLOWING_SECONDS, isFollowed, otherRegion, writer } from "../regions";
import { type Bench, underLoad } from "./load";
import type { FailoverBenchReport } from "./report";

const COMMITS_PER_SECOND = 500;
const NAMESPACE = "marimo-erp";
const KEY = "synchronousReplication";

type RegionLosses = NonNullable<FailoverBenchReport["regionLoss"]>;

/** Whose disk must have a commit: nobody else's, or the other region's. */
type Waiting = Extract<Synchronous, "off" | "cross-region">;

/**
 * The region that takes writes is destroyed under load, the other one is promoted when the lease has run out, as somebody who
 * decides would find it, and the lost one comes back and follows.
 */
export async function regionLosses(bench: Bench, runs: number, synchronous: Waiting): Promise<RegionLosses> {
  const results = await repeat(runs, () => regionLoss(bench, synchronous));
  return {
    lostWrites: summary(results.map(({ lostWrites }) => lostWrites)),
    lostSeconds: summary(results.map(({ lostSeconds }) => lostSeconds)),
    promoteSeconds: summary(results.map(({ promoteSeconds }) => promoteSeconds)),
    acceptedTwice: total(results.map(({ acceptedTwice }) => acceptedTwice)),
  };
}

async function regionLoss(bench: Bench, synchronous: Waiting) {
  const lost = await writer();
  const to = otherRegion(lost);
  await setSynchronous(synchronous);
  const { result, acknowledgements, count } = await underLoad(
    bench,
    { commitsPerSecond: COMMITS_PER_SECOND, to },
    async () => {
      await destroyRegion(lost);
      await until("the lost region's lease has run out", () => leaseIsOver(to), 120, bench.signal);
      const start = clock();
      // Without another region commits would wait for it.
      if (synchronous !== "off") await pulumi.configure(to, KEY, "off");
      await operator.promote(to);
      return start;
    },
  );
  await createRegion(lost);
  await pulumi.configure(lost, KEY, "off");
  await operator.follow(lost);
  await until("the region streams", () => isFollowed(bench.database), FOLLOWING_SECONDS, bench.signal);
  return {
    lostWrites: count.lostWrites,
    lostSeconds: count.rpoSeconds,
    promoteSeconds: (firstBy(to, acknowledgements) - result) / 1000,
    acceptedTwice: acceptedTwice(acknowledgements, to),
  };
}

async function setSynchronous(mode: Synchronous): Promise<void> {
  for (const region of regionNames) {
    await pulumi.configure(region, KEY, mode);
    await pulumi.up(region);
  }
}

/** Whether both vaults let another region take over. */
async function leaseIsOver(asked: RegionName): Promise<boolean> {
  const pod = ["--context", asked, "--namespace", NAMESPACE, "exec", "postgres-0", "--container", "fence"];
  const answer = await run("kubectl", [...pod, "--", "marimo-fence", "status"], { log: "bench-lease" });
  const { vaults = {} } = JSON.parse(answer) as FenceStatus;
  const over = leaseTimes.validity.seconds + leaseTimes.takerMargin.seconds;
  return Object.values(vaults).every((vault) => "ageSeconds" in vault && (vault.ageSeconds ?? 0) > over);
}
