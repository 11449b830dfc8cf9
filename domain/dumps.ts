import { z } from "zod";
import { Duration } from "./duration";
import { lsnBytes } from "./fence";

/** Always names the newest good dump. */
export const latestDump = "marimo_backup_latest.dump.gz";

/** The three files of a dump, side by side. */
const parts = { dump: ".dump.gz", checksum: ".sha256", meta: ".meta" } as const;
type Part = keyof typeof parts;

/** A dump by its name, such as `marimo_backup_20261124_020000`. */
export interface DumpName {
  readonly name: string;
  /** When it was begun, UTC, to the second. */
  readonly time: Date;
}

const pattern = /^(marimo_backup_(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2}))(\.dump\.gz|\.sha256|\.meta)$/;

export const nameDump = (time: Date): string =>
  `marimo_backup_${time
    .toISOString()
    .replace(/[-:]|\..*/g, "")
    .replace("T", "_")}`;

/** Names of a dump's files, in the order in which they are stored: where the dump is, the others are. */
export const filesOf = (name: string): { readonly checksum: string; readonly meta: string; readonly dump: string } => ({
  checksum: name + parts.checksum,
  meta: name + parts.meta,
  dump: name + parts.dump,
});

/** What a file in a folder of dumps is; `undefined` where it is no part of a dump. */
export const parseDumpFile = (file: string): (DumpName & { readonly part: Part }) | undefined => {
  const [, name, year, month, day, hour, minute, second, end] = pattern.exec(file) ?? [];
  if (name === undefined) return undefined;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // The 31st of February and the like.
  if (Number.isNaN(time.getTime()) || nameDump(time) !== name) return undefined;
  return { name, time, part: end === parts.dump ? "dump" : end === parts.checksum ? "checksum" : "meta" };
};

/** A dump of which a folder holds at least one file. */
export interface FoundDump extends DumpName {
  readonly parts: ReadonlySet<Part>;
  /** Size of the dump itself. 0 where it is missing. */
  readonly bytes: number;
  /** When the folder got the last of its files, by the folder's clock. */
  readonly modified: Date;
}

/** All three files are there. What is in them is another question. */
export const isWhole = ({ parts: found }: FoundDump): boolean => found.size === 3;

/** A file in a folder; its name without the folder. */
export interface FolderFile {
  readonly file: string;
  readonly bytes: number;
  readonly modified: Date;
}

/** The dumps of a folder, oldest first. */
export const findDumps = (files: readonly FolderFile[]): FoundDump[] => {
  const found = new Map<string, { name: string; time: Date; parts: Set<Part>; bytes: number; modified: Date }>();
  for (const { file, bytes, modified } of files) {
    const parsed = parseDumpFile(file);
    if (parsed === undefined) continue;
    const { name, time, part } = parsed;
    const dump = found.get(name) ?? { name, time, parts: new Set<Part>(), bytes: 0, modified };
    dump.parts.add(part);
    if (modified > dump.modified) dump.modified = modified;
    if (part === "dump") dump.bytes = bytes;
    found.set(name, dump);
  }
  return [...found.values()].sort((a, b) => a.time.getTime() - b.time.getTime());
};

/**
 * Dumps whose time is over: made, and brought to the folder, more than `retention` before `now`; never the newest whole one. An old dump
 * that somebody copied there yesterday stays. A clock that is wrong must be found out before.
 */
export const expiredDumps = (dumps: readonly FoundDump[], now: Date, retention: Duration): FoundDump[] => {
  const newest = dumps.filter(isWhole).at(-1);
  const limit = now.getTime() - retention.seconds * 1000;
  return dumps.filter((dump) => dump !== newest && dump.time.getTime() < limit && dump.modified.getTime() < limit);
};

/** What the plan says: 30 days on the volume. */
export const localDumpTime = Duration.days(30);

/** How far two clocks may be apart; more than any drift, less than any time zone. */
export const clockTolerance = Duration.minutes(15);

/** Dumps of the future: whoever named them, or this clock, is wrong. */
export const futureDumps = (dumps: readonly FoundDump[], now: Date): FoundDump[] =>
  dumps.filter(({ time }) => time.getTime() > now.getTime() + clockTolerance.seconds * 1000);

/** A line as `sha256sum` writes and checks it. */
export const renderChecksum = (sha256: string, file: string): string => `${sha256}  ${file}\n`;

