import type { Synchronous } from "../../../domain/fence";
import { regionNames } from "../../kind";
import { createRegion, destroyRegion } from "../../regions";
import * as pulumi from "../../stage/pulumi";
import { repeat, summary, total } from "../../stage/statistics";
import { clock } from "../../workload/ledger";
import { acceptedTwice, firstBy } from "../acknowledgements";
import { leaseHasRunOut } from "../lease";
import { operator } from "../operator";
import { otherRegion, writer } from "../regions";
import { type Bench, underLoad } from "./load";
import type { FailoverBenchReport } from "./report";

const COMMITS_PER_SECOND = 500;
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
      await leaseHasRunOut(to, bench.signal);
      const start = clock();
      // Without another region commits would wait for it.
      if (synchronous !== "off") await pulumi.configure(to, KEY, "off");
      await operator.promote(to);
      return start;
    },
  );
  await createRegion(lost);
  await pulumi.configure(lost, KEY, "off");
  await operator.comeBack(lost);
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
