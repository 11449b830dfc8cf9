import { scenarioObjectives } from "../../domain/objectives";
import { regionAddresses, type RegionName, regionNames } from "../kind";
import type { ConnectionSource } from "../workload/connection";
import { type Count, countRun } from "../workload/count";
import type { Run } from "../workload/ledger";
import {
  acceptedTwice,
  type Acknowledgement,
  acknowledgementsOf,
  firstBy,
  gapOfChange,
  longestGap,
  regionOf,
} from "./acknowledgements";
import { flipSeconds } from "./answers";
import type { Seen } from "./clients";
import type { Step } from "./report";

/** What a step is to do, and what is known of it besides what clients see. */
export interface Act extends Pick<Step, "planned" | "operatorSeconds" | "lagBefore"> {
  readonly from: RegionName;
  readonly to: RegionName;
}

/** @param database where the writes must be found */
export async function measureStep(act: Act, seen: Seen, database: ConnectionSource): Promise<Step> {
  const { from, to } = act;
  const { rto, rpo } = scenarioObjectives.datacenterOutage;
  const named = acknowledgementsOf(seen.named);
  const direct = acknowledgementsOf(seen.direct);
  const counts = [...(await countByRegion(seen.named, database)), ...(await countByRegion(seen.direct, database))];
  return {
    ...act,
    gapSeconds: gap(named, act),
    directGapSeconds: gap(direct, act),
    readGapSeconds: longestGap(seen.readings.map(({ at }) => at)),
    ...(from !== to && {
      dnsFlipSeconds: flipSeconds(seen.answers, regionAddresses[to].address, firstBy(to, [...named, ...direct])),
    }),
    ...sum(counts),
    acceptedTwice: acceptedTwice([...named, ...direct], to),
    objective: { rtoSeconds: rto.seconds, rpoSeconds: rpo.seconds },
  };
}

const gap = (acknowledgements: readonly Acknowledgement[], { from, to }: Act): number =>
  from === to ? longestGap(acknowledgements.map(({ at }) => at)) : gapOfChange(acknowledgements, to);

/**
 * Each region's acknowledgements by themselves: those of the next writer would make holes of what the lost one's end lost. The
 * loss counts from the region's last acknowledgement. Commits without an answer belong to neither and are counted once.
 */
export async function countByRegion(run: Run, database: ConnectionSource): Promise<Count[]> {
  const parts = regionNames.map((region, n) => ({
    ...run,
    acknowledged: run.acknowledged.filter(({ server }) => regionOf(server) === region),
    unknown: n === 0 ? run.unknown : [],
  }));
  return Promise.all(parts.map((part) => countRun(database, part)));
}

export type Counted = Omit<Count, "longestGapSeconds">;

/** Rows are added up; of the losses in time the longest counts. */
export const sum = (counts: readonly Count[]): Counted =>
  counts.reduce<Counted>(
    (all, one) => ({
      acknowledgedWrites: all.acknowledgedWrites + one.acknowledgedWrites,
      foundWrites: all.foundWrites + one.foundWrites,
      lostWrites: all.lostWrites + one.lostWrites,
      holes: all.holes + one.holes,
      unknownWrites: all.unknownWrites + one.unknownWrites,
      unknownFound: all.unknownFound + one.unknownFound,
      rpoSeconds: Math.max(all.rpoSeconds, one.rpoSeconds),
    }),
    {
      acknowledgedWrites: 0,
      foundWrites: 0,
      lostWrites: 0,
      holes: 0,
      unknownWrites: 0,
      unknownFound: 0,
      rpoSeconds: 0,
    },
  );
