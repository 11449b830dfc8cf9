import type { Archive, BaseBackup, Gap, Restorable } from "./archive";
import { segmentsOf } from "./archive";
import { Duration } from "./duration";
import type { Fault } from "./jobs";
import { names } from "./names";
import type { Complaint } from "./pgbackrestVerify";
import { type RepositoryName, repositoryNumber } from "./repository";
import { renderPosition, segmentAt, segmentBytes } from "./wal";

/** A day, and two hours to make the backup in. */
export const newestAge = Duration.hours(26);

/** What is wrong with a file, and what the file holds. */
export interface Found extends Complaint {
  /** The base backup that it belongs to. */
  readonly label: string | undefined;
  readonly segment: { readonly id: string; readonly name: string } | undefined;
}

/** Beside which a repository is judged. */
export interface Look {
  /** Folder of the repositories in their buckets, without slashes around it. */
  readonly folder: string;
  readonly namespace: string;
  /** Seconds since 1970. */
  readonly now: number;
  /** Where the database was when the verification began: what lies before it should be archived. `undefined`: not known. */
  readonly writer: number | undefined;
}

/** What is known of one repository. */
export interface Known {
  readonly repository: RepositoryName;
  readonly found: readonly Found[];
  readonly doubts: readonly string[];
  /** Of the database that archives now. `undefined`: there is none. */
  readonly archive: Archive | undefined;
  readonly answer: Restorable | undefined;
  readonly others: readonly Archive[];
}

/** Seconds since 1970 as ISO 8601, UTC. */
export const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");

/** The backups from which something can be restored. */
export const goodBackups = ({ backups }: Archive, { unusable }: Restorable): BaseBackup[] =>
  backups.filter(({ label }) => !unusable.some(({ backup }) => backup.label === label));

/** Everything that is wrong with a repository, the named files first. */
export const faultsOf = (known: Known, look: Look): Fault[] => {
  const { found, doubts, archive, answer } = known;
  return [
    ...found.map((one) => fileFault(one, known, look)),
    ...(answer ? answer.gaps.filter(({ cause }) => cause !== "damaged").map((gap) => gapFault(gap, known, look)) : []),
    ...(answer?.missingHistories ?? []).map((timeline) => historyFault(timeline, known, look)),
    ...(archive?.backups ?? [])
      .filter((backup) => backup.damagedPages)
      .map((backup) => pagesFault(backup, known, look)),
    ...ageFaults(known, look),
    ...endFaults(known, look),
    ...doubts.map((doubt) => doubtFault(doubt, known)),
  ];
};

/** Where a file lies in the repository's bucket. */
const placeOf = (path: string, { repository }: Known, { folder }: Look): string =>
  `${repository}: ${folder}/${path.replace("/", `/${names.stanza}/`)}`;

const page = "docs/verification.md";

const command = ({ namespace }: Look, cronJob: string, name: string): string =>
  `kubectl -n ${namespace} create job --from=cronjob/${cronJob} ${name}`;

const takeBackup = (look: Look): string =>
  `Take a new base backup: ${command(look, "postgres-basebackup-full", "new-full")}`;

const fileFault = (one: Found, known: Known, look: Look): Fault => {
  const where = placeOf(one.path, known, look);
  switch (one.kind) {
    case "unread":
      return {
        what: `it could not be read, so nothing is known of it: ${one.why}`,
        where,
        remedy: `See whether the store answers, then verify again: ${command(look, "backup-verify", "verify-again")}`,
      };
    case "spare":
      return {
        what: `${one.why}. A restore goes on without it, and has nothing to fall back on`,
        where,
        remedy: copyOver(one.path),
      };
    case "damaged":
    case "missing":
      if (one.segment) return segmentFault(one, one.segment, known, look);
      return one.label === undefined ? infoFault(one, known, look) : backupFault(one, one.label, known, look);
  }
};

const isWithin = (name: string, { first, last }: Gap): boolean => first <= name && name <= last;

const segmentFault = (one: Found, { id, name }: NonNullable<Found["segment"]>, known: Known, look: Look): Fault => {
  const gap = id === known.archive?.id ? known.answer?.gaps.find((each) => isWithin(name, each)) : undefined;
  const what = `WAL segment ${name} is damaged (${one.why})`;
  const where = placeOf(one.path, known, look);
  if (gap) return { what: `${what}. ${costOf(gap, known)}`, where, remedy: mendGap(gap, known, look) };
  const remedy = "Nothing has to be mended. Ask the store's operator: where one file is damaged, others follow";
  return { what: `${what}. No restore along the current history needs it`, where, remedy };
};

const backupFault = (one: Found, label: string, known: Known, look: Look): Fault => {
  const useless = (known.answer?.unusable ?? [])
    .filter(({ backup }) => backup.label === label || backup.references.includes(label))
    .map(({ backup }) => backup.label);
  const what = one.kind === "missing" ? "it is missing" : `it is damaged (${one.why})`;
  const rest = known.answer?.newest
    ? `The newest good point of ${known.repository} is ${iso(known.answer.newest.time)}, from base backup ${known.answer.newest.backup}`
    : `Nothing can be restored from ${known.repository}`;
  return {
    what: `${what}, and no restore from base backup ${(useless.length > 0 ? useless : [label]).join(" or ")} can be trusted. ${rest}`,
    where: placeOf(one.path, known, look),
    remedy:
      `${takeBackup(look)}. Then remove the damaged one, which a restore might choose: pgbackrest --stanza=${names.stanza} ` +
      `--repo=${repositoryNumber[known.repository]} --set=${label} expire (${page})`,
  };
};

