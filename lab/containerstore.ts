import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { loadArchive, type ImageArchive } from "./images";
import { paths } from "./paths";
import { run } from "./process";
import { contentKey } from "./step";

const prepared = join(paths.containers, "stores");

/** Folder of the prepared store that holds exactly these images. */
async function preparedStore(node: ImageArchive, archives: readonly string[]): Promise<string> {
  const key = await contentKey(node.step.key, ...archives.map((archive) => basename(dirname(archive))));
  return join(prepared, key);
}

/**
 * Makes the container store that a new node starts with: all images imported and unpacked, once, so that a region has
 * them the moment it boots.
 */
export async function prepareContainerStore(node: ImageArchive, archives: readonly string[]): Promise<string> {
  const store = await preparedStore(node, archives);
  if (existsSync(store)) {
    return store;
  }
  await loadArchive("podman", node);
  const partial = `${store}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const inside = archives.map((archive) => join("/cache", relative(paths.cache, archive)));
  const mounts = [`--volume=${partial}:/var/lib/containerd`, `--volume=${paths.cache}:/cache:ro`];
  await run(
    "podman",
    [
      ...["run", "--rm", "--privileged", "--network=none", "--tmpfs=/run", "--tmpfs=/tmp", ...mounts],
      ...["--entrypoint=preload-images", ...node.images, ...inside],
    ],
    { log: "container-store" },
  );
  for (const entry of readdirSync(prepared)) {
    if (join(prepared, entry) !== partial) {
      rmSync(join(prepared, entry), { recursive: true });
    }
  }
  renameSync(partial, store);
  return store;
}

/**
 * Gives a node its own copy of a prepared store within a second: image contents and unpacked layers are never written
 * to again, so they are hard links; the two databases are real copies.
 */
export async function copyContainerStore(store: string, target: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  await run("cp", ["--archive", "--link", store, target], { log: "container-store" });
  for (const entry of readdirSync(store, { withFileTypes: true })) {
    if (!entry.isDirectory()) {
      continue;
    }
    for (const file of readdirSync(join(store, entry.name))) {
      if (file.endsWith(".db")) {
        rmSync(join(target, entry.name, file));
        copyFileSync(join(store, entry.name, file), join(target, entry.name, file));
      }
    }
  }
}
