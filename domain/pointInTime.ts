import type { BaseBackup, Restorable, Window } from "./archive";
import type { RepositoryName } from "./repository";
import { parsePosition, renderPosition } from "./wal";

/** Where a restore ends. */
export type Target =
  /** Everything that was committed until then. Seconds since 1970; `text` as PostgreSQL takes it, in UTC. */
  | { readonly kind: "time"; readonly at: number; readonly text: string }
  | { readonly kind: "lsn"; readonly position: number; readonly text: string }
  /** A restore point, as `SELECT pg_create_restore_point('…')` makes one. */
  | { readonly kind: "name"; readonly text: string }
  /** The end of the archive. */
  | { readonly kind: "end"; readonly text: "" };

const moment = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)$/i;
// PostgreSQL cuts longer names: https://www.postgresql.org/docs/17/functions-admin.html#FUNCTIONS-ADMIN-BACKUP
const restorePoint = /^[A-Za-z_][A-Za-z0-9_.:-]{0,62}$/;

const wanted =
  "a moment with its zone such as 2026-11-24T16:52:00Z or 2026-11-24 17:52:00.5+01, a position in WAL such as 1/2A000110, " +
  "a restore point's name (it begins with a letter), or latest";

const parseMoment = (text: string): Target | undefined => {
  const [, date, minutes, seconds = "00", fraction = "", zone = ""] = moment.exec(text) ?? [];
  if (date === undefined || minutes === undefined) return undefined;
  const offset = /^[+-]/.test(zone) ? `${zone.slice(0, 3)}:${zone.replace(":", "").slice(3).padEnd(2, "0")}` : "Z";
  const whole = Date.parse(`${date}T${minutes}:${seconds}${offset}`);
  // A day that the month doesn't have would be taken for one of the next.
  const local = Date.parse(`${date}T${minutes}:${seconds}Z`);
  if (Number.isNaN(whole) || !new Date(local).toISOString().startsWith(`${date}T${minutes}:${seconds}`))
    return undefined;
  const micro = fraction.padEnd(6, "0");
  const utc = new Date(whole).toISOString().slice(0, 19).replace("T", " ");
  return { kind: "time", at: whole / 1000 + Number(micro) / 1e6, text: `${utc}.${micro}+00` };
};

/** @throws RangeError when it is none; a moment without a zone is refused, for it may mean two */
export const parseTarget = (text: string): Target => {
  if (text === "latest") return { kind: "end", text: "" };
  const time = parseMoment(text);
  if (time !== undefined) return time;
  if (/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/.test(text)) {
    const position = parsePosition(text);
    return { kind: "lsn", position, text: renderPosition(position) };
  }
  if (restorePoint.test(text)) return { kind: "name", text };
  throw new RangeError(`"${text}" is no point to restore to. It must be ${wanted}`);
};

/** What is to be restored, as `marimo-scratch` is told. */
export interface Order {
  readonly repository: RepositoryName;
  readonly backup: BaseBackup;
  readonly timeline: number;
  readonly target: Target;
}

/** `later`: the archive does not reach there yet; it does when the database that runs has archived what it has. */
export type Choice =
  | { readonly kind: "go"; readonly order: Order }
  | { readonly kind: "later"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string };

export interface Question {
  readonly target: Target;
  /** By repository, in the order in which they are preferred. */
  readonly restorable: ReadonlyMap<RepositoryName, Restorable>;
  /** Seconds since 1970. */
  readonly now: number;
  /** Label of the backup to begin with. @default the newest one before the target */
  readonly backup?: string | undefined;
  /** The history to follow. @default the current one */
  readonly timeline?: number | undefined;
}

export const utc = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/\.000Z$/, "Z");

/** A backup's stop is known in whole seconds, and within that second the database may not be consistent yet. */
const stopSecond = 1;

const precedes = (target: Target, { stoppedAt, stop }: BaseBackup): boolean => {
  switch (target.kind) {
    case "time":
      return stoppedAt + stopSecond <= target.at;
    case "lsn":
      return stop < target.position;
    case "name":
    case "end":
      return true;
  }
};

const endsBefore = (target: Target, { to }: Window): boolean =>
  target.kind === "time" ? to.time < target.at : target.kind === "lsn" && parsePosition(to.lsn) <= target.position;

const endOf = ({ to }: Window): number => parsePosition(to.lsn);

const inWords = (target: Target): string => (target.kind === "end" ? "the archive's end" : target.text);

