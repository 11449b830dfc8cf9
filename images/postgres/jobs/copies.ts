import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { expiredDumps, filesOf, findDumps, type FoundDump, isWhole, parseChecksum } from "../../../domain/dumps";
import type { Duration } from "../../../domain/duration";
import { messageOf, say } from "../log";
import { WrongChecksum } from "./checksum";
import type { LocalDumps } from "./localDumps";
import { FolderPlace } from "./places/folder";
import type { DumpPlace } from "./places/open";
import { AlreadyThere, type Kept } from "./places/place";
import type { Findings } from "./result";

const dumpsOf = (kept: readonly Kept[]): FoundDump[] =>
  findDumps(kept.map(({ path, ...rest }) => ({ file: basename(path), ...rest })));

/** Stores the files of one dump that the place lacks; the dump's own file last. */
const copyDump = async (local: LocalDumps, name: string, { place, folder }: DumpPlace, has: ReadonlySet<string>) => {
  const files = filesOf(name);
  const { sha256 } = parseChecksum(await readFile(local.path(files.checksum), "utf8"));
  for (const file of [files.checksum, files.meta, files.dump]) {
    if (has.has(folder + file)) continue;
    const wanted =
      file === files.dump
        ? sha256
        : createHash("sha256")
            .update(await readFile(local.path(file)))
            .digest("hex");
    try {
      await place.write(folder + file, local.path(file), wanted);
    } catch (error) {
      // An answer that was lost on its way, or another region's run.
      if (!(error instanceof AlreadyThere)) throw error;
    }
  }
};

/** What a place holds after a round of copies. */
export interface CopyState {
  readonly place: string;
  readonly copied: readonly string[];
  /** When the place says that it got the newest local dump; nothing where it has it not. */
  readonly newestAt?: Date;
}

/**
 * Copies every finished dump of the volume that a place lacks, so that what failed yesterday is made up for today. A place that fails
 * doesn't stop the others.
 */
export const copyDumps = async (
  local: LocalDumps,
  target: DumpPlace,
  dumps: readonly FoundDump[],
  findings: Findings,
): Promise<CopyState> => {
  const { place, folder } = target;
  const copied: string[] = [];
  try {
    const has = new Set((await place.list(folder)).map(({ path }) => path));
    for (const { name } of dumps) {
      const missing = Object.values(filesOf(name)).some((file) => !has.has(folder + file));
      if (!missing) continue;
      say(`stage: copying ${name} to ${place.name}`);
      try {
        await copyDump(local, name, target, has);
        copied.push(name);
      } catch (error) {
        if (!(error instanceof WrongChecksum)) throw error;
        findings.fault(
          `${messageOf(error)}. It is not copied`,
          `local: ${name}`,
          "Another place may have it whole: compare, and remove this copy by hand",
        );
      }
    }
    const newest = dumps.at(-1);
    const kept = newest && (await place.list(folder)).find(({ path }) => path === folder + filesOf(newest.name).dump);
    return { place: place.name, copied, ...(kept && { newestAt: kept.modified }) };
  } catch (error) {
    findings.fault(
      `dumps are not copied there: ${messageOf(error)}`,
      place.name,
      "The dump is on the volume, and the next run copies what is missing. See whether the place answers, has room and takes the job's identity",
    );
    return { place: place.name, copied };
  }
};

/** Removes what is too old from a mounted place; stores do that by themselves. @returns names */
export const expireMounted = async (target: DumpPlace, now: Date, retention: Duration): Promise<string[]> => {
  const { place, folder } = target;
  if (!(place instanceof FolderPlace)) return [];
  const expired = expiredDumps(dumpsOf(await place.list(folder)), now, retention);
  for (const { name } of expired) {
    const { dump, checksum, meta } = filesOf(name);
    for (const file of [dump, checksum, meta]) await place.remove(folder + file);
  }
  return expired.map(({ name }) => name);
};

/** Dumps of the volume that belong into a place: whole, and young enough that its store would keep them. */
export const dumpsToCopy = (dumps: readonly FoundDump[], now: Date, storeTime: Duration): FoundDump[] => {
  const oneDay = 86_400_000;
  const limit = now.getTime() - storeTime.seconds * 1000 + oneDay;
  return dumps.filter((dump) => isWhole(dump) && dump.time.getTime() > limit);
};
