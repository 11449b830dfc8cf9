import { componentObjectives, scenarioObjectives } from "../../domain/objectives";
import { archiveTimeout } from "../../domain/parameters";
import type { RebuildReport } from "./report";

/**
 * How much older than `archive_timeout` the oldest lost write may be: a segment that is closed has yet to be compressed,
 * encrypted and stored in two repositories, on a machine that also does everything else.
 */
const PUSH_ALLOWANCE_SECONDS = 30;

/** Why a rebuild did not meet the plan, in sentences; empty when it did. */
export function shortcomings(report: RebuildReport): string[] {
  const { rto, rpo } = componentObjectives.database;
  const explained = archiveTimeout.seconds + PUSH_ALLOWANCE_SECONDS;
  const { lostWrites, holes, rtoSeconds, rpoSeconds } = report;
  const findings = [
    rtoSeconds > rto.seconds &&
      `the database was away for ${rtoSeconds.toFixed(0)} s; the plan allows ${rto.seconds} s`,
    rtoSeconds > scenarioObjectives.clusterFailure.rto.seconds &&
      `the cluster was away for ${rtoSeconds.toFixed(0)} s; the plan allows ${scenarioObjectives.clusterFailure.rto.seconds} s`,
    rpoSeconds > rpo.seconds && `writes of ${rpoSeconds.toFixed(0)} s are lost; the plan allows ${rpo.seconds} s`,
    lostWrites > 0 &&
      rpoSeconds > explained &&
      `${lostWrites} acknowledged writes are lost back to ${rpoSeconds.toFixed(0)} s before the disaster; archive_timeout ` +
        `(${archiveTimeout.seconds} s) and the push of a segment explain no more than ${explained} s`,
    holes > 0 &&
      `${holes} acknowledged writes are lost although later ones are there: that is damage, not the end of the archive`,
  ];
  return findings.filter((finding) => finding !== false);
}
