import { Duration } from "./duration";
import { filesOf } from "./dumps";
import type { Fault } from "./jobs";
import { newestAge } from "./repositoryFaults";

/** What was read of one dump in one place. */
export interface DumpRead {
  readonly name: string;
  /** When it was begun. */
  readonly time: Date;
  /** Bytes of the dump itself that were read. */
  readonly bytes: number;
  /** What is wrong with which of its files. */
  readonly problems: readonly { readonly file: string; readonly what: string; readonly kind: "damaged" | "unread" }[];
  /** Whether it is all there, and its content is what its checksum says. */
  readonly good: boolean;
  /** Text of its `.meta`, which has no checksum of its own. @default it could not be read */
  readonly meta: string | undefined;
}

/** What was read in one place. */
export interface DumpPlaceRead {
  /** `local`, `s3`, `gcs` or `offsite`. */
  readonly place: string;
  /** Ends with `/`, or is "" for the root. */
  readonly folder: string;
  /** The oldest first. */
  readonly dumps: readonly DumpRead[];
  /** Why the place could not be looked into. @default it could */
  readonly error?: string;
}

export interface DumpsSeen {
  readonly places: readonly DumpPlaceRead[];
  /** The file that `marimo_backup_latest.dump.gz` names. @default it names none */
  readonly latest: string | undefined;
  readonly now: Date;
  readonly namespace: string;
  /** How long dumps stay in the stores. */
  readonly storeTime: Duration;
}

export interface DumpJudgement {
  readonly faults: readonly Fault[];
  /** When the newest dump that is good somewhere was begun. */
  readonly newestGood: DumpRead | undefined;
  readonly damagedFiles: number;
}

/** A dump of this age has been copied, or its job has failed and said so. */
const copiedAfter = Duration.hours(6);

const page = "docs/verification.md";

const places = (names: readonly string[]) => names.join(" and ");

/** Judges the dumps of all places together. */
export const judgeDumps = (seen: DumpsSeen): DumpJudgement => {
  const read = seen.places.filter(({ error }) => error === undefined);
  const good = read.flatMap(({ dumps }) => dumps.filter((dump) => dump.good));
  const newestGood = good.sort((one, other) => one.time.getTime() - other.time.getTime()).at(-1);
  return {
    faults: [
      ...seen.places.flatMap(silentFault),
      ...read.flatMap((place) => place.dumps.flatMap((dump) => problemFaults(dump, place, read))),
      ...differingFaults(read),
      ...read.flatMap((place) => lackingFault(place, read, seen)),
      ...latestFault(seen),
      ...ageFault(newestGood, seen),
    ],
    newestGood,
    damagedFiles: read
      .flatMap(({ dumps }) => dumps.flatMap(({ problems }) => problems))
      .filter(({ kind }) => kind === "damaged").length,
  };
};

const silentFault = ({ place, error }: DumpPlaceRead): Fault[] =>
  error === undefined
    ? []
    : [
        {
          what: `the dumps there could not be looked at: ${error}`,
          where: place,
          remedy: "See whether the place answers and takes the job's identity. Until then count on no dump from it",
        },
      ];

/** Where a dump is good, beside a place. */
const goodElsewhere = (name: string, here: string, read: readonly DumpPlaceRead[]): string[] =>
  read
    .filter(({ place, dumps }) => place !== here && dumps.some((dump) => dump.name === name && dump.good))
    .map(({ place }) => place);

const problemFaults = (
  { name, problems }: DumpRead,
  { place, folder }: DumpPlaceRead,
  read: readonly DumpPlaceRead[],
) =>
  problems.map(({ file, what, kind }): Fault => {
    const where = `${place}: ${folder}${file}`;
    if (kind === "unread") {
      return { what, where, remedy: "See whether the place answers. The next run reads it again" };
    }
    const others = goodElsewhere(name, place, read);
    const remedy =
      others.length > 0
        ? `The copy in ${places(others)} is good: restore from there. ${page} says how to replace this one (A damaged dump)`
        : `No other place has a good copy: take the dump before or after it, and keep this one away from restores (${page})`;
    return { what, where, remedy };
  });

