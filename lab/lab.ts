import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applicationImages } from "./applicationImage";
import { prepareContainerStore } from "./containerstore";
import { dns } from "./dns";
import { dnsImage } from "./dnsImage";
import { configurePodman, type Engine, ensureNetwork, isUsable } from "./engine";
import { network } from "./environment";
import { removeUnusedChains } from "./firewall";
import { goStep, goTools } from "./go";
import { clusterImages, loadArchive, nodeImage, postgresImage, storeImages } from "./images";
import { inotifyRemedy, raiseInotify } from "./inotify";
import { regionNames, type RegionName } from "./kind";
import {
  currentParts,
  decideParts,
  ensureKernelModules,
  installPackages,
  labExists,
  missingPackages,
  officialNodeImage,
  ownKernelModules,
  pulumiPrograms,
  type Parts,
} from "./parts";
import { paths } from "./paths";
import { run, succeeds } from "./process";
import { runTasks, type Task } from "./progress";
import {
  configureApplication,
  configureStack,
  installProgram,
  isConfiguredAsPair,
  sharedSecrets,
  writeLaunchers,
} from "./pulumi";
import { createRegion, destroyRegion, regionState } from "./regions";
import { ensure, type Step } from "./step";
import { removeStore, startStore, storeNames, stores, storeState } from "./stores";

export interface UpOptions {
  /** Regions to create. Default: all. */
  regions?: readonly RegionName[];
  /** Whether the stacks declare the application tier, of stand-ins. Default: no. */
  application?: boolean;
}

const lock = join(paths.lab, "lock");

/**
 * Runs `action` as the only one that changes this lab.
 *
 * @throws Error when another process is at it.
 */
