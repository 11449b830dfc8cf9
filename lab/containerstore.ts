import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { applicationImages } from "./applicationImage";
import { clusterImages, loadArchive, nodeImage, postgresImage } from "./images";
import { paths } from "./paths";
import { run } from "./process";
import { contentKey, ensure } from "./step";

const prepared = join(paths.containers, "stores");

/**
 * The container store that a new node starts with: all images imported and unpacked, once, so that a region has them
 * the moment it boots. Builds what is missing for it.
 */
export async function prepareContainerStore(): Promise<string> {
  const node = await nodeImage();
  const archives = [await clusterImages(), await postgresImage("podman"), await applicationImages("podman")];
  const store = join(prepared, await contentKey(node.step.key, ...archives.map(({ step }) => step.key)));
  if (existsSync(store)) {
    return store;
  }
  for (const { step } of [node, ...archives]) {
    await ensure(step);
  }
  await loadArchive("podman", node);
  const partial = `${store}.partial`;
  rmSync(prepared, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const inside = archives.map(({ archive }) => join("/cache", relative(paths.cache, archive)));
  const mounts = [`--volume=${partial}:/var/lib/containerd`, `--volume=${paths.cache}:/cache:ro`];
  await run(
    "podman",
    [
      ...["run", "--rm", "--privileged", "--network=none", "--tmpfs=/run", "--tmpfs=/tmp", ...mounts],
      ...["--entrypoint=preload-images", ...node.images, ...inside],
    ],
    { log: "container-store" },
  );
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
