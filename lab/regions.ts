import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { get, type RequestOptions } from "node:https";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { parse, stringify } from "yaml";
import { applicationImages } from "./applicationImage";
import { containerState } from "./container";
import { copyContainerStore, prepareContainerStore } from "./containerstore";
import { ensureNetwork, subnet } from "./engine";
import { labEnvironment } from "./environment";
import { loadArchive, nodeImage, postgresImage } from "./images";
import {
  clusterName,
  cniConfiguration,
  dnsManifest,
  kindConfiguration,
  nodeName,
  regionAddresses,
  regionSubnets,
  type RegionName,
  regionNames,
} from "./kind";
import { engine, officialNodeImage } from "./parts";
import { paths } from "./paths";
import { run } from "./process";
import { ensure } from "./step";
import { storeHosts } from "./stores";

export type { RegionName } from "./kind";

const folderOf = (region: RegionName): string => join(paths.regions, region);
const kubeconfigOf = (region: RegionName): string => join(folderOf(region), "kubeconfig");
const logOf = (region: RegionName): string => `region-${region}`;

const regionHosts = Object.fromEntries(Object.values(regionAddresses).map(({ host, address }) => [host, address]));

/** A restarted node takes the longest: its pods come back one by one. */
const readySeconds = 180;

/** kind talks to docker unless told otherwise. */
function kindEnvironment(): NodeJS.ProcessEnv {
  return { ...labEnvironment(), ...(engine() === "podman" ? { KIND_EXPERIMENTAL_PROVIDER: "podman" } : {}) };
}

function kind(region: RegionName, ...args: string[]): Promise<string> {
  return run("kind", [...args, "--name", clusterName(region)], { log: logOf(region), env: kindEnvironment() });
}

function kubectl(
  region: RegionName,
  args: readonly string[],
  input?: string,
  kubeconfig = kubeconfigOf(region),
): Promise<string> {
  return run("kubectl", ["--kubeconfig", kubeconfig, ...args], {
    log: logOf(region),
    ...(input === undefined ? {} : { input }),
  });
}

interface Kubeconfig {
  clusters: { name: string; cluster: unknown }[];
  users: { name: string; user: unknown }[];
  contexts: { name: string; context: unknown }[];
}

/** What kind wrote for a region; once kind has deleted it, and until its folder is gone, it has no clusters. */
type KindKubeconfig = { [K in keyof Kubeconfig]?: Kubeconfig[K] | null };

/** One kubeconfig with a context per region, named after it; each input is what kind wrote for that region. */
export function mergeKubeconfigs(configs: ReadonlyMap<RegionName, string>): string {
  const merged: Kubeconfig = { clusters: [], users: [], contexts: [] };
  for (const [region, text] of configs) {
    const config = parse(text) as KindKubeconfig | null;
    if (!config?.clusters || !config.users) continue;
    merged.clusters.push(...config.clusters.map(({ cluster }) => ({ name: region, cluster })));
    merged.users.push(...config.users.map(({ user }) => ({ name: region, user })));
    merged.contexts.push({ name: region, context: { cluster: region, user: region } });
  }
  const current = merged.contexts[0]?.name ?? "";
  return stringify({ apiVersion: "v1", kind: "Config", ...merged, "current-context": current });
}

function writeKubeconfig(): void {
  const existing = regionNames.filter((region) => existsSync(kubeconfigOf(region)));
  const configs = new Map(existing.map((region) => [region, readFileSync(kubeconfigOf(region), "utf8")]));
  const partial = `${paths.kubeconfig}.partial`;
  writeFileSync(partial, mergeKubeconfigs(configs), { mode: 0o600 });
  renameSync(partial, paths.kubeconfig);
}

/** Writes what kind needs to know, and returns the file's path. */
async function writeConfiguration(region: RegionName): Promise<string> {
  const folder = folderOf(region);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "kind.yaml");
  if (engine() === "docker") {
    writeFileSync(file, kindConfiguration(region, officialNodeImage));
    return file;
  }
  const store = await prepareContainerStore();
  const node = await nodeImage();
  await loadArchive("podman", node);
  const mounts = { containerStore: join(folder, "containerd"), cni: join(folder, "cni.conflist") };
  await copyContainerStore(store, mounts.containerStore);
  writeFileSync(mounts.cni, cniConfiguration(region));
  writeFileSync(file, kindConfiguration(region, node.images[0] ?? "", mounts));
  return file;
}

/** Applies the region's DNS, with the image that its node brings for kubeadm. */
async function applyDns(region: RegionName, kubeconfig: string): Promise<void> {
  const list = 'kubeadm config images list --kubernetes-version "$(cat /kind/version)"';
  const images = await run(engine(), ["exec", nodeName(region), "sh", "-c", list], { log: logOf(region) });
  const image = images.split("\n").find((name) => name.includes("coredns")) ?? "";
  const template = readFileSync(join(paths.root, "lab", "images", "coredns.yaml"), "utf8");
  await kubectl(
    region,
    ["apply", "--filename", "-"],
    dnsManifest(template, region, image, { ...storeHosts, ...regionHosts }),
    kubeconfig,
  );
}

