/**
 * Names and positions in PostgreSQL's write-ahead log. A segment's name is 24 hexadecimal digits: timeline, then the segment's
 * number in two halves of which the second counts to 256 (segments of 16 MiB, PostgreSQL's default, which we never change).
 * https://www.postgresql.org/docs/17/wal-internals.html
 */

/** One file of WAL. Numbers go on through all timelines. */
export interface Segment {
  readonly timeline: number;
  readonly number: number;
}

/** Where a timeline was left: the next one took over from `position`, which it begins with. */
export interface Fork {
  readonly timeline: number;
  /** In bytes from the beginning of all WAL. */
  readonly position: number;
}

export const segmentBytes = 16 * 1024 * 1024;
const half = 2 ** 32;
const perHalf = half / segmentBytes;

const hex = (number: number) => number.toString(16).toUpperCase().padStart(8, "0");

export const segmentName = ({ timeline, number }: Segment): string =>
  hex(timeline) + hex(Math.floor(number / perHalf)) + hex(number % perHalf);

/** Reads a segment's name as PostgreSQL or as pgBackRest's archive has it (`….zst`). Any other file: `undefined`. */
export const parseSegment = (name: string): Segment | undefined => {
  const [, timeline = "", high = "", low = ""] =
    /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(-[0-9a-f]{40}(\.[a-z0-9]+)?)?$/.exec(name) ?? [];
  if (timeline === "") return undefined;
  return { timeline: parseInt(timeline, 16), number: parseInt(high, 16) * perHalf + parseInt(low, 16) };
};

/** The number of the segment in which a position lies. */
export const segmentAt = (position: number): number => Math.floor(position / segmentBytes);

/**
 * Reads a position as PostgreSQL writes it, `1/2A000110`.
 * @throws RangeError when it is none
 */
export const parsePosition = (text: string): number => {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined)
    throw new RangeError(`"${text}" is no position in WAL such as 1/2A000110`);
  return parseInt(high, 16) * half + parseInt(low, 16);
};

export const renderPosition = (position: number): string =>
  `${Math.floor(position / half).toString(16)}/${(position % half).toString(16)}`.toUpperCase();

/**
 * The forks that a timeline's history file tells of, the oldest first; its last one is where the timeline itself began.
 * @throws RangeError when the text is no history: a recovery would not follow it either
 */
export const parseHistory = (text: string): Fork[] => {
  const forks = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line): Fork => {
      const [, timeline, position] = /^([0-9]+)\s+(\S+)/.exec(line) ?? [];
      if (timeline === undefined || position === undefined) {
        throw new RangeError(`"${line.slice(0, 80)}" is no line of a history file`);
      }
      return { timeline: Number(timeline), position: parsePosition(position) };
    });
  if (forks.length === 0) throw new RangeError("a history file that names no timeline before it");
  return forks;
};
