import { readdir, readlink, rename, rm, statfs, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { filesOf, findDumps, type FoundDump, latestDump, parseDumpFile, renderChecksum } from "../../../domain/dumps";
import { FolderPlace, partialName, syncFolder } from "./places/folder";

/** The volume of dumps. Whoever changes it holds its lock. */
export class LocalDumps {
  private readonly place: FolderPlace;

  constructor(readonly folder: string) {
    this.place = new FolderPlace("local", folder);
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  /** A name under which a file is written until it is whole. */
  partial(file: string): string {
    return this.path(partialName(file));
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  async dumps(): Promise<FoundDump[]> {
    const kept = await this.place.list("");
    return findDumps(kept.map(({ path, ...rest }) => ({ file: path, ...rest })));
  }

  /** Removes what a killed run left: the dump that it was writing, and the files that had their names already. @returns names */
  async removeRemains(): Promise<string[]> {
    const all = await readdir(this.folder);
    const partials = all.filter((file) => /^\.marimo_backup_.*\.partial$/.test(file));
    const named = partials.flatMap((file) => {
      const { name } = parseDumpFile(file.replace(/^\.|\.partial$/g, "")) ?? {};
      if (name === undefined) return [];
      const { dump, checksum, meta } = filesOf(name);
      return all.includes(dump) ? [] : [checksum, meta].filter((one) => all.includes(one));
    });
    // The partial dump last: it is by what the others are known.
    const remains = [...new Set([...named, ...partials])];
    for (const file of remains) await rm(this.path(file), { force: true });
    return remains;
  }

  /** Gives a proved dump its name, the dump's own file last, so that where it is, the others are. */
  async publish(name: string, sha256: string, meta: string): Promise<void> {
    const files = filesOf(name);
    const texts: [string, string][] = [
      [files.checksum, renderChecksum(sha256, files.dump)],
      [files.meta, meta],
    ];
    for (const [file, text] of texts) await writeFile(this.partial(file), text, { flush: true, mode: 0o640 });
    for (const file of [files.checksum, files.meta, files.dump]) await rename(this.partial(file), this.path(file));
    await syncFolder(this.folder);
  }

  /** Lets `marimo_backup_latest.dump.gz` name a dump. There is no moment in which it names none. */
  async pointLatest(name: string): Promise<void> {
    const { dump } = filesOf(name);
    if ((await this.latest()) === dump) return;
    const partial = this.partial(latestDump);
    await rm(partial, { force: true });
    await symlink(dump, partial);
    await rename(partial, this.path(latestDump));
    await syncFolder(this.folder);
  }

  /** The file that `marimo_backup_latest.dump.gz` names. */
  async latest(): Promise<string | undefined> {
    try {
      return await readlink(this.path(latestDump));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "EINVAL") return undefined;
      throw error;
    }
  }

  async remove({ name }: FoundDump): Promise<void> {
    // The dump first: what is left of a removal that is cut short is no dump, and as old.
    const { dump, checksum, meta } = filesOf(name);
    for (const file of [dump, checksum, meta]) await rm(this.path(file), { force: true });
  }
}
