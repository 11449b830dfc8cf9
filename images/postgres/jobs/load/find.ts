import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import type { Readable } from "node:stream";
import {
  filesOf,
  findDumps,
  isWhole,
  latestDump,
  parseChecksum,
  parseDumpFile,
  parseMeta,
  type DumpMeta,
} from "../../../../domain/dumps";
import type { JobSettings } from "../../../../domain/jobs";
import { load, type LoadOrder } from "../../../../domain/load";
import { messageOf, say } from "../../log";
import { dumpCopies, type DumpPlace, localPlace } from "../places/open";
import { Stop } from "../result";

/** A dump that was found, with what lies beside it. */
export interface FoundFile {
  readonly place: string;
  readonly file: string;
  readonly bytes: number;
  readonly open: () => Promise<Readable>;
  /** @default there is no checksum beside it */
  readonly sha256: string | undefined;
  readonly meta: DumpMeta | undefined;
}

const lookMs = 500;

const beside = (file: string, checksum: string | undefined, meta: string | undefined) => {
  const sum = checksum === undefined ? undefined : parseChecksum(checksum);
  if (sum !== undefined && sum.file !== file) {
    throw new Stop(
      `its checksum is of ${sum.file}, another file`,
      file,
      "Name the file that you mean, with its own checksum beside it",
    );
  }
  return { sha256: sum?.sha256, meta: meta === undefined ? undefined : parseMeta(meta) };
};

/** The file that an operator sends, when it is here. */
const uploaded = async (
  file: string,
  { bytes, checksum, meta }: NonNullable<LoadOrder["upload"]>,
): Promise<FoundFile> => {
  const size = async () => {
    try {
      return (await stat(load.upload)).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
      throw error;
    }
  };
  // Nothing announces it; whoever sends ends this pod if it gives up.
  while ((await size()) < bytes) await pause(lookMs);
  const open = () => Promise.resolve(createReadStream(load.upload));
  return { place: "the operator's machine", file, bytes, open, ...beside(file, checksum, meta) };
};

/** Looks in one place. @returns undefined where it isn't there */
const foundIn = async ({ place, folder }: DumpPlace, wanted: string): Promise<FoundFile | undefined> => {
  const kept = await place.list(folder);
  const files = kept.map(({ path, ...rest }) => ({ ...rest, file: path.slice(folder.length) }));
  const newest = findDumps(files).filter(isWhole).at(-1);
  const file = wanted === latestDump ? newest && filesOf(newest.name).dump : wanted;
  const own = files.find((one) => one.file === file);
  if (file === undefined || own === undefined) return undefined;
  const name = parseDumpFile(file)?.name ?? file.replace(/\.dump(\.gz)?$/, "");
  const parts = filesOf(name);
  const textOf = async (one: string) =>
    files.some((found) => found.file === one) ? text(await place.read(folder + one)) : undefined;
  const open = () => place.read(folder + file);
  const [checksum, meta] = [await textOf(parts.checksum), await textOf(parts.meta)];
  return { place: place.name, file, bytes: own.bytes, open, ...beside(file, checksum, meta) };
};

/**
 * Finds the dump: what the operator sends, else on the volume, else in the other places.
 * @throws Stop where it is nowhere
 */
export const findDump = async (order: LoadOrder, settings: JobSettings): Promise<FoundFile> => {
  if (order.upload) return uploaded(order.file, order.upload);
  const asked: string[] = [];
  for (const one of [localPlace(), ...dumpCopies(settings)]) {
    try {
      const found = await foundIn(one, order.file);
      if (found) return found;
      asked.push(`${one.place.name} doesn't have it`);
    } catch (error) {
      if (error instanceof Stop || error instanceof RangeError) throw error;
      asked.push(`${one.place.name} doesn't answer: ${messageOf(error)}`);
      say(asked.at(-1) ?? "");
    }
  }
  throw new Stop(
    `there is no such dump (${asked.join("; ")})`,
    order.file,
    "ls -lh /backups in a pod that mounts backup-storage shows the volume's",
  );
};
