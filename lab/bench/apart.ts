import { readFileSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Cluster, leaderUid } from "../stage/cluster";
import { nodeName, type RegionName } from "../kind";
import { engine } from "../parts";
import { run, succeeds } from "../process";
import { stores } from "../stores";

const LOG = "bench-apart";

/**
 * Does `work` with the leader and this process on the machine's first core, and all else of the lab, its standbys and its
 * stores, on the others: as if they had machines of their own.
 *
 * @throws Error when no member leads
 */
export async function apart<T>(cluster: Cluster, region: RegionName, work: () => Promise<T>): Promise<T> {
  const cores = availableParallelism();
  const leader = await leaderUid(cluster);
  const lab = await labProcesses(region);
  const leads = lab.filter((pid) => cgroupOf(pid).replaceAll("_", "-").includes(leader));
  if (leads.length === 0) throw new Error(`no process on this machine is in the leader's pod ${leader}`);
  try {
    await pin(lab, `1-${cores - 1}`);
    await pin([...leads, process.pid], "0");
    return await work();
  } finally {
    // Some were started meanwhile, by those that were pinned.
    await pin([...(await labProcesses(region)), process.pid], `0-${cores - 1}`);
  }
}

/** @throws Error where `apart` can't work: better before a benchmark of an hour than at its end */
export async function checkApart(): Promise<void> {
  if (availableParallelism() < 2) throw new Error("the benchmark needs two cores, one of them for the leader alone");
  await run("taskset", ["--pid", String(process.pid)], { log: LOG });
}

const labProcesses = (region: RegionName) =>
  processesOf([nodeName(region), ...Object.values(stores).map(({ container }) => container)]);

/** The processes in the containers: all that descend from their first ones. */
async function processesOf(containers: readonly string[]): Promise<number[]> {
  const inspect = ["container", "inspect", "--format", "{{.State.Pid}}", ...containers];
  const first = (await run(engine(), inspect, { log: LOG })).trim().split("\n").map(Number);
  const children = childrenByParent();
  const withChildren = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(withChildren)];
  return first.flatMap(withChildren);
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    // The parent comes after the state, which comes after the command in parentheses.
    const parent = Number(/.*\) \S (\d+)/s.exec(read(`/proc/${pid}/stat`))?.[1]);
    if (Number.isInteger(parent)) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

const cgroupOf = (pid: number): string => read(`/proc/${pid}/cgroup`);

/** What the file says; nothing for a process that has ended meanwhile. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

async function pin(pids: readonly number[], cores: string): Promise<void> {
  for (const pid of pids) {
    const pinned = await succeeds("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, String(pid)]);
    if (!pinned && read(`/proc/${pid}/stat`) !== "") {
      throw new Error(
        `taskset can't move process ${pid} to the cores ${cores}; without it nothing can be measured apart`,
      );
    }
  }
}
