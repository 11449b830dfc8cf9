import {
  cpSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { bundlePrograms, layOutContext } from "../images/context";
import { imageExists, type Engine } from "./engine";
import { goStep, goTools, kubernetesVersion, moduleFolder, requiredVersion } from "./go";
import { paths } from "./paths";
import { run } from "./process";
import { contentKey, ensure, outputOf, type Step } from "./step";

export const sources = (name: string): string => join(paths.root, "lab", "images", name);

/** How the images are made is part of what they are made from. */
const recipes = { path: __filename };

/** Debian releases that the images start from. */
type Suite = "bookworm" | "trixie";

/** An image, and the archive in the cache that holds it. */
export interface ImageArchive {
  step: Step;
  /** Names of the images in the archive that the lab refers to. */
  images: string[];
  archive: string;
}

/** Runs `action` with a new folder, and removes the folder. */
async function withFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "marimo-dr-"));
  try {
    return await action(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Debian's package mirrors as this machine's apt knows them: main archive and security updates. */
async function mirrors(): Promise<{ main: string; security: string | undefined }> {
  const targets = await run("apt-get", ["indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)"], {
    log: "base",
  });
  const debian = targets
    .split("\n")
    .map((line) => line.split("|"))
    .filter(([origin]) => origin === "Debian");
  const main = debian.find(([, codename]) => codename !== undefined && !codename.includes("-"))?.[2];
  if (main === undefined) {
    throw new Error(
      "apt on this machine knows no Debian archive, from which the lab makes its base images. Check /etc/apt/sources.list, run apt-get update, then the lab again.",
    );
  }
  return { main, security: debian.find(([, codename]) => codename?.endsWith("-security"))?.[2] };
}

/** A minimal Debian, in place of the official image `debian:<suite>-slim`. */
export async function baseStep(suite: Suite): Promise<Step> {
  return {
    name: `base-${suite}`,
    title: `Debian ${suite} base image`,
    expectedSeconds: 30,
    key: await contentKey(suite, arch(), recipes),
    build: async (directory) => {
      await withFolder(async (folder) => {
        const { main, security } = await mirrors();
        const root = join(folder, "root");
        await run("debootstrap", ["--variant=minbase", suite, root, main], { log: `build-base-${suite}` });
        const lists = [`deb ${main} ${suite} main`, `deb ${main} ${suite}-updates main`];
        if (security !== undefined) {
          lists.push(`deb ${security} ${suite}-security main`);
        }
        writeFileSync(join(root, "etc", "apt", "sources.list"), lists.join("\n") + "\n");
        const excluded = ["./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*_*", "./dev/*"];
        const flags = ["--numeric-owner", ...excluded.map((pattern) => `--exclude=${pattern}`)];
        const archive = join(directory, "root.tar");
        await run("tar", ["-C", root, ...flags, "-cf", archive, "."], { log: `build-base-${suite}` });
      });
    },
  };
}

/** Makes `debian:<suite>-slim` known to podman. Docker pulls the official one. */
export async function ensureBase(engine: Engine, suite: Suite): Promise<void> {
  const image = `docker.io/library/debian:${suite}-slim`;
  if (engine === "docker" || (await imageExists(engine, image))) {
    return;
  }
  const { directory } = await ensure(await baseStep(suite));
  await run(engine, ["import", join(directory, "root.tar"), image], { log: `build-base-${suite}` });
}

interface BuildOptions {
  engine: Engine;
  tag: string;
  context: string;
  dockerfile?: string;
  target?: string;
  log: string;
}

export async function buildImage({ engine, tag, context, dockerfile, target, log }: BuildOptions): Promise<void> {
  const args = ["build", "--network=host", "--tag", tag, "--file", dockerfile ?? join(context, "Dockerfile")];
  if (engine === "podman") {
    // The base image is the lab's own; nothing is to be pulled. `chroot` needs no privileges that a container lacks.
    args.push("--isolation=chroot", "--pull=never");
  }
  if (target !== undefined) {
    args.push("--target", target);
  }
  const authorities = process.env["SSL_CERT_FILE"];
  if (authorities !== undefined) {
    // Behind a proxy with its own certificate authority, downloads within the build need to know it.
    args.push("--secret", `id=ca,src=${authorities}`);
  }
  await run(engine, [...args, context], { log });
}

export async function saveImages(
  engine: Engine,
  images: readonly string[],
  archive: string,
  log: string,
): Promise<void> {
  const format = engine === "podman" ? ["--format", "docker-archive"] : [];
  const several = engine === "podman" && images.length > 1 ? ["--multi-image-archive"] : [];
  await run(engine, ["save", ...format, ...several, "--output", archive, ...images], { log });
}

/** Lays out the context of `images/program`: one program and the link by which it is started. */
function programContext(folder: string, program: string, binary: string): void {
  mkdirSync(join(folder, "rootfs", "usr", "bin"), { recursive: true });
  copyFileSync(binary, join(folder, "rootfs", "usr", "bin", program));
  symlinkSync(`usr/bin/${program}`, join(folder, "rootfs", "entrypoint"));
}

async function buildProgramImage(
  engine: Engine,
  tag: string,
  binary: string,
  program: string,
  log: string,
): Promise<void> {
  await withFolder(async (context) => {
    programContext(context, program, binary);
    await buildImage({ engine, tag, context, dockerfile: join(sources("program"), "Dockerfile"), log });
  });
}

/** kind's name for the part of an image's name that says which program it is. */
function programOf(image: string): string {
  return /([^/:]+)(?::[^/]*)?$/.exec(image)?.[1] ?? image;
}

/** Names of the images that kubeadm will start, asked of kubeadm itself. */
async function controlPlaneImages(kubernetes: string): Promise<string[]> {
  const args = ["config", "images", "list", "--kubernetes-version", kubernetesVersion];
  return (await run(join(kubernetes, "kubeadm"), args, { log: "build-cluster-images" })).trim().split("\n");
}

/** All images that a cluster needs before any workload comes. */
export async function clusterImages(): Promise<ImageArchive> {
  const tools = await Promise.all([goTools.kubernetes, goTools.etcd, goTools.coredns, goTools.localPath].map(goStep));
  const log = "build-cluster-images";
  const engine = "podman";
  const step: Step = {
    name: "cluster-images",
    title: "Images of the control plane",
    expectedSeconds: 60,
    key: await contentKey(
      ...tools.map((tool) => tool.key),
      ...["program", "proxy", "small"].map((name) => ({ path: sources(name) })),
      recipes,
    ),
    build: async (directory) => {
      const [kubernetes, etcd, coredns, localPath] = tools.map((tool) => outputOf(tool)) as [
        string,
        string,
        string,
        string,
      ];
      await ensureBase(engine, "bookworm");
      const binaries: Record<string, string> = {
        etcd: join(etcd, "etcd"),
        coredns: join(coredns, "coredns"),
      };
      const images = await controlPlaneImages(kubernetes);
      for (const tag of images) {
        const program = programOf(tag);
        if (program === "pause") {
          await buildImage({ engine, tag, context: sources("small"), target: "pause", log });
        } else if (program === "kube-proxy") {
          await withFolder(async (context) => {
            programContext(context, program, join(kubernetes, program));
            await buildImage({ engine, tag, context, dockerfile: join(sources("proxy"), "Dockerfile"), log });
          });
        } else {
          await buildProgramImage(engine, tag, binaries[program] ?? join(kubernetes, program), program, log);
        }
      }
      const provisioner = "docker.io/marimo-dr/local-path-provisioner:lab";
      await buildProgramImage(
        engine,
        provisioner,
        join(localPath, "local-path-provisioner"),
        "local-path-provisioner",
        log,
      );
      const busybox = "docker.io/marimo-dr/busybox:lab";
      await buildImage({ engine, tag: busybox, context: sources("small"), target: "busybox", log });
      const all = [...images, provisioner, busybox];
      await saveImages(engine, all, join(directory, "image.tar"), log);
      await run(engine, ["rmi", "--force", ...all], { log });
    },
  };
  return { step, images: [], archive: join(outputOf(step), "image.tar") };
}

/** The image of a kind node, as kind's own Dockerfile makes it, but from Debian's packages. */
export async function nodeImage(): Promise<ImageArchive> {
  const kubernetes = await goStep(goTools.kubernetes);
  const kind = `sigs.k8s.io/kind@${requiredVersion(goTools.kind, "sigs.k8s.io/kind")}`;
  const log = "build-node-image";
  const key = await contentKey(recipes, kubernetes.key, kind, { path: sources("node") });
  const image = `localhost/marimo-dr/node:${key}`;
  const step: Step = {
    name: "node-image",
    title: "Image of a Kubernetes node",
    expectedSeconds: 60,
    key,
    build: async (directory) => {
      await ensureBase("podman", "bookworm");
      const programs = outputOf(kubernetes);
      const files = join(await moduleFolder(goTools.kind, kind), "images", "base", "files");
      const pause = (await controlPlaneImages(programs)).find((name) => programOf(name) === "pause");
      await withFolder(async (context) => {
        cpSync(files, join(context, "kind"), { recursive: true });
        cpSync(join(sources("node"), "marimo"), join(context, "marimo"), { recursive: true });
        mkdirSync(join(context, "bin"));
        for (const program of ["kubelet", "kubeadm", "kubectl"]) {
          copyFileSync(join(programs, program), join(context, "bin", program));
        }
        const configuration = join(context, "marimo", "etc", "containerd", "config.toml");
        writeFileSync(configuration, readFileSync(configuration, "utf8").replace("PAUSE_IMAGE", pause ?? ""));
        await buildImage({
          engine: "podman",
          tag: image,
          context,
          dockerfile: join(sources("node"), "Dockerfile"),
          log,
        });
      });
      await saveImages("podman", [image], join(directory, "image.tar"), log);
    },
  };
  return { step, images: [image], archive: join(outputOf(step), "image.tar") };
}

/** Images of the object stores. */
export async function storeImages(engine: Engine): Promise<ImageArchive> {
  const stores = await goStep(goTools.stores);
  const log = "build-store-images";
  const key = await contentKey(recipes, engine, stores.key, { path: sources("program") });
  const images = ["versitygw", "gcs"].map((program) => `localhost/marimo-dr/${program}:${key}`);
  const step: Step = {
    name: "store-images",
    title: "Images of the object stores",
    expectedSeconds: 5,
    key,
    build: async (directory) => {
      for (const image of images) {
        const program = programOf(image);
        await buildProgramImage(engine, image, join(outputOf(stores), program), program, log);
      }
      await saveImages(engine, images, join(directory, "image.tar"), log);
    },
  };
  return { step, images, archive: join(outputOf(step), "image.tar") };
}

/** The product's Postgres image, tagged by its content. */
export async function postgresImage(engine: Engine): Promise<ImageArchive> {
  const context = join(paths.root, "images", "postgres");
  const log = "build-postgres-image";
  const base = await baseStep("trixie");
  const key = await contentKey(engine, base.key, { path: context }, ...(await bundlePrograms()).values());
  const image = `docker.io/marimo-erp/postgres:${key}`;
  const step: Step = {
    name: "postgres-image",
    title: "Image of Postgres",
    expectedSeconds: 100,
    key,
    build: async (directory) => {
      await ensureBase(engine, "trixie");
      await withFolder(async (folder) => {
        await layOutContext(folder);
        await buildImage({ engine, tag: image, context: folder, log });
      });
      await saveImages(engine, [image], join(directory, "image.tar"), log);
      await run(engine, ["rmi", "--force", image], { log });
    },
  };
  return { step, images: [image], archive: join(outputOf(step), "image.tar") };
}

/** Loads the archive's images into the engine, unless it has them. */
export async function loadArchive(engine: Engine, { images, archive }: ImageArchive): Promise<void> {
  for (const image of images) {
    if (!(await imageExists(engine, image))) {
      await run(engine, ["load", "--input", archive], { log: "load-images" });
      return;
    }
  }
}
