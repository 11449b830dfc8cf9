import Table from "cli-table3";
import { plain } from "../../stage/tables";
import type { Summary } from "../../stage/statistics";
import type { FailoverBenchReport } from "./report";

/** What is asked of the topology on two cores: medians in seconds, at most. */
export const goals = {
  switchoverGap: 2,
  leaderKillGap: 5,
  promote: 10,
  /** At the DNS server; resolvers add the time to live. */
  dnsFlip: 45,
  lost: 1,
} as const;

/** CloudNativePG 1.30.0 on two such cores; medians in seconds. */
const peers = { switchoverGap: "6.4 s", leaderKillGap: "17.7 s" } as const;

/** Minimum, median and maximum beside goals and peers. */
export function goalsTable(report: FailoverBenchReport): string {
  const table = new Table({
    head: ["what", "minimum", "median", "maximum", "goal", "CloudNativePG", ""],
    style: plain,
  });
  const timed = (what: string, { minimum, median, maximum }: Summary, goal: number, peer = "") => {
    const seconds = [minimum, median, maximum].map((value) => `${value.toFixed(2)} s`);
    table.push([what, ...seconds, `<= ${goal} s`, peer, verdict(median <= goal)]);
  };
  const none = (what: string, count: number) => {
    table.push([what, "", count, "", "0", "", verdict(count === 0)]);
  };

  const { switchover, leaderKill, pressure, regionLoss, regionLossSynchronous, dnsTtlSeconds } = report;
  if (switchover) {
    timed("planned switchover: no writes", switchover.gapSeconds, goals.switchoverGap, peers.switchoverGap);
    none("planned switchover: lost writes, all runs", switchover.lostWrites);
    none("planned switchover: accepted twice, all runs", switchover.acceptedTwice);
    timed(`DNS flip at the server (TTL ${dnsTtlSeconds} s comes on top)`, switchover.dnsFlipSeconds, goals.dnsFlip);
  }
  if (leaderKill) {
    timed("leader's pod killed: no writes", leaderKill.gapSeconds, goals.leaderKillGap, peers.leaderKillGap);
    none("leader's pod killed: lost writes, all runs", leaderKill.lostWrites);
  }
  if (pressure) {
    none(`false failovers in ${pressure.minutes} minutes under CPU pressure`, pressure.failovers);
    none("lost writes under CPU pressure", pressure.lostWrites);
  }
  if (regionLoss) {
    timed("region lost at 500 commits/s: lost", regionLoss.lostSeconds, goals.lost);
    timed("promotion to the first write", regionLoss.promoteSeconds, goals.promote);
    none("region lost: accepted twice, all runs", regionLoss.acceptedTwice);
  }
  if (regionLossSynchronous) {
    const { lostWrites, promoteSeconds, acceptedTwice } = regionLossSynchronous;
    none("the same with synchronousReplication: cross-region: lost writes, at most", lostWrites.maximum);
    timed("the same, promotion to the first write", promoteSeconds, goals.promote);
    none("the same, accepted twice, all runs", acceptedTwice);
  }
  return table.toString();
}

const verdict = (met: boolean): string => (met ? "met" : "missed");
