import { type Archive, type BaseBackup, helpedBy, type Point, type Restorable, restorable } from "./archive";
import type { Fault } from "./jobs";
import type { Complaint, Verification } from "./pgbackrestVerify";
import type { RepositoryName } from "./repository";
import { type Found, type Look, faultsOf, goodBackups, iso } from "./repositoryFaults";
import { parseSegment, segmentName } from "./wal";

/** What the daily verification saw of one repository. */
export interface RepositorySeen {
  readonly repository: RepositoryName;
  /** What `pgbackrest verify` said, and what was checked beside it. */
  readonly verifications: readonly Verification[];
  /** Looked at after those, so that what has expired meanwhile is no longer there. The database that archives now comes last. */
  readonly archives: readonly Archive[];
}

/** A repository of which nothing could be seen, and why. */
export interface RepositoryUnseen {
  readonly repository: RepositoryName;
  readonly error: string;
}

export interface Seen extends Look {
  readonly repositories: readonly (RepositorySeen | RepositoryUnseen)[];
}

/** A point in a result. */
export interface PointFacts {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly repository: RepositoryName;
  readonly backup: string;
  readonly segment: string;
  readonly lsn: string;
}

/** What a repository is good for, in a result. Times are ISO 8601, UTC. */
export interface RepositoryFacts {
  readonly segments: number;
  readonly backupFiles: number;
  readonly backups: number;
  readonly gaps: number;
  readonly windows: readonly {
    readonly from: string;
    readonly to: string;
    readonly lastSegment: string;
    readonly timeline: number;
    readonly current: boolean;
    readonly backups: readonly string[];
  }[];
  readonly newestGoodPoint: PointFacts | undefined;
}

export interface Judgement {
  readonly faults: readonly Fault[];
  readonly repositories: Readonly<Partial<Record<RepositoryName, RepositoryFacts>>>;
  /** The newest point that a repository leads to, alone or with what it lacks taken from another one. */
  readonly newestGoodPoint: Point | undefined;
  readonly newestBackup: BaseBackup | undefined;
  readonly damagedFiles: number;
}

export const pointFacts = ({ time, repository, backup, segment, lsn }: Point): PointFacts => ({
  ...{ time: iso(time), repository, backup, segment, lsn },
});

const isSeen = (one: RepositorySeen | RepositoryUnseen): one is RepositorySeen => "archives" in one;

/** The backup that a file belongs to; none for WAL and for files of the whole repository. */
const labelOf = (path: string): string | undefined => /^backup\/([^/]+)\/./.exec(path)?.[1];

/** The database and the segment that a file holds. */
const segmentOf = (path: string): { id: string; name: string } | undefined => {
  const [, id = "", file = ""] = /^archive\/([^/]+)\/[^/]+\/([^/]+)$/.exec(path) ?? [];
  const segment = parseSegment(file);
  return segment && { id, name: segmentName(segment) };
};

/** What is still wrong: backups and WAL that have expired since they were read are no loss. */
const standing = ({ verifications, archives }: RepositorySeen): Found[] => {
  const backups = new Map(archives.flatMap((archive) => archive.backups.map((backup) => [backup.label, backup])));
  const found = new Map<string, Found>();
  const note = (complaint: Complaint) => {
    const [label, segment] = [labelOf(complaint.path), segmentOf(complaint.path)];
    if (!found.has(complaint.path)) found.set(complaint.path, { ...complaint, label, segment });
  };
  for (const complaint of verifications.flatMap(({ complaints }) => complaints)) {
    const [label, segment] = [labelOf(complaint.path), segmentOf(complaint.path)];
    const isGone = segment && !archives.find(({ id }) => id === segment.id)?.segments.has(segment.name);
    // A segment that is missing shows in the listing, if a restore needs it.
    if ((label !== undefined && !backups.has(label)) || isGone) continue;
    note(complaint);
  }
  const damaged = new Set([...found.values()].filter(isDamage).map(({ label }) => label));
  for (const label of verifications.flatMap(({ invalid }) => invalid)) {
    const backup = backups.get(label);
    if (backup === undefined || [label, ...backup.references].some((one) => damaged.has(one))) continue;
    const why = "neither it nor its copy can be used";
    note({ path: `backup/${label}/backup.manifest`, kind: "damaged", why });
  }
  return [...found.values()];
};

