import type { Info } from "./pgbackrestInfo";
import { type RepositoryName, repositoryNumber } from "./repository";
import {
  type Fork,
  parseHistory,
  parsePosition,
  parseSegment,
  renderPosition,
  segmentAt,
  segmentBytes,
  segmentName,
} from "./wal";

/** A base backup as `pgbackrest info` has it. Times are seconds since 1970. */
export interface BaseBackup {
  readonly label: string;
  readonly type: "full" | "diff" | "incr";
  /** Labels of the backups that have files of this one. */
  readonly references: readonly string[];
  readonly startedAt: number;
  readonly stoppedAt: number;
  /** What a restore must replay before the database is consistent: numbers of its segments, and the timeline that they are on. */
  readonly timeline: number;
  readonly first: number;
  readonly last: number;
  /** Where it is consistent, in bytes from the beginning of all WAL. */
  readonly stop: number;
  /** Size of the database, in bytes. */
  readonly bytes: number;
  /** Whether the database had pages with a wrong checksum when it was taken. */
  readonly damagedPages: boolean;
}

/** A segment that the archive holds. */
export interface Kept {
  /** More than one: pgBackRest gives none of them to a restore. Below `archive/STANZA`. */
  readonly files: readonly [string, ...string[]];
  /** When the store got it, in seconds since 1970. What was committed in it is older. */
  readonly storedAt: number;
}

/** What is known to be unusable although it is there. */
export interface Damage {
  /** Names of segments. */
  readonly segments: ReadonlySet<string>;
  /** Labels of base backups that have a damaged file themselves; those that refer to them follow from it. */
  readonly backups: ReadonlySet<string>;
}

export const noDamage: Damage = { segments: new Set(), backups: new Set() };

/** What one repository holds of one database. */
export interface Archive {
  readonly repository: RepositoryName;
  /** Folder of its WAL: PostgreSQL's version and the database's number, `17-1`. A database that was made anew has another. */
  readonly id: string;
  readonly systemId: number;
  /** The oldest first. */
  readonly backups: readonly BaseBackup[];
  /** By name, without what pgBackRest adds to it. */
  readonly segments: ReadonlyMap<string, Kept>;
  /** By timeline: its forks, the oldest first. */
  readonly histories: ReadonlyMap<number, readonly Fork[]>;
  readonly damage: Damage;
}

/** What lies below `archive/STANZA` of a repository. */
export interface Listing {
  /** By path: when the store got it, in seconds since 1970 (`pgbackrest repo-ls --recurse --output=json`). */
  readonly files: ReadonlyMap<string, number>;
  /** By path: text of the history files (`pgbackrest repo-get`). */
  readonly histories: ReadonlyMap<string, string>;
}

const historyPath = /^([^/]+)\/([0-9A-F]{8})\.history$/;
const segmentPath = /^([^/]+)\/[0-9A-F]{16}\/([^/]+)$/;

/** The paths of a listing that are histories, whose text is wanted too. */
export const historiesAmong = (paths: Iterable<string>): string[] =>
  [...paths].filter((path) => historyPath.test(path));

const backupOf = (entry: Info["backup"][number]): BaseBackup => {
  const [first, last] = [entry.archive.start, entry.archive.stop].map((name) => parseSegment(name ?? ""));
  if (first === undefined || last === undefined || !entry.lsn) {
    throw new Error(`backup ${entry.label} names no WAL: it was made without waiting for the archive`);
  }
  return {
    label: entry.label,
    type: entry.type,
    references: entry.reference ?? [],
    startedAt: entry.timestamp.start,
    stoppedAt: entry.timestamp.stop,
    timeline: first.timeline,
    first: first.number,
    last: last.number,
    stop: parsePosition(entry.lsn.stop),
    bytes: entry.info.size,
    damagedPages: entry.error === true,
  };
};

/**
 * What a repository holds of each of its databases, the one that archives now last.
 *
 * @throws RangeError for a history that is none, Error for a backup without its WAL's names
 */
