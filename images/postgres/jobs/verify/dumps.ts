import { basename } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { DumpPlaceRead, DumpRead } from "../../../../domain/dumpFaults";
import { filesOf, findDumps, type FoundDump, parseChecksum, parseMeta } from "../../../../domain/dumps";
import { messageOf, say } from "../../log";
import { Sum } from "../checksum";
import type { DumpPlace } from "../places/open";
import { NotThere, type Place } from "../places/place";

/** A dump that is being written or copied has not all its files yet; a job ends within this time (components/logicalBackup.ts). */
const writingMs = 6 * 3600 * 1000;

/** The largest file that describes a dump; a database of a hundred thousand tables has less. */
const textBytes = 64 * 2 ** 20;

const readText = async (place: Place, path: string): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of (await place.read(path)) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > textBytes) throw new Error(`${path} has more than ${textBytes} bytes, and should be a short text`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

/** Reads a file to its end and keeps nothing of it. */
const sumOf = async (place: Place, path: string): Promise<{ bytes: number; sha256: string }> => {
  const sum = new Sum();
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  await pipeline(await place.read(path), sum, nowhere);
  return { bytes: sum.bytes, sha256: sum.sha256 };
};

/** Text of a file as a value; where it is none, it is a problem of that file. */
const parsed = <T>(parse: (text: string) => T, text: string, problem: (what: string) => void): T | undefined => {
  try {
    return parse(text);
  } catch (error) {
    problem(`it is damaged: ${messageOf(error)}`);
    return undefined;
  }
};

/** Reads the files of a dump whole. `undefined`: it is being written or removed. */
const readDump = async ({ place, folder }: DumpPlace, dump: FoundDump): Promise<DumpRead | undefined> => {
  const { name, time, parts } = dump;
  const files = filesOf(name);
  const problems: DumpRead["problems"][number][] = [];
  const damaged = (file: string) => (what: string) => problems.push({ file, what, kind: "damaged" });
  const isYoung = Date.now() - dump.modified.getTime() < writingMs;
  const lacking = (["checksum", "meta", "dump"] as const).filter((part) => !parts.has(part));
  if (lacking.length > 0 && isYoung) return undefined;
  for (const part of lacking) {
    damaged(files[part])(
      part === "checksum" ? "it is missing, and without it nothing proves the dump" : "it is missing",
    );
  }
  const read = async <T>(file: string, action: (path: string) => Promise<T>): Promise<T | undefined> => {
    try {
      return await action(folder + file);
    } catch (error) {
      // Removed by age since it was listed.
      if (error instanceof NotThere) damaged(file)("it was there, and is gone");
      else
        problems.push({
          file,
          what: `it could not be read, so nothing is known of it: ${messageOf(error)}`,
          kind: "unread",
        });
      return undefined;
    }
  };
  const text = (file: string) => read(file, (path) => readText(place, path));
  const checksumText = parts.has("checksum") ? await text(files.checksum) : undefined;
  const meta = parts.has("meta") ? await text(files.meta) : undefined;
  const checksum =
    checksumText === undefined ? undefined : parsed(parseChecksum, checksumText, damaged(files.checksum));
  const told = meta === undefined ? undefined : parsed(parseMeta, meta, damaged(files.meta));
  if (checksum && checksum.file !== files.dump) damaged(files.checksum)(`it is damaged: it is for ${checksum.file}`);
  const found = parts.has("dump") ? await read(files.dump, (path) => sumOf(place, path)) : undefined;
  if (found && found.sha256 !== (checksum?.sha256 ?? told?.sha256)) {
    // The checksum stands in both files, so it shows which of the three was changed.
    if (checksum && found.sha256 === told?.sha256) {
      damaged(files.checksum)(`it is damaged: it says ${checksum.sha256}, and the dump is what its description says`);
    } else {
      damaged(files.dump)(
        checksum || told?.sha256
          ? `it is damaged: its SHA-256 is ${found.sha256}, and not ${checksum?.sha256 ?? told?.sha256}`
          : "nothing proves it",
      );
    }
  } else if (found && checksum && told?.sha256 !== undefined && told.sha256 !== checksum.sha256) {
    damaged(files.meta)(`it is damaged: it says the SHA-256 ${told.sha256}, and the dump is what its checksum says`);
  }
  const proved = found !== undefined && checksum !== undefined && found.sha256 === checksum.sha256;
  return { name, time, bytes: found?.bytes ?? 0, problems, good: proved && lacking.length === 0, meta };
};

/** Reads every dump in a place, one after the other; nothing is kept but sums. */
export const readDumps = async (target: DumpPlace): Promise<DumpPlaceRead> => {
  const { place, folder } = target;
  const about = { place: place.name, folder };
  try {
    say(`stage: reading the dumps in ${place.name}`);
    const kept = await place.list(folder);
    const dumps: DumpRead[] = [];
    for (const dump of findDumps(kept.map(({ path, ...rest }) => ({ file: basename(path), ...rest })))) {
      const read = await readDump(target, dump);
      if (read) dumps.push(read);
    }
    return { ...about, dumps };
  } catch (error) {
    return { ...about, dumps: [], error: messageOf(error) };
  }
};