const windowInWords = ({ repository, from, to, timeline, current }: Window): string =>
  `${repository}: ${utc(from.time)} (${from.lsn}) to ${utc(to.time)} (${to.lsn})` +
  (current ? "" : `, on timeline ${timeline}, which was left behind`);

const listed = (windows: readonly Window[]): string =>
  windows.length === 0 ? "nothing" : windows.map(windowInWords).join("; ");

/** The backup that a restore begins with, or why there is none. */
const choose = (windows: readonly Window[], { target, backup }: Question): Choice | undefined => {
  const isOpen = target.kind === "end" || target.kind === "name";
  const inOrder = isOpen ? [...windows].sort((one, other) => endOf(other) - endOf(one)) : windows;
  for (const window of inOrder) {
    if (endsBefore(target, window)) continue;
    const fitting = window.backups.filter((one) => precedes(target, one));
    const chosen = backup === undefined ? fitting.at(-1) : fitting.find(({ label }) => label === backup);
    if (chosen === undefined) continue;
    const { repository, timeline } = window;
    return { kind: "go", order: { repository, backup: chosen, timeline, target } };
  }
  return undefined;
};

/** Why a named backup can't be the beginning. */
const whyNotFrom = (label: string, mine: readonly Window[], { target, restorable }: Question): string => {
  const all = [...restorable.values()];
  const unusable = all.flatMap(({ unusable }) => unusable).find(({ backup }) => backup.label === label);
  if (unusable) return `backup ${label} can't be used: ${unusable.why}`;
  const holders = all
    .flatMap(({ windows }) => windows)
    .filter(({ backups }) => backups.some((one) => one.label === label));
  const [holder] = holders;
  if (holder === undefined) return `there is no backup ${label}; dr restore --list names those that there are`;
  if (!holders.some((window) => mine.includes(window))) {
    return `backup ${label} leads to timeline ${holder.timeline}, and not to the one that is asked for`;
  }
  const own = holder.backups.find((one) => one.label === label);
  if (own && !precedes(target, own)) {
    return `backup ${label} was over at ${utc(own.stoppedAt)} (${renderPosition(own.stop)}), not before ${inWords(target)}: a restore would run past it`;
  }
  return `no archive goes on from backup ${label} to ${inWords(target)} without a gap`;
};

/**
 * Decides with which backup a target is reached, from what the archives hold and before anything is touched.
 *
 * pgBackRest itself takes the newest backup where it finds none before the target, and PostgreSQL then replays to the end.
 */
export const planRestore = (question: Question): Choice => {
  const { target, restorable, now, backup, timeline } = question;
  const refused = (why: string): Choice => ({ kind: "refused", why });
  if (target.kind === "time" && target.at > now) {
    return refused(`${target.text} lies in the future: it is ${utc(Math.floor(now))} now`);
  }
  const all = [...restorable.values()].flatMap(({ windows }) => windows);
  if (all.length === 0) return refused("no repository that answers holds a base backup with its WAL");
  const mine = all.filter((window) => (timeline === undefined ? window.current : window.timeline === timeline));
  if (mine.length === 0) {
    return refused(`no backup leads to timeline ${timeline ?? "?"}. There is: ${listed(all)}`);
  }
  const chosen = choose(mine, question);
  if (chosen !== undefined) return chosen;

  const reaching = mine.filter((window) => !endsBefore(target, window));
  if (backup !== undefined && reaching.length > 0) return refused(whyNotFrom(backup, mine, question));
  const others = all.filter((window) => !mine.includes(window));
  const elsewhere = choose(others, { ...question, backup: undefined });
  const across =
    elsewhere?.kind === "go"
      ? `. Timeline ${elsewhere.order.timeline}, which was left behind, has it: --timeline ${elsewhere.order.timeline}`
      : "";
  if (reaching.length === 0) {
    if (timeline === undefined && across === "") {
      return {
        kind: "later",
        why: `${inWords(target)} is after the end of the archive. There is: ${listed(mine)}`,
      };
    }
    return refused(`${inWords(target)} is after the end of the archive. There is: ${listed(mine)}${across}`);
  }
  const before = mine.some((window) => endsBefore(target, window));
  const what = before ? "lies in a gap of the archive" : "is from before the first backup that can be restored";
  return refused(`${inWords(target)} ${what}. There is: ${listed(mine)}${across}`);
};
