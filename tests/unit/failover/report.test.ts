import assert from "node:assert/strict";
import { FailoverReport, type Step } from "../../../lab/failover/report";
import { sum } from "../../../lab/failover/step";
import { shortcomings } from "../../../lab/failover/verdict";

const step: Step = {
  from: "primary",
  to: "secondary",
  planned: true,
  gapSeconds: 62,
  directGapSeconds: 2.2,
  readGapSeconds: 61,
  dnsFlipSeconds: 1.5,
  operatorSeconds: 20,
  lagBefore: { seconds: 0.01, bytes: 3000 },
  acknowledgedWrites: 1000,
  foundWrites: 1000,
  lostWrites: 0,
  holes: 0,
  unknownWrites: 4,
  unknownFound: 1,
  rpoSeconds: 0,
  acceptedTwice: 0,
  objective: { rtoSeconds: 3600, rpoSeconds: 60 },
};
const back: Step = { ...step, from: "secondary", to: "primary" };
const unmoved: Step = { ...step, planned: false, from: "secondary" };
delete unmoved.dnsFlipSeconds;
delete unmoved.lagBefore;
const outage: Step = { ...step, planned: false, foundWrites: 990, lostWrites: 10, rpoSeconds: 28 };

const report: FailoverReport = {
  steps: { switchover: step, switchBack: back, outage, destruction: unmoved, rebuild: unmoved, failback: back },
  total: { acknowledgedWrites: 6000, foundWrites: 5990, lostWrites: 10 },
  dnsTtlSeconds: 60,
  story: { setUp: 90 },
  conditions: {
    date: "2026-11-23T10:00:00.000Z",
    cores: 2,
    memoryBytes: 25_000_000_000,
    versions: { node: "20.20.2" },
    standIns: ["pulumi-resource-tls"],
    commitsPerSecond: 200,
  },
};

describe("report of the failovers", () => {
  it("fits its schema", () => {
    assert.deepEqual(FailoverReport.parse(report), report);
  });
  for (const [title, damage] of [
    ["a step that is missing", { steps: { ...report.steps, failback: undefined } }],
    ["a negative gap", { steps: { ...report.steps, outage: { ...outage, gapSeconds: -1 } } }],
    [
      "a step in which nothing was acknowledged",
      { steps: { ...report.steps, outage: { ...outage, acknowledgedWrites: 0 } } },
    ],
    ["a region that does not exist", { steps: { ...report.steps, outage: { ...outage, to: "tertiary" } } }],
    ["an unknown field", { surprise: 1 }],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.equal(FailoverReport.safeParse({ ...report, ...damage }).success, false);
    });
  }
});

describe("verdict on failovers", () => {
  const withStep = (key: keyof FailoverReport["steps"], change: Partial<Step>): FailoverReport => ({
    ...report,
    steps: { ...report.steps, [key]: { ...report.steps[key], ...change } },
  });
  const cases: readonly (readonly [string, FailoverReport, readonly RegExp[]])[] = [
    ["as planned", report, []],
    ["two regions at once", withStep("outage", { acceptedTwice: 3 }), [/^outage: .* 3 writes .* two regions at once/]],
    ["a planned change that loses", withStep("switchBack", { lostWrites: 1 }), [/^planned: .* must lose none/]],
    ["a loss though nobody moved", withStep("rebuild", { lostWrites: 1 }), [/^rebuild: .* stayed where it was/]],
    ["holes", withStep("outage", { holes: 2 }), [/that is damage/]],
    [
      "an outage that loses more than the plan allows",
      withStep("outage", { rpoSeconds: 61 }),
      [/the plan allows 60 s/],
    ],
    ["writers wait for too long", withStep("outage", { gapSeconds: 3601 }), [/nobody took writes .* 3600 s/]],
    ["readers wait for too long", withStep("outage", { readGapSeconds: 3601 }), [/nobody answered readers .* 3600 s/]],
    [
      "a loss that came after its step",
      { ...report, total: { ...report.total, lostWrites: 11 } },
      [/^1 acknowledged writes .* not there at the end/],
    ],
  ];
  for (const [title, measured, expected] of cases) {
    it(title, () => {
      const findings = shortcomings(measured);
      assert.equal(findings.length, expected.length, findings.join("\n"));
      expected.forEach((pattern, n) => {
        assert.match(findings[n] ?? "", pattern);
      });
    });
  }
});

describe("sum of counts", () => {
  it("adds rows up, and takes the longest of the losses in time", () => {
    const one = { ...unmoved, longestGapSeconds: 1, lostWrites: 1, rpoSeconds: 5 };
    const { acknowledgedWrites, lostWrites, rpoSeconds } = sum([one, { ...one, rpoSeconds: 3 }]);
    assert.deepEqual(
      { acknowledgedWrites, lostWrites, rpoSeconds },
      { acknowledgedWrites: 2000, lostWrites: 2, rpoSeconds: 5 },
    );
  });
});