export const archivesOf = (info: Info, repository: RepositoryName, listing: Listing): Archive[] => {
  const key = repositoryNumber[repository];
  const ofThis = (database: { readonly "repo-key": number }) => database["repo-key"] === key;
  const databases = info.db.filter(ofThis).sort((one, other) => one.id - other.id);
  const segments = new Map<string, Map<string, Kept>>();
  const histories = new Map<string, Map<number, readonly Fork[]>>();
  for (const [path, storedAt] of listing.files) {
    const [, id = "", file = ""] = segmentPath.exec(path) ?? [];
    const segment = parseSegment(file);
    if (segment === undefined) continue;
    const name = segmentName(segment);
    const held = segments.get(id) ?? new Map<string, Kept>();
    const twin = held.get(name);
    held.set(name, twin ? { ...twin, files: [...twin.files, path] } : { files: [path], storedAt });
    segments.set(id, held);
  }
  for (const [path, text] of listing.histories) {
    const [, id = "", timeline = ""] = historyPath.exec(path) ?? [];
    try {
      histories.set(
        id,
        (histories.get(id) ?? new Map<number, readonly Fork[]>()).set(parseInt(timeline, 16), parseHistory(text)),
      );
    } catch (error) {
      throw new RangeError(`archive/${path} is damaged: ${(error as RangeError).message}`, { cause: error });
    }
  }
  return databases.map((database) => {
    const id = `${database.version}-${database.id}`;
    return {
      repository,
      id,
      systemId: database["system-id"],
      backups: info.backup
        .filter((entry) => ofThis(entry.database) && entry.database.id === database.id)
        .map(backupOf)
        .sort((one, other) => one.stoppedAt - other.stoppedAt || one.stop - other.stop),
      segments: segments.get(id) ?? new Map<string, Kept>(),
      histories: histories.get(id) ?? new Map<number, readonly Fork[]>(),
      damage: noDamage,
    };
  });
};

/** A stretch of WAL, and the base backups with which each of its points from `from` to `to` can be restored. */
export interface Window {
  readonly repository: RepositoryName;
  readonly archiveId: string;
  /** The timeline that it ends on: what `--target-timeline` must say where it isn't `current`. */
  readonly timeline: number;
  /** Whether a restore comes here without naming a timeline. The others were left behind. */
  readonly current: boolean;
  /** The oldest first. Never empty: a point after a backup's stop can be restored from that one and from those before it. */
  readonly backups: readonly [BaseBackup, ...BaseBackup[]];
  /** The first backup's end. */
  readonly from: { readonly lsn: string; readonly time: number };
  /**
   * The end of the last segment. `time` is when the store got it: its commits are older, so a restore to just that time
   * finds the end of WAL before it, which PostgreSQL takes for an error; restore to the end of the archive instead.
   */
  readonly to: { readonly segment: string; readonly lsn: string; readonly time: number };
}

/** Segments in a row that a recovery needs and doesn't get. */
export interface Gap {
  readonly repository: RepositoryName;
  readonly archiveId: string;
  /** `twice`: there are two files of one segment, and pgBackRest gives none of them. */
  readonly cause: "missing" | "damaged" | "twice";
  readonly first: string;
  readonly last: string;
  readonly count: number;
  /** The files, where there are any. Below `archive/STANZA`. */
  readonly files: readonly string[];
  /** When the store got the segment before it, in seconds since 1970. @default nothing lies before it */
  readonly after: number | undefined;
}

/** The names of a gap's segments. */
export const segmentsOf = ({ first, count }: Gap): string[] => {
  const { timeline, number } = parseSegment(first) ?? { timeline: 0, number: 0 };
  return Array.from({ length: count }, (_, index) => segmentName({ timeline, number: number + index }));
};

/** A base backup with which nothing can be restored, and why. */
export interface Unusable {
  readonly backup: BaseBackup;
  readonly why: string;
}

/** A point that can be restored: the end of a segment, replayed from a base backup. */
export interface Point {
  readonly repository: RepositoryName;
  readonly backup: string;
  readonly segment: string;
  readonly lsn: string;
  readonly timeline: number;
  /** When the store got the segment: what was committed until shortly before is in it. Seconds since 1970. */
  readonly time: number;
}

export interface Restorable {
  /** The oldest first, those of the current history before those that were left behind. */
  readonly windows: readonly Window[];
  /** In the current history, from the start of the oldest base backup whose files are good to the archive's end. */
  readonly gaps: readonly Gap[];
  readonly unusable: readonly Unusable[];
  /** Timelines without their history file, at which a recovery would stop as if nothing came after. */
  readonly missingHistories: readonly number[];
  /** The newest point of the current history. `undefined`: nothing can be restored. */
  readonly newest: Point | undefined;
  /** Number of the newest segment of the current history, whether a restore gets there or not. `undefined`: there is none. */
  readonly end: number | undefined;
}

/** A way through the timelines: each of them from its first segment to the one before its successor's first. */
type Path = readonly { readonly timeline: number; readonly first: number; readonly end: number }[];