/** pgBackRest keeps such files twice, with the same content. */
const copyOver = (path: string): string => {
  const twin = path.endsWith(".copy") ? path.replace(/\.copy$/, "") : `${path}.copy`;
  return `Copy ${twin.slice(twin.lastIndexOf("/") + 1)} over it in the bucket: they hold the same (${page})`;
};

const infoFault = (one: Found, known: Known, look: Look): Fault => ({
  what: `it is ${one.kind} (${one.why}). pgBackRest reads its copy instead, while that is good`,
  where: placeOf(one.path, known, look),
  remedy: copyOver(one.path),
});

const gapFault = (gap: Gap, known: Known, look: Look): Fault => {
  const many = gap.count > 1;
  const segments = many ? `WAL segments ${gap.first} to ${gap.last} (${gap.count})` : `WAL segment ${gap.first}`;
  const cost = costOf(gap, known);
  if (gap.cause === "missing") {
    return {
      what: `${segments} ${many ? "are" : "is"} missing. ${cost}`,
      where: `${known.repository}: ${many ? `${gap.first}-${gap.last}` : gap.first}`,
      remedy: mendGap(gap, known, look),
    };
  }
  return {
    what: `${segments} ${many ? "are" : "is"} there twice, with different content, and a restore gets neither. ${cost}`,
    where: gap.files.map((file) => placeOf(`archive/${file}`, known, look)).join(", "),
    remedy: `Two databases have archived at once. Find out which one is right before anything is removed (${page})`,
  };
};

/** Windows of the current history on the two sides of a gap. */
const around = (gap: Gap, { answer }: Known) => {
  // Numbers go on through all timelines.
  const number = (name: string) => name.slice(8);
  const windows = (answer?.windows ?? []).filter(({ current }) => current);
  return {
    before: windows.findLast(({ to }) => number(to.segment) < number(gap.first)),
    next: windows.find(({ to }) => number(to.segment) > number(gap.last)),
  };
};

/** What a gap costs. */
const costOf = (gap: Gap, known: Known): string => {
  const { before, next } = around(gap, known);
  const from = `From ${known.repository} alone,`;
  if (before === undefined) {
    return next ? `${from} nothing before ${iso(next.from.time)} can be restored` : `${from} nothing can be restored`;
  }
  const good = `${iso(before.to.time)} (segment ${before.to.segment}, base backup ${before.backups.at(-1)?.label})`;
  return next
    ? `${from} no point between ${good} and ${iso(next.from.time)} can be restored`
    : `${from} the newest good point is ${good}`;
};

const mendGap = (gap: Gap, known: Known, look: Look): string => {
  const wanted = segmentsOf(gap);
  const helper = known.others.find(({ segments, damage }) =>
    wanted.every((name) => segments.has(name) && !damage.segments.has(name)),
  );
  const mend = helper
    ? `${helper.repository} has ${gap.count > 1 ? "them" : "it"}: copy as ${page} says, or restore from ${helper.repository}`
    : "No other repository has all of it: what was committed in between can't be had back point by point";
  return around(gap, known).next ? mend : `${takeBackup(look)}, for it begins a window of its own. ${mend}`;
};

const historyFault = (timeline: number, known: Known, look: Look): Fault => ({
  what: `the history of timeline ${timeline} is missing: a restore ends before it, as if nothing had come after`,
  where: placeOf(
    `archive/${known.archive?.id}/${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`,
    known,
    look,
  ),
  remedy: `${takeBackup(look)}, which needs no older history. The members keep the file in pg_wal: ${page} says how to push it again`,
});

const pagesFault = ({ label }: BaseBackup, known: Known, look: Look): Fault => ({
  what: "pages of the database had a wrong checksum when this base backup was taken: the database itself is damaged",
  where: placeOf(`backup/${label}`, known, look),
  remedy: `See which: kubectl -n ${look.namespace} exec postgres-0 -- pg_amcheck --all --install-missing`,
});

const ageFaults = ({ repository, archive, answer }: Known, look: Look): Fault[] => {
  const newest = archive && answer && goodBackups(archive, answer).at(-1);
  if (newest === undefined) {
    return [{ what: "no base backup in it can be restored", where: repository, remedy: takeBackup(look) }];
  }
  if (look.now - newest.stoppedAt <= newestAge.seconds) return [];
  return [
    {
      what: `the newest base backup that can be restored is ${newest.label}, of ${iso(newest.stoppedAt)}: the last night's is missing`,
      where: repository,
      remedy: `See why: kubectl -n ${look.namespace} get jobs --selector app=postgres-basebackup, and the failed one's log`,
    },
  ];
};

const endFaults = ({ repository, answer }: Known, { writer, namespace }: Look): Fault[] => {
  const behind = writer === undefined ? 0 : segmentAt(writer) - 1 - (answer?.end ?? 0);
  if (writer === undefined || behind <= 0) return [];
  return [
    {
      what:
        `the archive ends ${behind} segments (${(behind * segmentBytes) / 2 ** 20} MiB of WAL) before ${renderPosition(writer)}, ` +
        "where the database was when this run began: all that would be lost with the region",
      where: repository,
      remedy: `See the alarms: kubectl -n ${namespace} logs --selector app=postgres,role=primary --container watch`,
    },
  ];
};

const doubtFault = (doubt: string, { repository }: Known): Fault => ({
  what: `pgbackrest verify can't be relied on: ${doubt}`,
  where: repository,
  remedy: "What it has named is true, what it has passed over is not known. Its own words are in this job's log",
});
