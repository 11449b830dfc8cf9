import { nodeName, type RegionName } from "./kind";
import { subnet } from "./engine";
import { engine } from "./parts";
import { run } from "./process";

/** The host is the network's first address. It stays connected, so that a test sees what happens behind the cut. */
const host = subnet.replace(/0\.0\/\d+$/, "0.1");

const inNode = (region: RegionName, ...command: string[]): Promise<string> =>
  run(engine(), ["exec", nodeName(region), ...command], { log: "faults" });

/** Rules that drop what pods exchange with the outside; `only` narrows them, as iptables writes it. */
const rules = (only: readonly string[]): string[][] => [
  ["FORWARD", "-i", "eth0", "!", "-s", host, ...only, "-j", "DROP"],
  ["FORWARD", "-o", "eth0", "!", "-d", host, ...only, "-j", "DROP"],
];

/** The region's pods lose stores, other region and all else outside but the host. They still reach each other. */
export const cutRegion = async (region: RegionName, ...only: string[]): Promise<void> => {
  for (const rule of rules(only)) await inNode(region, "iptables", "-I", ...rule);
};

export const mendRegion = async (region: RegionName, ...only: string[]): Promise<void> => {
  for (const rule of rules(only)) await inNode(region, "iptables", "-D", ...rule);
};

/** Every process of the members stands still: they all run as the image's user. */
export const freezeMembers = (region: RegionName): Promise<string> => inNode(region, "pkill", "-STOP", "-u", "999");
export const thawMembers = (region: RegionName): Promise<string> => inNode(region, "pkill", "-CONT", "-u", "999");