/** The timelines that lead to `timeline`, which has no end. PostgreSQL copies a fork's segment to the successor and reads it there. */
const pathTo = (timeline: number, histories: Archive["histories"]): Path => {
  const forks = histories.get(timeline) ?? [];
  const starts = [0, ...forks.map(({ position }) => position)];
  return [...forks, { timeline, position: Infinity }].map((fork, index) => ({
    timeline: fork.timeline,
    first: segmentAt(starts[index] ?? 0),
    end: fork.position,
  }));
};

/** On which timeline a segment's number is read. */
const ownerOf = (number: number, path: Path): number => path.findLast(({ first }) => first <= number)?.timeline ?? 0;

/** Whether a backup can be replayed along a path: its timeline is left after its end. */
const isOn = (path: Path, { timeline, stop }: BaseBackup): boolean =>
  path.some((part) => part.timeline === timeline && stop <= part.end);

const newestTimeline = (from: number, { histories }: Archive): number => {
  let timeline = from;
  // As PostgreSQL does it: it asks for the next history until there is none.
  while (histories.has(timeline + 1)) timeline += 1;
  return timeline;
};

const causeOf = (name: string, { segments, damage }: Archive): Gap["cause"] | undefined => {
  const kept = segments.get(name);
  if (kept === undefined) return "missing";
  if (damage.segments.has(name)) return "damaged";
  return kept.files.length > 1 ? "twice" : undefined;
};

/** Why a backup's own files can't be used; its WAL is another matter. */
const faultOf = (backup: BaseBackup, { backups, damage }: Archive): string | undefined => {
  if (damage.backups.has(backup.label)) return "it has a damaged file";
  const labels = new Set(backups.map(({ label }) => label));
  const gone = backup.references.find((label) => !labels.has(label));
  if (gone !== undefined) return `it has files in ${gone}, which is gone`;
  const damaged = backup.references.find((label) => damage.backups.has(label));
  return damaged && `it has files in ${damaged}, which has a damaged file`;
};

/** Segments in a row that are all usable, or all not for one reason. */
interface Run {
  readonly cause: Gap["cause"] | undefined;
  readonly first: number;
  last: number;
}

const runsOf = (first: number, last: number, path: Path, archive: Archive): Run[] => {
  const runs: Run[] = [];
  for (let number = first; number <= last; number += 1) {
    const timeline = ownerOf(number, path);
    const cause = causeOf(segmentName({ timeline, number }), archive);
    const run = runs.at(-1);
    // A gap is named by its first and last segment, which tells what lies between on one timeline only.
    const goesOn = run?.cause === cause && (cause === undefined || ownerOf(number - 1, path) === timeline);
    if (run && goesOn) run.last = number;
    else runs.push({ cause, first: number, last: number });
  }
  return runs;
};

/** The newest number that the archive holds of each timeline. */
const endsOf = ({ segments }: Archive): Map<number, number> => {
  const ends = new Map<number, number>();
  for (const name of segments.keys()) {
    const { timeline, number } = parseSegment(name) ?? { timeline: 0, number: 0 };
    ends.set(timeline, Math.max(number, ends.get(timeline) ?? 0));
  }
  return ends;
};

/** Where the archive ends on a path. That its last timeline began proves that there was WAL up to there. */
const endOf = (path: Path, ends: ReadonlyMap<number, number>): number => {
  const { timeline, first } = path.at(-1) ?? { timeline: 0, first: 0 };
  return ends.get(timeline) ?? first - 1;
};

