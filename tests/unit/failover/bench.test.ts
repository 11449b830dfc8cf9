import assert from "node:assert/strict";
import { FailoverBenchReport } from "../../../lab/failover/bench/report";
import { goalsTable } from "../../../lab/failover/bench/show";
import { summary } from "../../../lab/stage/statistics";

const loss = {
  lostWrites: summary([0, 3, 12]),
  lostSeconds: summary([0, 0.01, 0.04]),
  promoteSeconds: summary([7, 8, 14]),
  acceptedTwice: 0,
};
const report: FailoverBenchReport = {
  switchover: { gapSeconds: summary([1.4, 1.9, 4]), dnsFlipSeconds: summary([0, 2]), lostWrites: 0, acceptedTwice: 0 },
  leaderKill: { gapSeconds: summary([4, 6, 7]), lostWrites: 0 },
  pressure: { minutes: 10, failovers: 1, longestGapSeconds: 3, lostWrites: 0 },
  regionLoss: loss,
  regionLossSynchronous: { ...loss, lostWrites: summary([0, 0, 1]) },
  dnsTtlSeconds: 60,
  conditions: { date: "2026-11-23T10:00:00.000Z", cores: 2, memoryBytes: 1, versions: {}, standIns: [] },
};

describe("benchmark of failovers", () => {
  it("fits its schema, whole or with measures left out", () => {
    assert.deepEqual(FailoverBenchReport.parse(report), report);
    const { dnsTtlSeconds, conditions, leaderKill } = report;
    assert.ok(FailoverBenchReport.safeParse({ dnsTtlSeconds, conditions, leaderKill }).success);
  });

  it("refuses a measure without a sample, and one that it does not know", () => {
    const none = { gapSeconds: { samples: [], minimum: 0, median: 0, maximum: 0 }, lostWrites: 0 };
    assert.equal(FailoverBenchReport.safeParse({ ...report, leaderKill: none }).success, false);
    assert.equal(FailoverBenchReport.safeParse({ ...report, sleep: 1 }).success, false);
  });

  it("holds medians against goals, and counts of what must not be against 0", () => {
    const verdicts = goalsTable(report)
      .split("\n")
      .flatMap((line) => {
        const [, what = "", verdict] = /^│ (.*?) +│.*│ (met|missed) +│$/.exec(line) ?? [];
        return verdict === undefined ? [] : [[what, verdict]];
      });
    const missed = verdicts.filter(([, verdict]) => verdict === "missed").map(([what]) => what);
    assert.equal(verdicts.length, 14);
    assert.deepEqual(missed, [
      "leader's pod killed: no writes",
      "false failovers in 10 minutes under CPU pressure",
      "the same with synchronousReplication: cross-region: lost writes, at most",
    ]);
  });
});