/** A `.meta` has no checksum, but copies that are all the same. */
const differingFaults = (read: readonly DumpPlaceRead[]): Fault[] => {
  const copies = new Map<string, { where: string; text: string }[]>();
  for (const { place, folder, dumps } of read) {
    for (const { name, meta } of dumps) {
      if (meta === undefined) continue;
      const where = `${place}: ${folder}${filesOf(name).meta}`;
      copies.set(name, [...(copies.get(name) ?? []), { where, text: meta }]);
    }
  }
  return [...copies.values()].flatMap((texts): Fault[] => {
    const count = ({ text }: { text: string }) => texts.filter((one) => one.text === text).length;
    const most = Math.max(...texts.map(count));
    const odd = texts.filter((one) => count(one) < most || 2 * most <= texts.length);
    if (texts.length === 1 || most === texts.length) return [];
    return [
      {
        what: "copies of this description differ, so one was damaged or changed: the counts in it can't be relied on",
        where: odd.map(({ where }) => where).join(", "),
        remedy: `The dump itself is proved by its checksum. ${page} says how to replace a file of a dump (A damaged dump)`,
      },
    ];
  });
};

/** Dumps of the volume that a place should have by now. */
const lackingFault = ({ place, dumps }: DumpPlaceRead, read: readonly DumpPlaceRead[], seen: DumpsSeen): Fault[] => {
  const local = read.find((one) => one.place === "local");
  if (local === undefined || place === "local") return [];
  const age = ({ time }: DumpRead) => (seen.now.getTime() - time.getTime()) / 1000;
  // One that the store will expire today may be gone there already.
  const wanted = local.dumps.filter(
    (dump) =>
      dump.good && age(dump) > copiedAfter.seconds && age(dump) < seen.storeTime.seconds - Duration.days(1).seconds,
  );
  const lacking = wanted.filter(({ name }) => !dumps.some((dump) => dump.name === name)).map(({ name }) => name);
  if (lacking.length === 0) return [];
  return [
    {
      what: `it lacks ${lacking.length === 1 ? "a dump" : `${lacking.length} dumps`} that the volume has: ${lacking.join(", ")}`,
      where: place,
      remedy: `The next dump copies them. If it fails, its log says why: kubectl -n ${seen.namespace} get jobs --selector app=postgres-backup`,
    },
  ];
};

/** The name that operators restore from must lead to a good dump, and no newer good one may lie beside it. */
const latestFault = ({ places: all, latest, namespace }: DumpsSeen): Fault[] => {
  const local = all.find(({ place }) => place === "local");
  const newest = local?.dumps.findLast(({ good }) => good);
  if (local?.error !== undefined || newest === undefined || latest === filesOf(newest.name).dump) return [];
  return [
    {
      what: `it names ${latest ?? "nothing"}, and the newest good dump there is ${newest.name}`,
      where: "local: marimo_backup_latest.dump.gz",
      remedy: `Restore from ${filesOf(newest.name).dump}. The next dump sets the name right: kubectl -n ${namespace} create job --from=cronjob/postgres-backup new-dump`,
    },
  ];
};

const ageFault = (newest: DumpRead | undefined, { now, namespace, places: all }: DumpsSeen): Fault[] => {
  const make = `Make one: kubectl -n ${namespace} create job --from=cronjob/postgres-backup new-dump`;
  const where = all.map(({ place }) => place).join(", ");
  if (newest === undefined) return [{ what: "there is no good dump in any place", where, remedy: make }];
  if (now.getTime() - newest.time.getTime() <= newestAge.seconds * 1000) return [];
  const what = `the newest good dump is ${newest.name}: the last night's is missing or damaged`;
  return [{ what, where, remedy: `${make}, and see why the nightly one failed` }];
};
