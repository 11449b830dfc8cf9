import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoCommand } from "../../../lab/demo/options";
import { rebuildPhases } from "../../../lab/demo/phases";
import { parseLog, recoveryTimes, tellsOfRestore } from "../../../lab/demo/recovery-log";
import { RebuildReport } from "../../../lab/demo/report";
import { shortcomings } from "../../../lab/demo/verdict";
import { writeReport } from "../../../lab/stage/reportFile";

const log = `2026-11-23T10:00:00.000000000Z 2026-11-23 10:00:00,000 INFO: trying to bootstrap a new cluster
2026-11-23T10:00:00.500000000Z {"event":"decision","at":"2026-11-23T10:00:00.5Z","action":"restore","repository":"s3"}
2026-11-23T10:00:01.000000000Z {"event":"restore-start","at":"2026-11-23T10:00:01Z"}
2026-11-23T10:00:06.000000000Z {"event":"restore-end","at":"2026-11-23T10:00:06Z"}
2026-11-23T10:00:06.500000000Z {not JSON
2026-11-23T10:00:07.000000000Z 2026-11-23 10:00:07.000 UTC [55] LOG:  starting PostgreSQL 17.12 on x86_64-pc-linux-gnu
2026-11-23T10:00:07.100000000Z 2026-11-23 10:00:07.100 UTC [58] LOG:  redo starts at 0/4000028
2026-11-23T10:00:07.600000000Z 2026-11-23 10:00:07.600 UTC [58] LOG:  consistent recovery state reached at 0/5000100
2026-11-23T10:00:09.500000000Z 2026-11-23 10:00:09.500 UTC [58] LOG:  redo done at 0/9FFFF88 system usage: CPU: user: 1.0 s
2026-11-23T10:00:09.800000000Z 2026-11-23 10:00:09.800 UTC [58] LOG:  selected new timeline ID: 2
2026-11-23T10:00:10.500000000Z 2026-11-23 10:00:10.500 UTC [58] LOG:  archive recovery complete
	a continuation
2026-11-23T10:00:20.000000000Z 2026-11-23 10:00:20.000 UTC [58] LOG:  redo starts at 0/A000028
`;

describe("recovery log", () => {
  const seconds = (at: number) => (at - Date.parse("2026-11-23T10:00:00Z")) / 1000;

  it("tells when each moment first came", () => {
    const times = recoveryTimes(parseLog(log));
    assert.deepEqual(Object.fromEntries(Object.entries(times).map(([moment, at]) => [moment, seconds(at)])), {
      decided: 0.5,
      restoreStarted: 1,
      restoreEnded: 6,
      redoStarted: 7.1,
      consistent: 7.6,
      redoDone: 9.5,
      timelineSelected: 9.8,
      recoveryEnded: 10.5,
    });
  });

  it("names what it does not tell", () => {
    const cut = log.slice(0, log.indexOf("2026-11-23T10:00:09.5"));
    assert.throws(
      () => recoveryTimes(parseLog(cut)),
      /"redo done at", "selected new timeline ID", "archive recovery complete"/,
    );
  });

  it("is told from the log of a member that copied the database", () => {
    assert.equal(tellsOfRestore(parseLog(log)), true);
    assert.equal(tellsOfRestore(parseLog(log.replaceAll(/.*"event".*\n/g, ""))), false);
  });
});

const recovery = recoveryTimes(parseLog(log));
const at = (second: number) => Date.parse("2026-11-23T10:00:00Z") + second * 1000;
const rebuild = { lastWrite: at(-40), clusterStarted: at(-30), clusterReady: at(-10), firstWrite: at(12) };

describe("phases of the rebuild", () => {
  it("follow each other and add up to the time without a database", () => {
    const phases = rebuildPhases(rebuild, recovery);
    assert.deepEqual(phases, {
      destruction: 10,
      cluster: 20,
      up: 11,
      restore: 5,
      replay: 3.5,
      promotion: 1,
      firstWrite: 1.5,
    });
    assert.equal(
      Object.values(phases).reduce((sum, phase) => sum + phase),
      52,
    );
  });

  it("are refused when the moments contradict each other, as with two clocks", () => {
    assert.throws(
      () => rebuildPhases({ ...rebuild, firstWrite: at(9) }, recovery),
      /the first write .* before the end of the recovery/,
    );
  });
});

