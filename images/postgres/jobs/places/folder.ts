import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Sum } from "../checksum";
import { AlreadyThere, type Kept, NotThere, type Place } from "./place";

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

/** What is written under this name was not finished; whoever holds the place's lock may remove it. */
export const partialName = (name: string): string => `.${name}.partial`;

/** Makes a change of names in a folder last. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** A mounted folder. The one place where old files are removed by the job and not by the store. */
export class FolderPlace implements Place {
  constructor(
    readonly name: string,
    private readonly root: string,
  ) {}

  async list(folder: string): Promise<readonly Kept[]> {
    const found: Kept[] = [];
    try {
      for (const entry of await readdir(join(this.root, folder), { withFileTypes: true })) {
        if (!entry.isFile() || entry.name.startsWith(".")) continue;
        const { size, mtime } = await stat(join(this.root, folder, entry.name));
        found.push({ path: folder + entry.name, bytes: size, modified: mtime });
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return found;
  }

  async read(path: string): Promise<Readable> {
    try {
      const handle = await open(join(this.root, path));
      return handle.createReadStream();
    } catch (error) {
      throw isMissing(error) ? new NotThere(this.name, path) : error;
    }
  }

  async write(path: string, file: string, sha256: string): Promise<void> {
    const target = join(this.root, path);
    const folder = dirname(target);
    await mkdir(folder, { recursive: true });
    if (await this.has(target)) throw new AlreadyThere(this.name, path);
    const partial = join(folder, partialName(basename(target)));
    try {
      await pipeline(createReadStream(file), new Sum(file, sha256), createWriteStream(partial, { flush: true }));
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    await syncFolder(folder);
  }

  /** Removes a file, if it is there. */
  async remove(path: string): Promise<void> {
    await rm(join(this.root, path), { force: true });
  }

  private async has(target: string): Promise<boolean> {
    try {
      await stat(target);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }
}