const isDamage = ({ kind }: Complaint): boolean => kind === "damaged" || kind === "missing";

/** The archive as it is with what was found in it. */
const withDamage = (archive: Archive, found: readonly Found[]): Archive => {
  const bad = found.filter(isDamage);
  return {
    ...archive,
    damage: {
      segments: new Set(bad.flatMap(({ segment }) => (segment?.id === archive.id ? [segment.name] : []))),
      backups: new Set(bad.flatMap(({ label }) => label ?? [])),
    },
  };
};

const newer = (one: Point | undefined, other: Point | undefined): Point | undefined =>
  one === undefined || (other !== undefined && other.time > one.time) ? other : one;

const factsOf = ({ verifications }: RepositorySeen, archive: Archive | undefined, answer: Restorable | undefined) => {
  const sum = (pick: (one: Verification) => number) => verifications.reduce((total, one) => total + pick(one), 0);
  const facts: RepositoryFacts = {
    segments: sum(({ checked }) => checked.segments),
    backupFiles: sum(({ checked }) => checked.files),
    backups: archive?.backups.length ?? 0,
    gaps: answer?.gaps.length ?? 0,
    windows: (answer?.windows ?? []).map(({ from, to, backups, timeline, current }) => ({
      ...{ from: iso(from.time), to: iso(to.time), lastSegment: to.segment, timeline, current },
      backups: backups.map(({ label }) => label),
    })),
    newestGoodPoint: answer?.newest && pointFacts(answer.newest),
  };
  return facts;
};

/** Judges all repositories together: what is wrong, what follows, and what to do. */
export const judge = ({ repositories, ...look }: Seen): Judgement => {
  const looked = repositories.filter(isSeen).map((seen) => {
    const found = standing(seen);
    // Former databases of the stanza can be restored too, but nothing is archived for them any more.
    const last = seen.archives.at(-1);
    return { seen, found, archive: last && withDamage(last, found) };
  });
  const judged = looked.map(({ seen, found, archive }) => {
    const { repository } = seen;
    const others = looked.flatMap((other) => (other.archive && other.archive !== archive ? [other.archive] : []));
    const answer = archive && restorable(archive);
    const doubts = seen.verifications.flatMap((one) => one.doubts);
    return {
      repository,
      faults: faultsOf({ repository, found, doubts, archive, answer, others }, look),
      facts: factsOf(seen, archive, answer),
      newest: newer(answer?.newest, archive && restorable(helpedBy(archive, others)).newest),
      backups: archive && answer ? goodBackups(archive, answer) : [],
      damaged: found.filter(({ kind }) => kind !== "unread").length,
    };
  });
  const unseen = repositories.flatMap((one): Fault[] => {
    if (isSeen(one)) return [];
    const what = `could not be looked at: ${one.error}`;
    const remedy = "See whether the store answers and takes the job's identity. Until then count on no restore from it";
    return [{ what, where: one.repository, remedy }];
  });
  const backups = judged.flatMap((one) => one.backups);
  return {
    faults: [...unseen, ...judged.flatMap(({ faults }) => faults)],
    repositories: Object.fromEntries(judged.map(({ repository, facts }) => [repository, facts])),
    newestGoodPoint: judged.reduce<Point | undefined>((best, { newest }) => newer(best, newest), undefined),
    newestBackup: backups.sort((one, other) => one.stoppedAt - other.stoppedAt).at(-1),
    damagedFiles: judged.reduce((total, { damaged }) => total + damaged, 0),
  };
};
