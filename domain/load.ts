import type { Manifest } from "./dumps";
import { fence } from "./fence";
import { names } from "./names";
import type { Address } from "./patroni";

/** Where the pod that brings a dump back keeps things. */
export const load = {
  /** Variable with a `LoadOrder` in JSON. */
  order: "MARIMO_LOAD",
  /** Volume of its own, as large as a member's. */
  workFolder: "/scratch",
  /** Where a dump from the operator's machine arrives; it has its size when it is whole. */
  upload: "/scratch/upload",
  /** Variable with the password of a scratch database that is copied from. */
  scratchPassword: "MARIMO_SCRATCH_PASSWORD",
} as const;

/** What `marimo-load` is told. */
export interface LoadOrder {
  /** Name of the dump's file, without a folder. */
  readonly file: string;
  /** The dump comes from the operator's machine, with what lay beside it there. @default it is looked for in the places */
  readonly upload?: { readonly bytes: number; readonly checksum?: string; readonly meta?: string };
  /** A scratch database that is brought back instead of a file. It is at a moment that was chosen, and nobody writes there. */
  readonly scratch?: Address;
  readonly target: Address & { readonly tls: boolean };
  readonly database: string;
  /** Names the databases that are made and kept aside, such as `20261124_165255`. */
  readonly stamp: string;
  /** Free bytes on the volume of the target's database. */
  readonly freeBytes: number;
  /** Does nothing where the database has tables already. */
  readonly onlyIfEmpty: boolean;
  /** Everything belongs to the superuser, whoever owned it. */
  readonly withoutOwners: boolean;
  /** Why a dump is taken whose checksum is missing or wrong. @default it is refused */
  readonly acceptUnverified?: string;
}

/** What became of it. */
export interface LoadResult {
  /** `kept`: the database has tables, and the order was to leave them. */
  readonly outcome: "restored" | "kept";
  readonly file: string;
  /** Where the dump was found. */
  readonly place: string;
  readonly verified: boolean;
  readonly acceptedBecause?: string;
  /** Version of the server that was dumped, as `pg_restore --list` has it. */
  readonly dumpedFrom?: string;
  readonly bytes?: number;
  /** Tables whose rows were counted and are as many as when the dump was taken. */
  readonly tablesCompared?: number;
  /** The database that was there before, under its new name. */
  readonly before?: string;
  /** Restore point in the WAL, made before the names changed. */
  readonly restorePoint?: string;
  readonly seconds?: Readonly<Record<string, number>>;
}

/** The beginning of what `pg_restore --list` prints. */
export interface ArchiveHeader {
  readonly database: string;
  readonly dumpedFrom: string;
  readonly major: number;
  readonly format: string;
}

/** @throws RangeError where it is no such list */
export const parseArchiveHeader = (list: string): ArchiveHeader => {
  const field = (name: string) => new RegExp(`^;\\s+${name}: (.*)$`, "m").exec(list)?.[1]?.trim();
  const dumpedFrom = field("Dumped from database version");
  const major = Number(/^\d+/.exec(dumpedFrom ?? "")?.[0]);
  if (dumpedFrom === undefined || !(major > 0)) {
    throw new RangeError("pg_restore names no version of the server that was dumped");
  }
  return { dumpedFrom, major, database: field("dbname") ?? "", format: field("Format") ?? "" };
};

/** Why a dump can't be restored into a server. `undefined`: it can. */
export const versionFault = ({ major, dumpedFrom }: ArchiveHeader, serverMajor: number): string | undefined =>
  major > serverMajor
    ? `it was taken from PostgreSQL ${dumpedFrom}, and this server is ${serverMajor}: an older server can't be given a newer one's dump`
    : undefined;

/** Indexes are built anew, and take room beside the tables; WAL waits on the same volume. */
const overhead = 1.2;

/** Room that a dump takes on the target's volume, beside the database that is there. */
export const neededBytes = (databaseBytes: number | undefined, dumpBytes: number): number =>
  // A dump that doesn't say it is compressed, to a third or so, and lacks the indexes.
  Math.ceil((databaseBytes ?? dumpBytes * 4) * overhead);

/** Tables that don't have the rows that the dump was to hold. The fence's own are the living database's matter. */
export const rowFaults = ({ tables }: Pick<Manifest, "tables">, counted: Readonly<Record<string, number>>): string[] =>
  Object.entries(tables).flatMap(([table, rows]) => {
    if (table.startsWith(`${fence.heartbeatSchema}.`)) return [];
    const found = counted[table];
    if (found === rows) return [];
    return [found === undefined ? `${table} is missing` : `${table} has ${found} rows and not ${rows}`];
  });

/** The databases of one restore. Names of PostgreSQL have 63 letters. */
export const databaseNames = (database: string, stamp: string) => ({
  /** What is restored into, beside the living one. */
  incoming: `${database}_restore_${stamp}`,
  /** The living one, afterwards. */
  before: `${database}_before_${stamp}`,
  /** Restore point of the moment before. */
  restorePoint: `before_restore_${stamp}`,
});

/** `20261124_165255` */
export const stampOf = (now: Date): string => now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");

/** Whether the living database has tables that somebody would miss. */
export const tablesOfUsers = `
  SELECT count(*)::int AS count FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
   WHERE relkind IN ('r', 'p') AND nspname NOT IN ('information_schema', '${fence.heartbeatSchema}') AND nspname NOT LIKE 'pg\\_%'`;

/** The commands with which an operator goes back, or lets the old one go. */
export const afterwards = (before: string): string[] => [
  `To look into what was there before: psql -U ${names.superuser} -d ${before}`,
  `When nobody misses it: psql -U ${names.superuser} -c 'DROP DATABASE ${before}'`,
];