/** True when the region's API server answers a GET of `path` with 200. */
async function answers(region: RegionName, path: string): Promise<boolean> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigOf(region));
  const options: RequestOptions = { timeout: 2000, agent: false };
  await config.applyToHTTPSOptions(options);
  return new Promise((resolve) => {
    const request = get(`${config.getCurrentCluster()?.server ?? ""}${path}`, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => {
      resolve(false);
    });
  });
}

/**
 * Returns when the region takes workloads. What Kubernetes says of itself may be from before a restart of the node, so
 * a pod is asked: when DNS answers through the API server, the node starts pods and connects them.
 */
async function waitUntilReady(region: RegionName): Promise<void> {
  const deadline = Date.now() + readySeconds * 1000;
  while (!(await answers(region, "/api/v1/namespaces/kube-system/services/kube-dns:ready/proxy/ready"))) {
    if (Date.now() > deadline) {
      throw new Error(
        `Region ${region} has no DNS after ${readySeconds} s. Look at: kubectl --context=${region} get pods --all-namespaces; npm run lab -- logs ${logOf(region)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await kubectl(region, ["wait", "--for=create", "serviceaccount/default", "--timeout=60s"]);
}

/**
 * Gives the region's node the address that the other region knows, and no way out for what is sent to a pod that is gone: it would
 * leave by the node's default route, and whoever answers there be taken for the pod.
 */
async function giveAddress(region: RegionName): Promise<void> {
  const { address } = regionAddresses[region];
  const ip = (...args: string[]) => run(engine(), ["exec", nodeName(region), "ip", ...args], { log: logOf(region) });
  await ip("address", "replace", `${address}/${subnet.split("/")[1]}`, "dev", "eth0");
  await ip("route", "replace", "unreachable", regionSubnets[region].pods);
}

/** Makes sure that the region's node has the images of Postgres and of the application's stand-ins, as they are now. */
async function ensureImages(region: RegionName): Promise<void> {
  const list = ["exec", nodeName(region), "ctr", "--namespace", "k8s.io", "images", "list", "--quiet"];
  const present = (await run(engine(), list, { log: logOf(region) })).split("\n");
  for (const { step, images, archive } of [await postgresImage(engine()), await applicationImages(engine())]) {
    if (images.every((image) => present.includes(image))) continue;
    await ensure(step);
    await kind(region, "load", "image-archive", archive);
  }
}

/** State of the region's node; `half made` where its creation was interrupted, and `up` makes it anew. */
export async function regionState(region: RegionName): Promise<string> {
  const state = await containerState(nodeName(region));
  return state !== "missing" && !existsSync(kubeconfigOf(region)) ? "half made" : state;
}

/** A region from nothing: a Kubernetes cluster that takes workloads, with the image of Postgres on its node. */
async function makeRegion(region: RegionName): Promise<void> {
  rmSync(folderOf(region), { recursive: true, force: true });
  const configuration = await writeConfiguration(region);
  // It gets its name when the region is whole.
  const partial = `${kubeconfigOf(region)}.partial`;
  await kind(region, "create", "cluster", "--config", configuration, "--kubeconfig", partial);
  await applyDns(region, partial);
  renameSync(partial, kubeconfigOf(region));
  writeKubeconfig();
}

/**
 * Makes sure that the region is there and takes workloads: creates it, or starts its node again, or leaves it alone.
 * Needs a lab that `up` has made.
 */
export async function createRegion(region: RegionName): Promise<void> {
  await ensureNetwork(engine());
  const state = await regionState(region);
  if (state === "half made") await destroyRegion(region);
  if (state === "half made" || state === "missing") {
    await makeRegion(region);
  } else if (state !== "running") {
    await run(engine(), ["start", nodeName(region)], { log: logOf(region) });
  }
  await giveAddress(region);
  await waitUntilReady(region);
  await ensureImages(region);
}

/** Destroys the region as a disaster would, without asking it first: its containers and all its volumes. */
export async function destroyRegion(region: RegionName): Promise<void> {
  if ((await containerState(nodeName(region))) === "running") {
    await run(engine(), ["kill", nodeName(region)], { log: logOf(region) });
  }
  // What has no kind yet has no region either.
  if (existsSync(join(paths.bin, "kind"))) {
    await kind(region, "delete", "cluster", "--kubeconfig", kubeconfigOf(region));
  }
  rmSync(folderOf(region), { recursive: true, force: true });
  writeKubeconfig();
}
