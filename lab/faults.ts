import { nodeName, type RegionName } from "./kind";
import { subnet } from "./engine";
import { engine, packagedFile } from "./parts";
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

/** Where libfaketime is, in the node and in its containers, and in which file it looks for the shift. */
const clock = { folder: "/faketime", library: "libfaketime.so.1", shift: "shift" } as const;

/** What each container that containerd starts gets beside its own. The time since the machine's start stays true, as it would. */
const clockSpec = {
  env: [
    `LD_PRELOAD=${clock.folder}/${clock.library}`,
    `FAKETIME_TIMESTAMP_FILE=${clock.folder}/${clock.shift}`,
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "FAKETIME_CACHE_DURATION=1",
  ],
  mount: { destination: clock.folder, type: "bind", source: clock.folder, options: ["rbind", "ro"] },
} as const;

/** A base of all containers' specifications with the clock in it; kind's own image has one already. */
const giveClock = String.raw`
set -e
cd /etc/containerd
{ cat cri-base.json 2>/dev/null || ctr oci spec; } |
  jq 'del(.process.rlimits) | .process.env += $env | .mounts += [$mount]' --argjson env "$1" --argjson mount "$2" > clock-base.json
sed -i -e '/base_runtime_spec/d' \
  -e 's#^\( *\)runtime_type = "io.containerd.runc.v2"#&\n\1base_runtime_spec = "/etc/containerd/clock-base.json"#' config.toml
systemctl restart containerd
`;

/**
 * The wall clock of the region's containers is `seconds` ahead of the true time (below 0: behind). Those that run when this is
 * called for the first time must be started anew; later calls reach all of them within two seconds, as a clock that is set.
 * Programs without a C library, as Kubernetes' own, keep the true time.
 */
export const shiftClock = async (region: RegionName, seconds: number): Promise<void> => {
  const look = "test -e /etc/containerd/clock-base.json || echo new";
  const isNew = (await inNode(region, "sh", "-c", look)).trim() === "new";
  await inNode(region, "mkdir", "-p", clock.folder);
  // Written in place: the containers have the folder, and must never find it without the file.
  await inNode(
    region,
    "sh",
    "-c",
    `echo "$1" > ${clock.folder}/${clock.shift}`,
    "sh",
    seconds < 0 ? `${seconds}` : `+${seconds}`,
  );
  if (!isNew) return;
  const library = await packagedFile("libfaketime", clock.library);
  await run(engine(), ["cp", library, `${nodeName(region)}:${clock.folder}/${clock.library}`], { log: "faults" });
  await inNode(region, "sh", "-c", giveClock, "sh", JSON.stringify(clockSpec.env), JSON.stringify(clockSpec.mount));
};
