import { BlockList } from "node:net";
import { type RegionName, regionNames, regionSubnets } from "../kind";
import type { Run } from "../workload/ledger";

/** A commit that a region acknowledged. */
export interface Acknowledgement {
  /** When the client heard of it, in milliseconds since 1970. */
  readonly at: number;
  readonly rows: number;
  readonly region: RegionName;
}

/** The region whose pod has this address. @throws RangeError when none has */
export function regionOf(address: string): RegionName {
  const region = regionNames.find((name) => podsOf(name).check(address));
  if (region === undefined) {
    throw new RangeError(`the server that answered has the address ${address}, which belongs to no region's pods`);
  }
  return region;
}

function podsOf(region: RegionName): BlockList {
  const [network = "", bits = ""] = regionSubnets[region].pods.split("/");
  const list = new BlockList();
  list.addSubnet(network, Number(bits));
  return list;
}

/** What was acknowledged in a writer's run, in the order in which the client heard of it. */
export const acknowledgementsOf = ({ acknowledged }: Pick<Run, "acknowledged">): Acknowledgement[] =>
  acknowledged
    .map(({ at, rows, server }) => ({ at, rows, region: regionOf(server) }))
    .toSorted((one, other) => one.at - other.at);

/** When the region first acknowledged, in any order; `Infinity` when it never did. */
export const firstBy = (region: RegionName, acknowledgements: readonly Acknowledgement[]): number =>
  Math.min(...acknowledgements.filter((one) => one.region === region).map(({ at }) => at));

/** The longest time between two moments, in seconds; 0 when there are fewer than two. */
export const longestGap = (times: readonly number[]): number =>
  times.reduce((gap, at, n) => Math.max(gap, at - (times[n - 1] ?? at)), 0) / 1000;

/**
 * How long a client was without a writer when the region changed: from the last acknowledgement before to the first by the new
 * region, in seconds.
 *
 * @param acknowledgements in order of time
 * @throws RangeError when there is none before or none after
 */
export function gapOfChange(acknowledgements: readonly Acknowledgement[], to: RegionName): number {
  const first = acknowledgements.findIndex(({ region }) => region === to);
  const [before, after] = [acknowledgements[first - 1], acknowledgements[first]];
  if (before === undefined || after === undefined) {
    const regions = [...new Set(acknowledgements.map(({ region }) => region))];
    throw new RangeError(
      `there was no change to region ${to}: ${acknowledgements.length} acknowledgements, all by: ${regions.join(", ") || "nobody"}`,
    );
  }
  return (after.at - before.at) / 1000;
}

/**
 * Rows that another region acknowledged after region `to` had begun to: two regions accepted writes side by side.
 *
 * @param acknowledgements of all clients, of a time in which `to` became the only one that may, or was it all along
 */
export function acceptedTwice(acknowledgements: readonly Acknowledgement[], to: RegionName): number {
  const first = firstBy(to, acknowledgements);
  return acknowledgements
    .filter(({ region, at }) => region !== to && at > first)
    .reduce((sum, { rows }) => sum + rows, 0);
}