/** The windows along one path, and what lies between them. */
const along = (path: Path, archive: Archive, ends: ReadonlyMap<number, number>, current: boolean) => {
  const { repository, id: archiveId } = archive;
  const backups = archive.backups.filter((backup) => isOn(path, backup) && faultOf(backup, archive) === undefined);
  // A backup's own WAL is needed even where the archive ends before it.
  const end = Math.max(endOf(path, ends), ...backups.map(({ last }) => last));
  const runs = backups.length === 0 ? [] : runsOf(Math.min(...backups.map(({ first }) => first)), end, path, archive);
  const nameOf = (number: number) => segmentName({ timeline: ownerOf(number, path), number });
  const storedAt = (number: number) => archive.segments.get(nameOf(number))?.storedAt;

  const windows = runs.flatMap(({ cause, first, last }): Window[] => {
    const [oldest, ...others] = backups.filter(
      (backup) => cause === undefined && backup.first >= first && backup.last <= last,
    );
    if (oldest === undefined) return [];
    return [
      {
        ...{ repository, archiveId, current, timeline: ownerOf(last, path) },
        backups: [oldest, ...others],
        from: { lsn: renderPosition(oldest.stop), time: oldest.stoppedAt },
        to: {
          segment: nameOf(last),
          lsn: renderPosition((last + 1) * segmentBytes),
          time: storedAt(last) ?? oldest.stoppedAt,
        },
      },
    ];
  });
  const gaps = runs.flatMap(({ cause, first, last }): Gap[] => {
    if (cause === undefined) return [];
    const gap = {
      ...{ repository, archiveId, cause, count: last - first + 1, after: storedAt(first - 1) },
      ...{ first: nameOf(first), last: nameOf(last), files: [] },
    };
    return [{ ...gap, files: segmentsOf(gap).flatMap((name) => archive.segments.get(name)?.files ?? []) }];
  });
  const unusable = backups.flatMap((backup): Unusable[] => {
    const run = runs.find(
      ({ cause, first, last }) => cause !== undefined && first <= backup.last && last >= backup.first,
    );
    if (run === undefined) return [];
    const name = nameOf(Math.max(run.first, backup.first));
    return [{ backup, why: `its own WAL ${name} is ${run.cause === "twice" ? "there twice" : (run.cause ?? "")}` }];
  });
  return { windows, gaps, unusable };
};

/**
 * What can be restored from a repository.
 *
 * Times of windows are as exact as an archive can tell them: see `Window.to`.
 */
export const restorable = (archive: Archive): Restorable => {
  const { backups, histories } = archive;
  const ends = endsOf(archive);
  const faulty = backups.flatMap((backup): Unusable[] => {
    const why = faultOf(backup, archive);
    return why === undefined ? [] : [{ backup, why }];
  });
  const oldest = Math.min(...backups.map(({ timeline }) => timeline));
  const known = Math.max(0, ...histories.keys(), ...ends.keys());
  const missingHistories = Array.from({ length: Math.max(0, known - oldest) }, (_, index) => oldest + 1 + index).filter(
    (timeline) => !histories.has(timeline),
  );
  const latest = newestTimeline(backups.at(-1)?.timeline ?? known, archive);
  const path = pathTo(latest, histories);
  const now = along(path, archive, ends, true);

  // What was left behind is worth a line only where it goes on after the segment in which the current history left it.
  const left = [...ends].flatMap(([timeline, end]) => {
    if (timeline === latest) return [];
    const part = path.find((one) => one.timeline === timeline);
    const parting = part ? segmentName({ timeline, number: segmentAt(part.end) }) : "";
    if (part && end <= segmentAt(part.end)) return [];
    const { windows } = along(pathTo(timeline, histories), archive, ends, false);
    return windows.filter((window) => window.timeline === timeline && window.to.segment > parting);
  });
  const last = now.windows.at(-1);
  const end = endOf(path, ends);
  return {
    windows: [...now.windows, ...left],
    gaps: now.gaps,
    unusable: [...faulty, ...now.unusable],
    missingHistories,
    newest: last && {
      ...{ repository: archive.repository, backup: (last.backups.at(-1) ?? last.backups[0]).label },
      ...{ segment: last.to.segment, lsn: last.to.lsn, timeline: last.timeline, time: last.to.time },
    },
    end: end < 0 ? undefined : end,
  };
};

/**
 * The same archive with what other repositories hold of the same database: a restore asks all of them for a segment that one has
 * not. Base backups come from the one alone. A damaged segment stays damaged, for a restore may take what it finds first; and two
 * repositories whose segment differs are as one that has it twice. Histories that disagree make it another database.
 */
export const helpedBy = (archive: Archive, others: readonly Archive[]): Archive => {
  const agrees = ({ systemId, histories }: Archive) =>
    systemId === archive.systemId &&
    [...histories].every(([timeline, forks]) => {
      const own = archive.histories.get(timeline);
      return own === undefined || JSON.stringify(own) === JSON.stringify(forks);
    });
  return others.filter(agrees).reduce((one, other) => {
    const segments = new Map(one.segments);
    for (const [name, { files, storedAt }] of other.segments) {
      if (other.damage.segments.has(name)) continue;
      const own = one.segments.get(name);
      const [first, ...more] = new Set([...(own?.files ?? []), ...files]);
      if (first !== undefined) segments.set(name, { files: [first, ...more], storedAt: own?.storedAt ?? storedAt });
    }
    return { ...one, segments, histories: new Map([...other.histories, ...one.histories]) };
  }, archive);
};