async function alone(action: () => Promise<void>): Promise<void> {
  mkdirSync(paths.lab, { recursive: true });
  const holder = existsSync(lock) ? readFileSync(lock, "utf8") : "";
  if (holder !== "" && existsSync(`/proc/${holder}`)) {
    throw new Error(`Another process (${holder}) is changing this lab. Wait until it has ended, then try again.`);
  }
  rmSync(lock, { force: true });
  writeFileSync(lock, String(process.pid), { flag: "wx" });
  try {
    await action();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Room that the lab's folder takes with all its parts built, with some to work in. */
const neededBytes = 10 * 1024 ** 3;

/** @throws Error when the disk is too full for the lab. */
function checkDisk(): void {
  const { bavail, bsize } = statfsSync(paths.lab);
  const free = bavail * bsize;
  if (free < neededBytes) {
    const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
    throw new Error(
      `${paths.lab} has ${gib(free)} of free disk, and the lab needs ${gib(neededBytes)}. Make room, then try again.`,
    );
  }
}

/** @throws Error when a limit of the kernel is too low, and this user may not raise it. */
function kernelTasks(): Task[] {
  const remedy = inotifyRemedy();
  if (remedy.kind === "ask") throw new Error(remedy.why);
  return remedy.kind === "none" ? [] : [task(remedy.title, 1, raiseInotify)];
}

type GoTool = Parameters<typeof goStep>[0];

function task(title: string, expectedSeconds: number, action: () => Promise<void>): Task {
  return { title, expectedSeconds, run: action };
}

function buildTask(step: Step, afterwards?: (directory: string) => void): Task {
  return task(step.title, step.expectedSeconds, async () => {
    const { directory } = await ensure(step);
    afterwards?.(directory);
  });
}

/** Builds one module's programs, and puts some of them on the lab's PATH. */
async function programTask(tool: GoTool, ...installed: string[]): Promise<Task> {
  return buildTask(await goStep(tool), (directory) => {
    for (const program of installed) {
      installProgram(program, join(directory, program));
    }
  });
}

/** kubectl as the official node image has it. */
async function officialKubectl(): Promise<void> {
  const container = (await run("docker", ["create", officialNodeImage], { log: "kubectl" })).trim();
  try {
    const partial = join(paths.lab, "kubectl.partial");
    await run("docker", ["cp", `${container}:/usr/bin/kubectl`, partial], { log: "kubectl" });
    installProgram("kubectl", partial);
    rmSync(partial);
  } finally {
    await run("docker", ["rm", container], { log: "kubectl" });
  }
}

async function packagesTask(): Promise<Task[]> {
  const packages = await missingPackages();
  return packages.length === 0
    ? []
    : [task(`Installing Debian packages: ${packages.join(" ")}`, 60, () => installPackages(packages))];
}

/** Everything written in Go, one after the other: each build uses all cores by itself. */
async function programTasks({ engine, officialPulumi }: Parts): Promise<Task[]> {
  const tasks = [await programTask(goTools.kind, "kind"), await programTask(goTools.stores)];
  if (engine === "docker") {
    tasks.push(task("kubectl from the node image", 5, officialKubectl));
  } else {
    tasks.push(await programTask(goTools.kubernetes, "kubectl"));
    for (const tool of [goTools.etcd, goTools.coredns, goTools.localPath]) {
      tasks.push(await programTask(tool));
    }
  }
  if (!officialPulumi.includes("pulumi")) {
    tasks.push(await programTask(goTools.pulumi, "pulumi"));
  }
  return tasks;
}

/** Images made of the programs, and the container store with all of them. */
async function imageTasks({ engine }: Parts): Promise<Task[]> {
  const tasks: Task[] = [];
  if (engine === "podman") {
    tasks.push(buildTask((await nodeImage()).step), buildTask((await clusterImages()).step));
  }
  const archives = [await storeImages(engine), await dnsImage(engine)];
  tasks.push(
    buildTask((await applicationImages(engine)).step),
    ...archives.map(({ step }) => buildTask(step)),
    task("Loading the images", 15, async () => {
      for (const archive of archives) await loadArchive(engine, archive);
      if (engine === "podman") {
        await prepareContainerStore();
      }
    }),
  );
  return tasks;
}

/**
 * Brings the lab up from whatever is there: packages, programs, images, servers, regions and the stacks' configuration.
 * What is there already is verified and left alone.
 */
export async function up(options: UpOptions = {}): Promise<void> {
  await alone(() => bringUp(options));
}

/** Brings up what runs Pulumi and nothing else: its CLI and its plugins, for work that needs no store, DNS or region. */
export async function upEngine(): Promise<void> {
  await alone(async () => {
    const { officialPulumi } = await decideParts();
    await runTasks(await packagesTask());
    if (!officialPulumi.includes("pulumi")) await runTasks([await programTask(goTools.pulumi, "pulumi")]);
    await writeLaunchers();
  });
}

/** Removes what `upEngine` alone has brought up; reports stay. */
export async function downEngine(): Promise<void> {
  await alone(() => {
    removeFolder(true);
    return Promise.resolve();
  });
}

async function bringUp(options: UpOptions): Promise<void> {
  const parts = await decideParts();
  checkDisk();
  if (parts.engine === "podman") {
    configurePodman();
    ensureKernelModules();
  }
  const regions = options.regions ?? regionNames;
  await runTasks([...kernelTasks(), ...(await packagesTask())]);
  const postgres = await postgresImage(parts.engine);
  await runTasks([
    {
      title: "Programs and images",
      concurrent: true,
      tasks: [
        { title: "Programs", tasks: await programTasks(parts) },
        { title: "Product", tasks: [buildTask(postgres.step)] },
      ],
    },
    { title: "Images", tasks: await imageTasks(parts) },
    task("Network", 1, () => ensureNetwork(parts.engine)),
    {
      title: "Servers",
      tasks: [
        ...storeNames.map((name) => task(`Store ${name}`, 3, () => startStore(name))),
        task("DNS", 3, () => dns.start()),
      ],
    },
    {
      title: "Regions",
      concurrent: true,
      tasks: regions.map((region) => task(`Region ${region}`, 25, () => createRegion(region))),
    },
    task("Pulumi's stacks", 10, async () => {
      await writeLaunchers();
      const isPair = regions.length > 1;
      const shared = isPair && !regions.every(isConfiguredAsPair) ? await sharedSecrets() : undefined;
      for (const region of regions) {
        await configureStack(region, shared);
        if (options.application === true) await configureApplication(region);
      }
    }),
  ]);
}

/** A part of the lab, and how it is. */
export interface PartStatus {
  part: string;
  state: string;
  where: string;
}

/** The lab's parts as they are now. */
export async function status(): Promise<PartStatus[]> {
  const { engine, officialPulumi } = currentParts();
  const lines: PartStatus[] = [];
  for (const region of regionNames) {
    lines.push({ part: `region ${region}`, state: await regionState(region), where: `kubectl --context=${region}` });
  }
  for (const name of storeNames) {
    const { host, address, folder } = stores[name];
    lines.push({
      part: `store ${name}`,
      state: await storeState(name),
      where: `https://${host} (${address}), ${folder}`,
    });
  }
  lines.push({ part: "DNS", state: await dns.state(), where: dns.where });
  lines.push({ part: "containers", state: engine, where: paths.containers });
  const own = pulumiPrograms.filter((program) => !officialPulumi.includes(program));
  lines.push({
    part: "Pulumi",
    state: own.length === 0 ? "official" : `made here: ${own.map((name) => name.replace(/^pulumi-/, "")).join(", ")}`,
    where: paths.pulumiProject,
  });
  return lines;
}

/** Mounts that containers left below the lab's folder, innermost first. */
function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((target) => target.startsWith(folder + "/"))
    .reverse();
}

async function removePodman(): Promise<void> {
  const log = "down";
  await run("podman", ["volume", "prune", "--force"], { log });
  await run("podman", ["rmi", "--all", "--force"], { log });
  for (const target of mountsBelow(paths.lab)) {
    await run("umount", [target], { log });
  }
  await removeUnusedChains();
}

/** Removes the lab's images from Docker, which holds others' as well. */
async function removeDockerImages(): Promise<void> {
  const log = "down";
  const filters = ["localhost/marimo-dr/*", "marimo-erp/postgres"].flatMap((name) => ["--filter", `reference=${name}`]);
  const images = await run("docker", ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", ...filters], { log });
  for (const image of images.split("\n").filter((line) => line !== "")) {
    await run("docker", ["rmi", image], { log });
  }
}

/** Empties the lab's folder; the reports stay, unless `removeReports`. */
function removeFolder(removeReports: boolean): void {
  if (removeReports || !existsSync(paths.reports)) {
    rmSync(paths.lab, { recursive: true, force: true });
    return;
  }
  for (const entry of readdirSync(paths.lab)) {
    if (join(paths.lab, entry) !== paths.reports) {
      rmSync(join(paths.lab, entry), { recursive: true, force: true });
    }
  }
}

export interface DownOptions {
  /** Whether to remove the build cache as well, which other checkouts use too. Default: no. */
  removeCache?: boolean;
  /** Whether to remove the reports of demos and benchmarks as well, which outlive the lab otherwise. Default: no. */
  removeReports?: boolean;
}

/** Removes all that the lab made on this machine, but not Debian's packages. */
export async function down(options: DownOptions = {}): Promise<void> {
  await alone(() => takeDown(options));
}

/** Removes the containers, with all that belongs to them. */
async function removeContainers(engine: Engine): Promise<void> {
  await runTasks([
    {
      title: "Regions",
      concurrent: true,
      tasks: regionNames.map((region) => task(`Region ${region}`, 5, () => destroyRegion(region))),
    },
    {
      title: "Servers",
      tasks: [
        ...storeNames.map((name) => task(`Store ${name}`, 2, () => removeStore(name))),
        task("DNS", 2, () => dns.remove()),
      ],
    },
    task("Other containers", 2, async () => {
      // Tests that were killed leave theirs, and a network that is in use can't be removed. Podman's storage is the lab's
      // own, so all that is in it is the lab's.
      if (engine === "podman") {
        await run("podman", ["rm", "--all", "--force", "--time", "0", "--volumes"], { log: "down" });
      }
    }),
    task("Network", 1, async () => {
      if (await succeeds(engine, ["network", "inspect", network])) {
        await run(engine, ["network", "rm", network], { log: "down" });
      }
    }),
    task("Images", 5, async () => {
      await (engine === "podman" ? removePodman() : removeDockerImages());
    }),
  ]);
}

async function takeDown({ removeCache = false, removeReports = false }: DownOptions): Promise<void> {
  if (labExists()) {
    const { engine } = currentParts();
    if (await isUsable(engine)) await removeContainers(engine);
    const modules = ownKernelModules();
    if (modules !== undefined) {
      rmSync(modules, { recursive: true });
    }
  }
  if (removeCache && existsSync(paths.cache)) {
    // Go makes the folders of the modules that it downloads read-only.
    await run("chmod", ["-R", "u+w", paths.cache], { log: "down" });
    rmSync(paths.cache, { recursive: true });
  }
  removeFolder(removeReports);
}
