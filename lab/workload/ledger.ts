import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

/**
 * What a writer knows about the commits of its run, one JSON object to a line, in a file that is only appended to. Times
 * are milliseconds since 1970 from a clock that never steps back.
 */
const Time = z.number().positive();
const Rows = { first: z.int().positive(), rows: z.int().positive() };

const Entry = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("start"), run: z.uuid(), at: Time }),
  /** The server acknowledged the commit of the rows `first` to `first + rows - 1`; its address is the one that it has itself. */
  z.strictObject({ type: z.literal("acknowledged"), ...Rows, sent: Time, at: Time, server: z.string() }),
  /** No answer came: the rows may or may not be there, and either is right. */
  z.strictObject({ type: z.literal("unknown"), ...Rows, sent: Time, at: Time, reason: z.string() }),
  /** The server answered that it did not commit them. */
  z.strictObject({ type: z.literal("refused"), ...Rows, at: Time, reason: z.string() }),
  z.strictObject({ type: z.literal("connected"), session: z.int(), at: Time }),
  z.strictObject({ type: z.literal("disconnected"), session: z.int(), at: Time, reason: z.string() }),
  z.strictObject({ type: z.literal("stop"), at: Time }),
]);
export type LedgerEntry = z.infer<typeof Entry>;
export type Commit = Extract<LedgerEntry, { type: "acknowledged" }>;

/** Now, in milliseconds since 1970, not moved by corrections of the machine's clock. */
export const clock = (): number => performance.timeOrigin + performance.now();

/** Longest time that an entry stays in the kernel's memory only. */
const SYNC_INTERVAL_MS = 100;

/** The writing end. An entry is with the kernel when `append` returns, so the end of this process cannot lose it. */
export class Ledger {
  private readonly file: number;
  private syncing: NodeJS.Timeout | undefined;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    // "wx": the acknowledgements of another run are evidence that must not be mixed with this one's.
    this.file = openSync(path, "wx");
  }

  append(entry: LedgerEntry): void {
    writeSync(this.file, JSON.stringify(entry) + "\n");
    this.syncing ??= setTimeout(() => {
      this.sync();
    }, SYNC_INTERVAL_MS);
  }

  close(): void {
    this.sync();
    closeSync(this.file);
  }

  private sync(): void {
    clearTimeout(this.syncing);
    this.syncing = undefined;
    fsyncSync(this.file);
  }
}

export interface Run {
  readonly run: string;
  readonly startedAt: number;
  readonly acknowledged: readonly Commit[];
  readonly unknown: readonly Extract<LedgerEntry, { type: "unknown" }>[];
  readonly entries: readonly LedgerEntry[];
}

/** @throws Error naming the line that is no entry */
export function parseLedger(text: string): Run {
  const lines = text.split("\n");
  // What follows the last line's end was being written when the writer died; nothing was built on it.
  lines.pop();
  const entries = lines.map((line, index) => parseLine(line, index + 1));
  const [start] = entries;
  if (start?.type !== "start") throw new Error("line 1 of the ledger is not a start entry: it is no writer's ledger");
  return {
    run: start.run,
    startedAt: start.at,
    acknowledged: entries.filter((entry) => entry.type === "acknowledged"),
    unknown: entries.filter((entry) => entry.type === "unknown"),
    entries,
  };
}

export function readLedger(path: string): Run {
  try {
    return parseLedger(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`the writer's ledger ${path} cannot be read, so nothing can be counted`, { cause: error });
  }
}

function parseLine(line: string, number: number): LedgerEntry {
  try {
    return Entry.parse(JSON.parse(line));
  } catch (error) {
    throw new Error(`line ${number} of the ledger is damaged: ${line.slice(0, 200)}`, { cause: error });
  }
}
