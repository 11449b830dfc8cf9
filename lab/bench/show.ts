import Table from "cli-table3";
import { humanTime, plain } from "../stage/tables";
import type { BenchReport, Comparison } from "./report";
import { median } from "../stage/statistics";

/** What issue and design ask of the topology on two cores. */
export const goals = {
  /** Restore against a plain download, at most. */
  restoreRatio: 1.5,
  /** `pulumi up` to the first write with 1 GB, at most, in seconds. */
  applyToWritableSeconds: 30,
  /** New cluster to the first write with 1 GB, at most, in seconds. */
  rebuildSeconds: 90,
  /** Preview against an empty program's, at most. */
  previewRatio: 2,
  /** Throughput under a backup against without, at least. */
  throughputRatio: 0.95,
} as const;

const ratio = ({ ratio: value }: Comparison): string => value.toFixed(2);
const verdict = (met: boolean): string => (met ? "met" : "missed");

/** Ratios and goals. */
export function goalsTable({ rebuilds, restores, preview, throughput, throughputApart }: BenchReport): string {
  const table = new Table({ head: ["what", "measured", "baseline", "result", "goal", ""], style: plain });
  for (const restore of restores) {
    table.push([
      `restore against plain download of ${(restore.downloadBytes / 1e6).toFixed(0)} MB (scale ${restore.scale})`,
      humanTime(median(restore.measured)),
      humanTime(median(restore.baseline)),
      ratio(restore),
      `<= ${goals.restoreRatio}`,
      verdict(restore.ratio <= goals.restoreRatio),
    ]);
  }
  table.push([
    "pulumi preview against an empty program",
    humanTime(median(preview.measured)),
    humanTime(median(preview.baseline)),
    ratio(preview),
    `<= ${goals.previewRatio}`,
    verdict(preview.ratio <= goals.previewRatio),
  ]);
  for (const [where, commits] of [
    ["all on the same cores", throughput],
    ["leader and load on a core of their own", throughputApart],
  ] as const) {
    table.push([
      `commits/s with a running backup against without, ${where}`,
      median(commits.measured).toFixed(0),
      median(commits.baseline).toFixed(0),
      ratio(commits),
      `>= ${goals.throughputRatio}`,
      verdict(commits.ratio >= goals.throughputRatio),
    ]);
  }
  const one = rebuilds.find(({ conditions }) => conditions.scale === 1);
  if (one !== undefined) {
    table.push(
      ...(
        [
          ["pulumi up to the first write, 1 GB", one.applyToWritableSeconds, goals.applyToWritableSeconds],
          ["new cluster to the first write, 1 GB", one.rebuildSeconds, goals.rebuildSeconds],
        ] as const
      ).map(([what, seconds, goal]) => [what, humanTime(seconds), "", "", `<= ${goal} s`, verdict(seconds <= goal)]),
    );
  }
  return table.toString();
}

/** How the rebuild grows with the database. */
export function growthTable(rebuilds: BenchReport["rebuilds"]): string {
  const sizes = rebuilds.map(({ databaseBytes }) => `${(databaseBytes / 1e6).toFixed(0)} MB`);
  const table = new Table({ head: ["rebuild by phase", ...sizes], style: plain });
  const phases = Object.keys(rebuilds[0]?.phases ?? {}) as (keyof BenchReport["rebuilds"][number]["phases"])[];
  for (const phase of phases) table.push([phase, ...rebuilds.map((rebuild) => humanTime(rebuild.phases[phase]))]);
  table.push(["all", ...rebuilds.map(({ rtoSeconds }) => humanTime(rtoSeconds))]);
  return table.toString();
}
