import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { z } from "zod";
import type { Engine } from "./engine";
import { paths } from "./paths";
import { run, succeeds } from "./process";

/** kind v0.30.0's default: https://github.com/kubernetes-sigs/kind/releases/tag/v0.30.0 */
export const officialNodeImage = "kindest/node:v1.34.0";

/** Programs of Pulumi that the product needs. */
export const pulumiPrograms = [
  "pulumi",
  "pulumi-language-nodejs",
  "pulumi-resource-kubernetes",
  "pulumi-resource-random",
  "pulumi-resource-tls",
] as const;
export type PulumiProgram = (typeof pulumiPrograms)[number];

/** What the lab found on this machine. */
export interface Machine {
  /** As in `process.platform`. */
  platform: string;
  /** 0 is root. */
  uid: number | undefined;
  /** A Docker engine answers. */
  docker: boolean;
  /** The official node image is there or can be pulled. */
  nodeImage: boolean;
  /** Debian or a relative, whose packages apt-get installs. */
  apt: boolean;
  /** Pulumi's official programs on PATH. */
  pulumi: readonly PulumiProgram[];
}

const Parts = z.strictObject({
  engine: z.enum(["docker", "podman"]),
  /** Programs of Pulumi that are official ones on PATH; the lab makes the others. */
  officialPulumi: z.array(z.enum(pulumiPrograms)),
});

/** Which parts of the lab are official releases, and which it makes itself. */
export type Parts = z.infer<typeof Parts>;

/**
 * Prefers official parts: Docker with kind's node image over podman with one built here, Pulumi's programs on PATH over
 * those that the lab makes.
 *
 * @throws Error saying what to do, when neither a Docker engine with the node image nor root on Debian is there.
 */
export function chooseParts(machine: Machine): Parts {
  const officialPulumi = [...machine.pulumi];
  if (machine.docker && machine.nodeImage) {
    return { engine: "docker", officialPulumi };
  }
  if (machine.platform === "linux" && machine.uid === 0 && machine.apt) {
    return { engine: "podman", officialPulumi };
  }
  const docker = machine.docker
    ? `a Docker engine answers, but ${officialNodeImage} can't be pulled`
    : "no Docker engine answers";
  const user = machine.uid === 0 ? "root" : "not root";
  const system = machine.apt ? "Debian's apt-get is there" : "there is no apt-get";
  throw new Error(
    `The lab can't run here: ${docker}, and building everything from source needs root on Debian ` +
      `(this is ${machine.platform}, ${user}; ${system}). Start Docker where its images can be pulled, or run this as root on Debian 12.`,
  );
}

/** Full path of a program on PATH, the lab's own folder left out. */
function onPath(program: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "" && resolve(folder) !== resolve(paths.bin))
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file) && (statSync(file).mode & 0o111) !== 0);
}

/** Looks at this machine. */
export async function inspectMachine(): Promise<Machine> {
  const environment = process.env;
  const docker = await succeeds("docker", ["info"], environment);
  const nodeImage =
    docker &&
    ((await succeeds("docker", ["image", "inspect", officialNodeImage], environment)) ||
      (await succeeds("docker", ["pull", officialNodeImage], environment, 600)));
  return {
    platform: process.platform,
    uid: process.getuid?.(),
    docker,
    nodeImage,
    apt: onPath("apt-get") !== undefined,
    pulumi: pulumiPrograms.filter((program) => onPath(program) !== undefined),
  };
}

const recorded = join(paths.lab, "parts.json");

/** Chooses the parts of this lab. Once chosen they stay, until the lab is taken down. */
export async function decideParts(): Promise<Parts> {
  if (existsSync(recorded)) {
    return currentParts();
  }
  const parts = chooseParts(await inspectMachine());
  mkdirSync(dirname(recorded), { recursive: true });
  writeFileSync(recorded, JSON.stringify(parts, null, 2) + "\n");
  return parts;
}

/** True when this checkout has a lab. */
export function labExists(): boolean {
  return existsSync(recorded);
}

/**
 * The parts of the lab that is there.
 *
 * @throws Error when there is no lab.
 */
export function currentParts(): Parts {
  if (!labExists()) {
    throw new Error(`There is no lab in ${paths.lab}. Make one: npm run lab -- up`);
  }
  return Parts.parse(JSON.parse(readFileSync(recorded, "utf8")));
}

/** The program that runs this lab's containers. */
export function engine(): Engine {
  return currentParts().engine;
}

/** Debian packages that the lab's own parts need. */
const debianPackages = [
  "podman",
  "netavark",
  "aardvark-dns",
  "iptables",
  "runc",
  "debootstrap",
  "ca-certificates",
  "openssl",
  "curl",
];

/** kind mounts it into every node, so it has to exist. */
const kernelModules = "/lib/modules";
const madeKernelModules = join(paths.lab, "made-lib-modules");

async function isInstalled(debianPackage: string): Promise<boolean> {
  return succeeds("dpkg-query", ["--showformat=${db:Status-Status}", "--show", debianPackage]).then(
    async (known) =>
      known &&
      (await run("dpkg-query", ["--showformat=${db:Status-Status}", "--show", debianPackage], { log: "packages" })) ===
        "installed",
  );
}

/** Debian packages that are missing for the lab's own parts. */
export async function missingPackages(): Promise<string[]> {
  const wanted = onPath("go") === undefined ? [...debianPackages, "golang-go"] : debianPackages;
  const installed = await Promise.all(wanted.map(isInstalled));
  return wanted.filter((_, index) => !installed[index]);
}

/** Installs Debian packages. They stay when the lab is taken down. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update"], { log: "packages", env });
  await run("apt-get", ["install", "--yes", "--no-install-recommends", ...packages], { log: "packages", env });
}

/** A file of a Debian package, which is installed if it is missing. @throws Error where there is no such file */
export async function packagedFile(debianPackage: string, name: string): Promise<string> {
  if (!(await isInstalled(debianPackage))) await installPackages([debianPackage]);
  const files = (await run("dpkg-query", ["--listfiles", debianPackage], { log: "packages" })).split("\n");
  const file = files.find((path) => basename(path) === name);
  if (file === undefined) throw new Error(`Package ${debianPackage} has no file ${name}`);
  return file;
}

/** Makes the folder of kernel modules where a machine without modules has none. */
export function ensureKernelModules(): void {
  if (!existsSync(kernelModules)) {
    mkdirSync(kernelModules);
    writeFileSync(madeKernelModules, "");
  }
}

/** The folder of kernel modules, if the lab made it and it is still empty. */
export function ownKernelModules(): string | undefined {
  const own = existsSync(madeKernelModules) && existsSync(kernelModules) && readdirSync(kernelModules).length === 0;
  return own ? kernelModules : undefined;
}