const report: RebuildReport = {
  rtoSeconds: 52,
  phases: rebuildPhases(rebuild, recovery),
  rebuildSeconds: 42,
  applyToWritableSeconds: 22,
  pulumiUpSeconds: 25,
  acknowledgedWrites: 1000,
  foundWrites: 990,
  lostWrites: 10,
  holes: 0,
  unknownWrites: 4,
  unknownFound: 0,
  rpoSeconds: 41,
  databaseBytes: 1_022_852_455,
  longestGapSeconds: 0.2,
  story: { load: 60 },
  conditions: {
    date: "2026-11-23T10:00:00.000Z",
    cores: 2,
    memoryBytes: 25_000_000_000,
    scale: 1,
    restoreFrom: "s3",
    versions: { node: "20.20.2" },
    standIns: ["pulumi-resource-tls"],
  },
};

describe("report of the rebuild", () => {
  it("is written as JSON that fits its schema", () => {
    const folder = mkdtempSync(join(tmpdir(), "report-"));
    try {
      const path = join(folder, "reports", "rebuild.json");
      writeReport(path, RebuildReport, report);
      assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), report);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  for (const [title, damage] of [
    ["a negative time", { rtoSeconds: -1 }],
    ["no acknowledged write", { acknowledgedWrites: 0 }],
    ["half a row", { foundWrites: 0.5 }],
    ["an unknown repository", { conditions: { ...report.conditions, restoreFrom: "azure" } }],
    ["an unknown field", { surprise: 1 }],
    ["no size", { databaseBytes: undefined }],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.equal(RebuildReport.safeParse({ ...report, ...damage }).success, false);
    });
  }
});

describe("verdict", () => {
  const cases: readonly (readonly [string, Partial<RebuildReport>, readonly RegExp[]])[] = [
    ["a tail within archive_timeout", {}, []],
    ["nothing lost", { lostWrites: 0, rpoSeconds: 0 }, []],
    ["a tail that archive_timeout does not explain", { rpoSeconds: 120 }, [/archive_timeout \(60 s\)/]],
    ["a tail beyond the objective", { rpoSeconds: 4000 }, [/the plan allows 3600/, /archive_timeout/]],
    ["holes", { holes: 1 }, [/that is damage/]],
    ["too slow for the database", { rtoSeconds: 3700 }, [/the database was away/]],
    ["too slow for the cluster", { rtoSeconds: 15_000 }, [/the database was away/, /the cluster was away/]],
  ];
  for (const [title, change, expected] of cases) {
    it(title, () => {
      const findings = shortcomings({ ...report, ...change });
      assert.equal(findings.length, expected.length, findings.join("\n"));
      expected.forEach((pattern, n) => {
        assert.match(findings[n] ?? "", pattern);
      });
    });
  }
});

describe("arguments of the demo", () => {
  const parse = (...args: string[]) =>
    demoCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .parse(args, { from: "user" })
      .opts();

  it("has defaults", () => {
    assert.deepEqual(parse(), { scale: 1, keep: false, from: "s3" });
  });
  it("takes what it documents", () => {
    assert.deepEqual(parse("--scale", "0.05", "--keep", "--from", "gcs"), { scale: 0.05, keep: true, from: "gcs" });
  });
  for (const args of [
    ["--scale", "0"],
    ["--scale", "-1"],
    ["--scale", "many"],
    ["--scale", ""],
    ["--scale", "1000"],
    ["--from", "nonsense"],
    ["--from", ""],
    ["--unknown"],
    ["extra"],
  ]) {
    it(`refuses ${args.map((arg) => `"${arg}"`).join(" ")}`, () => {
      assert.throws(() => parse(...args), /invalid|unknown option|too many arguments/);
    });
  }
});
