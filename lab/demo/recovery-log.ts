/** A line of a container's log, with the time at which kubelet got it. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly text: string;
}

/**
 * The moments of a restore, in the order in which they come, with what announces each: an event of `marimo-bootstrap`, or a
 * message of Postgres' own (https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/access/transam/xlogrecovery.c).
 */
const announcements = {
  decided: { event: "decision" },
  restoreStarted: { event: "restore-start" },
  restoreEnded: { event: "restore-end" },
  redoStarted: { message: "redo starts at" },
  consistent: { message: "consistent recovery state reached" },
  redoDone: { message: "redo done at" },
  timelineSelected: { message: "selected new timeline ID" },
  recoveryEnded: { message: "archive recovery complete" },
} as const satisfies Record<string, { readonly event: string } | { readonly message: string }>;

export type Moment = keyof typeof announcements;
/** When each moment came, in milliseconds since 1970. */
export type RecoveryTimes = Readonly<Record<Moment, number>>;

/** A log as `kubectl logs --timestamps` prints it. Lines without a time are continuations, of no use here. */
export function parseLog(text: string): LogLine[] {
  return text.split("\n").flatMap((line) => {
    const space = line.indexOf(" ");
    const at = Date.parse(line.slice(0, space));
    return space < 0 || Number.isNaN(at) ? [] : [{ at, text: line.slice(space + 1) }];
  });
}

/** Whether this is the log of a member that restored the database, and not of one that copied it later. */
export const tellsOfRestore = (lines: readonly LogLine[]): boolean =>
  lines.some(({ text }) => announces(text, announcements.restoreStarted));

/**
 * When what happened, for the first recovery in the log.
 *
 * @throws Error naming the moments that the log does not tell of
 */
export function recoveryTimes(lines: readonly LogLine[]): RecoveryTimes {
  const times: Partial<Record<Moment, number>> = {};
  for (const { at, text } of lines) {
    for (const moment of moments) {
      if (times[moment] === undefined && announces(text, announcements[moment])) times[moment] = at;
    }
  }
  const missing = moments.filter((moment) => times[moment] === undefined);
  if (missing.length > 0) {
    throw new Error(
      `the log of the restoring member (${lines.length} lines) does not tell of: ${missing.map(describe).join(", ")}; ` +
        `the recovery's phases cannot be measured. Was the container restarted since, or is it another version of Postgres?`,
    );
  }
  return times as RecoveryTimes;
}

const moments = Object.keys(announcements) as Moment[];

function announces(text: string, announcement: { event: string } | { message: string }): boolean {
  if ("message" in announcement) return text.includes(`LOG:  ${announcement.message}`);
  return text.startsWith("{") && eventOf(text) === announcement.event;
}

/** The event's name, or `undefined` for a line that merely looks like JSON, as other programs may print. */
function eventOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "event" in parsed ? parsed.event : undefined;
  } catch {
    return undefined;
  }
}

const describe = (moment: Moment): string => {
  const announcement = announcements[moment];
  return "event" in announcement ? `event "${announcement.event}"` : `"${announcement.message}"`;
};
