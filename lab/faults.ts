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

/** Every process of the pod is gone in the same moment, as when its machine is. Kubernetes starts it anew. */
export const killPod = (region: RegionName, uid: string): Promise<string> =>
  inNode(
    region,
    ...[
      "sh",
      "-c",
      'pids=$(grep -lse "$1" /proc/[0-9]*/cgroup | cut -d/ -f3); test -n "$pids" && { kill -KILL $pids; true; }',
    ],
    // The cgroup drivers write it in two ways.
    ...["sh", uid.replaceAll("-", "[-_]")],
  );

/** Every process of the members stands still: they all run as the image's user. */
export const freezeMembers = (region: RegionName): Promise<string> => inNode(region, "pkill", "-STOP", "-u", "999");
export const thawMembers = (region: RegionName): Promise<string> => inNode(region, "pkill", "-CONT", "-u", "999");
