import { dnsName } from "../../dns";
import { dnsAddress } from "../../environment";
import { regionAddresses } from "../../kind";
import { repeat, summary, total } from "../../stage/statistics";
import { until } from "../../stage/until";
import { dnsQuestion } from "../../workload/dns";
import { acceptedTwice, firstBy, gapOfChange } from "../acknowledgements";
import { type AnswerChange, flipSeconds, watchAnswers } from "../answers";
import { operator } from "../operator";
import { FOLLOWING_SECONDS, isFollowed, otherRegion, writer } from "../regions";
import { type Bench, type UnderLoad, underLoad } from "./load";
import type { FailoverBenchReport } from "./report";

const COMMITS_PER_SECOND = 200;
/** The lab's DNS server looks every 2 s. */
const FLIP_SECONDS = 60;

type Switchovers = NonNullable<FailoverBenchReport["switchover"]>;

/** Planned changes of the writer, to whichever region follows: without writes, and until the name leads to the new one. */
export async function switchovers(bench: Bench, runs: number): Promise<Switchovers> {
  const results = await repeat(runs, () => switchover(bench));
  return {
    gapSeconds: summary(results.map(({ gapSeconds }) => gapSeconds)),
    dnsFlipSeconds: summary(results.map(({ dnsFlipSeconds }) => dnsFlipSeconds)),
    lostWrites: total(results.map(({ lostWrites }) => lostWrites)),
    acceptedTwice: total(results.map(({ acceptedTwice }) => acceptedTwice)),
  };
}

async function switchover(bench: Bench) {
  const to = otherRegion(await writer());
  const { address } = regionAddresses[to];
  const ask = dnsQuestion(dnsAddress, dnsName);
  const answers = watchAnswers(ask);
  let load: UnderLoad<void>;
  let changes: readonly AnswerChange[];
  try {
    load = await underLoad(bench, { commitsPerSecond: COMMITS_PER_SECOND, to }, () => operator.switchover(to));
    await until(`DNS leads to ${to}`, async () => (await ask()).address === address, FLIP_SECONDS, bench.signal);
  } finally {
    changes = await answers.stop();
  }
  await until("the other region streams", () => isFollowed(bench.database), FOLLOWING_SECONDS, bench.signal);
  const { acknowledgements, count } = load;
  return {
    gapSeconds: gapOfChange(acknowledgements, to),
    dnsFlipSeconds: flipSeconds(changes, address, firstBy(to, acknowledgements)),
    lostWrites: count.lostWrites,
    acceptedTwice: acceptedTwice(acknowledgements, to),
  };
}