/** @throws RangeError where the text is no such line */
export const parseChecksum = (text: string): { readonly sha256: string; readonly file: string } => {
  // An asterisk stands for binary mode, which is the same here; a path before the name comes from `sha256sum PATH`.
  const [, sha256, file] = /^([0-9a-fA-F]{64}) [ *](?:\S*\/)?(\S+)\n?$/.exec(text) ?? [];
  if (sha256 === undefined || file === undefined) {
    throw new RangeError(`"${text.slice(0, 100)}" is no line of sha256sum: a SHA-256, two spaces and a file's name`);
  }
  return { sha256: sha256.toLowerCase(), file };
};

const Manifest = z.object({
  /** Rows of each table, by `schema.table` as SQL writes it. */
  tables: z.record(z.string(), z.int().min(0)),
  /** Last value of each sequence that was used; what is restored is never less. */
  sequences: z.record(z.string(), z.string()),
  /** Version of each extension. */
  extensions: z.record(z.string(), z.string()),
  /** Roles of the server, without PostgreSQL's own: a dump has none, and its objects belong to some of them. */
  roles: z.array(z.string()),
  largeObjects: z.int().min(0),
});

/** What a dump must hold, seen in the very snapshot that it was taken in. */
export type Manifest = z.infer<typeof Manifest>;

// Loose, for the dumps of whoever comes from older scripts have the first three only.
const Meta = z.looseObject({
  /** ISO 8601, UTC, in dumps of this program. */
  timestamp: z.string(),
  database: z.string(),
  /** Bytes of the `.dump.gz`, in dumps of this program. */
  size: z.union([z.number(), z.string()]),
  sha256: z.string().exactOptional(),
  /** As in `server_version_num`, for example 170012. */
  serverVersion: z.int().exactOptional(),
  region: z.string().exactOptional(),
  /** The member that was read, and whether it was a standby. */
  source: z.object({ host: z.string(), standby: z.boolean() }).exactOptional(),
  /** WAL position of the snapshot, for what a dump lacks beside the archive. */
  lsn: z.string().exactOptional(),
  /** `pg_database_size` at that time. */
  databaseBytes: z.number().exactOptional(),
  manifest: Manifest.exactOptional(),
});

/** The content of a `.meta` file. */
export type DumpMeta = z.infer<typeof Meta>;

export const renderMeta = (meta: DumpMeta): string => `${JSON.stringify(meta, undefined, 2)}\n`;

/** @throws RangeError where the text is no description of a dump */
export const parseMeta = (text: string): DumpMeta => {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new RangeError(`"${text.slice(0, 100)}" is no JSON`);
  }
  const meta = Meta.safeParse(content);
  if (!meta.success) throw new RangeError(`it describes no dump: ${z.prettifyError(meta.error)}`);
  return meta.data;
};

/** The least that is asked for beside the dump's own size. */
const margin = 64 * 2 ** 20;

/**
 * Room that the next dump may need: half as much again as the last one, or half the database where there is none yet (text
 * compresses to less; a database of pictures doesn't, and such a run fails cleanly).
 */
export const neededBytes = (lastDump: number | undefined, databaseBytes: number): number =>
  margin + Math.ceil(lastDump === undefined ? databaseBytes / 2 : lastDump * 1.5);

/** A member as it was seen just before a dump. */
export interface SeenMember<Member> {
  readonly member: Member;
  readonly follows: boolean;
  /** Written by the leader, or replayed by a standby. */
  readonly lsn: string;
  /** Whether a standby receives its leader's WAL now. */
  readonly streams: boolean;
}

/** WAL by which a standby may be behind to be dumped: four segments, a few seconds of a busy database. */
export const lagLimit = 64 * 2 ** 20;

/**
 * Members in the order in which they are asked for a dump: standbys that are close to the leader first, for they spare it the work;
 * then the leader. Without a leader, the standby that has most.
 */
export const orderSources = <Member>(seen: readonly SeenMember<Member>[]): SeenMember<Member>[] => {
  const lsn = (one: SeenMember<Member>) => lsnBytes(one.lsn);
  const standbys = seen.filter(({ follows }) => follows).sort((a, b) => (lsn(a) < lsn(b) ? 1 : -1));
  const leader = seen.find(({ follows }) => !follows);
  if (leader === undefined) return standbys.slice(0, 1);
  const close = standbys.filter((one) => one.streams && lsn(leader) - lsn(one) <= BigInt(lagLimit));
  return [...close, leader];
};
