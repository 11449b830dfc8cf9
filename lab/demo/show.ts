import Table from "cli-table3";
import { componentObjectives, scenarioObjectives } from "../../domain/objectives";
import { archiveTimeout } from "../../domain/parameters";
import { humanTime, plain } from "../stage/tables";
import type { RebuildReport } from "./report";

/** What the plan promises beside what was measured. */
export function objectivesTable(report: RebuildReport): string {
  const { database } = componentObjectives;
  const { clusterFailure } = scenarioObjectives;
  const table = new Table({ head: ["objective", "plan", "measured"], style: plain });
  table.push(
    ["database, downtime (RTO)", humanTime(database.rto.seconds), humanTime(report.rtoSeconds)],
    [
      "complete cluster failure, downtime (RTO)",
      `2 h to ${humanTime(clusterFailure.rto.seconds)}`,
      humanTime(report.rtoSeconds),
    ],
    ["database, loss (RPO)", humanTime(database.rpo.seconds), humanTime(report.rpoSeconds)],
    [
      "acknowledged / found / lost writes",
      `lost: within archive_timeout (${humanTime(archiveTimeout.seconds)})`,
      `${report.acknowledgedWrites} / ${report.foundWrites} / ${report.lostWrites}`,
    ],
  );
  return table.toString();
}

/** Why what is lost is lost; `undefined` when nothing is. */
export function lossExplained({ lostWrites, rpoSeconds }: RebuildReport): string | undefined {
  if (lostWrites === 0) return undefined;
  return (
    `${lostWrites} acknowledged writes of the last ${humanTime(rpoSeconds)} are lost: their segment of the log was still ` +
    `being written when the region went. archive_timeout closes one at least every ${humanTime(archiveTimeout.seconds)}.`
  );
}

const phaseTitles: Readonly<Record<keyof RebuildReport["phases"], string>> = {
  destruction: "destruction: last write -> region and state are gone",
  cluster: "cluster: a new, empty region",
  up: "up: pulumi up -> a member begins to restore",
  restore: "restore: base backup out of the vault",
  replay: "replay: WAL since then",
  promotion: "promotion: new timeline, checkpoint",
  firstWrite: "first write: Patroni's leader, a client's commit",
};

/** Where the time went. */
export function phasesTable(report: RebuildReport): string {
  const table = new Table({ head: ["phase", "time"], style: plain });
  for (const phase of Object.keys(phaseTitles) as (keyof typeof phaseTitles)[]) {
    table.push([phaseTitles[phase], humanTime(report.phases[phase])]);
  }
  table.push(
    ["all: last write -> first write", humanTime(report.rtoSeconds)],
    ["of that, from the new region's start", humanTime(report.rebuildSeconds)],
    ["of that, from pulumi up", humanTime(report.applyToWritableSeconds)],
    ["pulumi up ended, with a second member and all jobs", humanTime(report.pulumiUpSeconds)],
  );
  return table.toString();
}
