import Table from "cli-table3";
import { humanTime, plain } from "../stage/tables";
import type { FailoverReport, Step, StepKey } from "./report";
import { stepTitles } from "./titles";

const keys = Object.keys(stepTitles) as StepKey[];

/** Loss and downtime of each step, beside the plan's objectives. */
export function objectivesTable({ steps, total }: FailoverReport): string {
  const head = ["step", "writer's gap", "plan", "acknowledged / found / lost", "loss", "plan", "accepted twice"];
  const table = new Table({ head, style: plain });
  for (const key of keys) {
    const step = steps[key];
    table.push([
      stepTitles[key],
      humanTime(step.gapSeconds),
      humanTime(step.objective.rtoSeconds),
      writes(step),
      humanTime(step.rpoSeconds),
      step.planned || step.from === step.to ? "none" : humanTime(step.objective.rpoSeconds),
      step.acceptedTwice,
    ]);
  }
  table.push(["all, counted again at the end", "", "", writes(total), "", "", ""]);
  return table.toString();
}

const writes = ({ acknowledgedWrites, foundWrites, lostWrites }: FailoverReport["total"]): string =>
  `${acknowledgedWrites} / ${foundWrites} / ${lostWrites}`;

/** What the gaps consist of. */
export function gapsTable({ steps, dnsTtlSeconds }: FailoverReport): string {
  const head = [
    "step",
    "lag before",
    "commands",
    "gap without DNS",
    "DNS flip",
    `gap by name (TTL ${dnsTtlSeconds} s)`,
    "reader's gap",
  ];
  const table = new Table({ head, style: plain });
  for (const key of keys) {
    const step = steps[key];
    table.push([
      stepTitles[key],
      lagOf(step),
      humanTime(step.operatorSeconds),
      humanTime(step.directGapSeconds),
      step.dnsFlipSeconds === undefined ? "" : humanTime(step.dnsFlipSeconds),
      humanTime(step.gapSeconds),
      humanTime(step.readGapSeconds),
    ]);
  }
  return table.toString();
}

const lagOf = ({ lagBefore }: Step): string =>
  lagBefore === undefined ? "" : `${lagBefore.seconds.toFixed(2)} s, ${(lagBefore.bytes / 1000).toFixed(0)} kB`;
