import type { FailoverReport, Step } from "./report";
import { stepTitles } from "./titles";

/** Why the failovers did not go as the plan says, in sentences; empty when they did. */
export function shortcomings({ steps, total }: FailoverReport): string[] {
  const all = Object.entries(steps) as [keyof typeof steps, Step][];
  const lostInSteps = all.reduce((sum, [, { lostWrites }]) => sum + lostWrites, 0);
  return [
    ...all.flatMap(([key, step]) => ofStep(step).map((finding) => `${stepTitles[key]}: ${finding}`)),
    ...(total.lostWrites > lostInSteps
      ? [
          `${total.lostWrites - lostInSteps} acknowledged writes that were there after their step are not there at the end`,
        ]
      : []),
  ];
}

function ofStep(step: Step): string[] {
  const { from, to, planned, gapSeconds, readGapSeconds, lostWrites, holes, rpoSeconds, acceptedTwice, objective } =
    step;
  const findings = [
    acceptedTwice > 0 &&
      `${acceptedTwice} writes were acknowledged by a region although the other one already took writes: two regions at once`,
    planned && lostWrites > 0 && `${lostWrites} acknowledged writes are lost; a planned change must lose none`,
    from === to &&
      lostWrites > 0 &&
      `${lostWrites} acknowledged writes are lost, though the writer stayed where it was`,
    holes > 0 &&
      `${holes} acknowledged writes are lost although later ones are there: that is damage, not the end of the replication`,
    gapSeconds > objective.rtoSeconds &&
      `nobody took writes for ${gapSeconds.toFixed(0)} s; the plan allows ${objective.rtoSeconds} s`,
    readGapSeconds > objective.rtoSeconds &&
      `nobody answered readers for ${readGapSeconds.toFixed(0)} s; the plan allows ${objective.rtoSeconds} s`,
    rpoSeconds > objective.rpoSeconds &&
      `writes of ${rpoSeconds.toFixed(0)} s are lost; the plan allows ${objective.rpoSeconds} s`,
  ];
  return findings.filter((finding) => finding !== false);
}
