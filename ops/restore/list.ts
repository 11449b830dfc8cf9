import Table from "cli-table3";
import type { Restorable } from "../../domain/archive";
import { utc } from "../../domain/pointInTime";
import { openRegion, type StackName } from "../region";
import { style } from "../show";
import { type Restorables, restorablesOf } from "./archives";
import { membersOf } from "./members";

const gapInWords = ({ first, last, count, cause, after }: Restorable["gaps"][number]): string =>
  `${count === 1 ? first : `${first} to ${last} (${count} segments)`} ${count === 1 ? "is" : "are"} ` +
  (cause === "twice" ? "there twice" : cause) +
  (after === undefined ? "" : `; the segment before came at ${utc(after)}`);

/** What can be restored, for people. */
export const listing = (restorables: Restorables): string => {
  const table = new Table({ head: ["repository", "from", "to", "backups", "history"], style });
  const notes: string[] = [];
  for (const [name, found] of restorables) {
    if ("error" in found) {
      notes.push(`${name}: not known: ${found.error}`);
      continue;
    }
    for (const { from, to, backups, timeline, current } of found.windows) {
      table.push([
        name,
        `${utc(from.time)}\n${from.lsn}`,
        `${utc(to.time)}\n${to.lsn}`,
        backups.map(({ label }) => label).join("\n"),
        `timeline ${timeline}${current ? "" : "\nleft behind"}`,
      ]);
    }
    if (found.windows.length === 0) notes.push(`${name}: nothing can be restored`);
    notes.push(...found.gaps.map((gap) => `${name}: GAP: ${gapInWords(gap)}`));
    notes.push(...found.unusable.map(({ backup, why }) => `${name}: backup ${backup.label} can't be used: ${why}`));
    notes.push(...found.missingHistories.map((timeline) => `${name}: the history of timeline ${timeline} is missing`));
  }
  return [table.toString(), ...notes].join("\n");
};

/** The exit status: 0 where something can be restored. */
export const runList = async (project: string, stack: StackName, json: boolean): Promise<number> => {
  const region = openRegion(project, stack);
  const cluster = region.cluster();
  const { keeper } = await membersOf(cluster);
  if (keeper === undefined) throw new Error(noKeeper(stack));
  const restorables = await restorablesOf(cluster, keeper, region.repositories());
  console.log(json ? JSON.stringify(Object.fromEntries(restorables)) : listing(restorables));
  return [...restorables.values()].some((found) => !("error" in found) && found.windows.length > 0) ? 0 : 1;
};

export const noKeeper = (stack: StackName): string =>
  `in ${stack} no member's container pgbackrest runs, and only they have the repositories' keys. Bring the region up ` +
  `(pulumi up --stack ${stack}), or name the other one with --region`;
