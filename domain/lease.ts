import { Duration } from "./duration";
import type { RepositoryName } from "./repository";

/**
 * The writer's lease: which of two regions may acknowledge commits. Each vault holds one lease object; decision 7 tells the
 * protocol, and tests/model/lease checks this very code in all the states that it can reach.
 *
 * A region works in rounds. It reads both vaults, asks `decide` what to write, writes each object on the version that it
 * read, and reports each success to `written`. Nothing here does I/O or reads a clock. Moments are seconds on the region's
 * own monotonic clock, one that also runs while the machine is suspended; store times are seconds on a store's clock, as
 * its answers' `Date` says. The two are never compared.
 */
export type Vault = RepositoryName;

/** How far a writer's database was. The protocol doesn't look at it; a region that takes over does. */
export interface Position {
  /** Which of the region's processes wrote this. */
  readonly member: string;
  readonly timeline: number;
  /** WAL position, as Postgres writes it: `0/5000028`. */
  readonly lsn: string;
  /** The heartbeat's count (see `domain/fence.ts`). */
  readonly beat: number;
}

/** What a lease object says. It is the object's whole content, as JSON. */
export interface Lease {
  /** The region; `null` where somebody found no object and laid this one down, so that its age can be told. */
  readonly holder: string | null;
  /** Grows with each change of the holder. A term belongs to one region for ever. */
  readonly term: number;
  /** `taking`: not a writer yet. `writing`: was the writer when it wrote this. `released`: anybody may take it at once. */
  readonly state: "taking" | "writing" | "released";
  /** Store time at which the holder read the object that this one replaced. The lease's age counts from here. */
  readonly readAt: number;
  /** The vault that an operator declared lost, so that this one alone made the holder the writer. */
  readonly without: Vault | null;
  /** The writer's at that time; of a lease that was released, the last one that it will ever have in this term. */
  readonly position?: Position;
  /** Until the holder's database is primary: what the holder before it left. The protocol doesn't look at it. */
  readonly before?: Left;
}

/** What is left of another region's lease where it was overwritten. */
export type Left = Pick<Lease, "term" | "state" | "position"> & {
  /** The region. */
  readonly holder: string;
};

export interface Reading {
  readonly vault: Vault;
  /** What a conditional write needs (ETag, generation); `undefined` when there is no object. */
  readonly version: string | undefined;
  /** `undefined` when the store said that there is no object: neither silence nor an error. */
  readonly lease: Lease | undefined;
  /** The answer's `Date`. */
  readonly storeTime: number;
}

/** A write that must only succeed on `version`; `undefined`: only where there is no object. */
export interface Write {
  readonly vault: Vault;
  readonly version: string | undefined;
  readonly lease: Lease;
  readonly round: number;
  readonly startedAt: number;
}

/** An operator's word that a vault is gone together with its cloud (`--confirm-lost`). */
export interface Lost {
  readonly vault: Vault;
  /** Term that the operator saw in the other vault. The word is good for the take-over from this term only. */
  readonly term: number;
  /** Moment at which this process was told. */
  readonly toldAt: number;
}

export interface Round {
  /** Moment before the first request of the round was sent. */
  readonly startedAt: number;
  /** The vaults that answered in time. */
  readonly readings: readonly Reading[];
  /** `rest`: be no writer, and release what is held. Only after Postgres was demoted cleanly. */
  readonly wish: "write" | "rest";
  readonly lost?: Lost | undefined;
  /** To be written beside the lease. */
  readonly position?: Position | undefined;
  readonly before?: Left | undefined;
}

/** What a region's process remembers. All of it may be lost at any time. */
export interface Member {
  readonly region: string;
  readonly round: number;
  /** The term of its latest success. It means something to the writer only. */
  readonly term: number;
  /** The latest term of another writer to which it gave way. */
  readonly gaveWayTo: number;
  /** Vaults taken in the current round. */
  readonly taken: readonly Vault[];
  /** Commits may be acknowledged before this moment. */
  readonly writerUntil: number;
  readonly without: Vault | null;
  /** The vault that a taker has by its last rounds. */
  readonly held: Held | undefined;
}

/** A vault that nobody else has had since `from`. */
export interface Held {
  readonly vault: Vault;
  /** It grows whenever somebody else has had the vault. */
  readonly term: number;
  /** Moment at which the first round began that followed one which read this; `undefined` until there is such a round. */
  readonly from: number | undefined;
}

export interface LeaseTimes {
  readonly validity: Duration;
  /** By how much the holder stops early, on its own clock. */
  readonly holderMargin: Duration;
  /** How much longer a taker waits, on the store's clock. */
  readonly takerMargin: Duration;
}

/** How often a region begins a round. A sidecar gives each request less time than this. */
export const renewalInterval = Duration.seconds(5);

/** Monotonic clocks and stores' clocks run right to within this share: twenty times what NTP's largest slew (0.05 %) needs. */
export const clockDrift = 0.01;

/** `Date` is cut to whole seconds, and a store's front ends may disagree a little. */
export const storeClockError = Duration.seconds(3);

/**
 * Validity 30 s rides out five lost renewals. The margins must keep
 * (validity - holderMargin) / (1 - drift) <= (validity + takerMargin - storeClockError) / (1 + drift);
 * with 2 s and 3 s it is 28.3 <= 29.7. The rest covers the way from the gate's check to the acknowledgement.
 */
export const leaseTimes: LeaseTimes = {
  validity: Duration.seconds(30),
  holderMargin: Duration.seconds(2),
  takerMargin: Duration.seconds(3),
};

/** A process that has just started. */
export const start = (region: string): Member => ({
  region,
  round: 0,
  term: 0,
  gaveWayTo: 0,
  taken: [],
  writerUntil: -Infinity,
  without: null,
  held: undefined,
});

/** To be asked for each acknowledgement, after the commit is durable and with the time of that moment: never remembered. */
export const mayAcknowledge = (member: Member, now: number): boolean => now < member.writerUntil;

/** For how long a lease lets its holder acknowledge, on the holder's clock. */
export const holderSeconds = (times: LeaseTimes = leaseTimes): number =>
  times.validity.seconds - times.holderMargin.seconds;
/** The age from which on a lease lets its holder no more acknowledge, on the store's clock. */
export const takerSeconds = (times: LeaseTimes = leaseTimes): number =>
  times.validity.seconds + times.takerMargin.seconds;
/** The age from which on a write that its holder sent in the lease's last moment lets it no more acknowledge either. */
export const outlivedSeconds = (times: LeaseTimes = leaseTimes): number => holderSeconds(times) + takerSeconds(times);

const age = ({ storeTime }: Reading, lease: Lease): number => storeTime - lease.readAt;

const isMine = (region: string, lease: Lease | undefined): boolean =>
  lease?.holder === region && lease.state !== "released";

/** Whether its holder was the writer when this was written, or became it by that. */
const makesWriter = (lease: Lease): boolean => lease.state === "writing" || lease.without !== null;

/** The lease by which the region still is the writer, whichever of its processes wrote it. */
const unexpiredOwn = (member: Member, readings: readonly Reading[], times: LeaseTimes): Lease | undefined =>
  readings
    .filter((reading) => reading.lease !== undefined && age(reading, reading.lease) < holderSeconds(times))
    .map(({ lease }) => lease)
    .find(
      (lease) =>
        lease !== undefined &&
        isMine(member.region, lease) &&
        lease.state === "writing" &&
        lease.term > member.gaveWayTo,
    );

/** Whether nobody else can be the writer by this vault, so that it may be overwritten on the version that was read. */
const isFree = (region: string, reading: Reading, times: LeaseTimes): boolean => {
  const { lease } = reading;
  if (lease === undefined) return false;
  return isMine(region, lease) || lease.state === "released" || age(reading, lease) > takerSeconds(times);
};

/** Whether the operator's word stands in for the vault that it names. */
const wordCounts = (member: Member, { startedAt, readings, lost }: Round, times: LeaseTimes): boolean => {
  const [living, another] = readings;
  if (lost === undefined || living?.lease === undefined || another !== undefined) return false;
  const { lease, vault } = living;
  const continues = isMine(member.region, lease) && lease.without === lost.vault;
  return (
    vault !== lost.vault &&
    (lease.term === lost.term || continues) &&
    // The vault may have been renewed just before it was lost, and its holder still be the writer.
    startedAt - lost.toldAt > takerSeconds(times)
  );
};

/**
 * Whether no other region is the writer by this vault, nor becomes it by a write that is still under way to it. One that took it by
 * an operator's word needs no other vault, and may go on whenever it is there again.
 */
const isOutlived = (region: string, reading: Reading, times: LeaseTimes): boolean => {
  const { lease } = reading;
  if (lease === undefined) return false;
  const isOver = lease.without === null && age(reading, lease) > outlivedSeconds(times);
  return isMine(region, lease) || lease.state === "released" || isOver;
};

const latestTerm = (readings: readonly Reading[]): number =>
  Math.max(0, ...readings.map(({ lease }) => lease?.term ?? 0));

/** The version that was read goes back with the write; the lease carries the time that the store told with it. */
const writeOn = (
  reading: Reading,
  { round }: Member,
  of: Round,
  lease: Omit<Lease, "readAt" | "position" | "before">,
): Write => ({
  vault: reading.vault,
  version: reading.version,
  lease: {
    holder: lease.holder,
    term: lease.term,
    state: lease.state,
    without: lease.without,
    readAt: reading.storeTime,
    ...(of.position && { position: of.position }),
    ...(of.before && { before: of.before }),
  },
  round,
  startedAt: of.startedAt,
});

const release = (member: Member, round: Round): Write[] =>
  round.readings.flatMap((reading) =>
    reading.lease && isMine(member.region, reading.lease)
      ? [writeOn(reading, member, round, { ...reading.lease, state: "released", without: null })]
      : [],
  );

/** A vault that has no object may have lost one: it counts as renewed just now, by somebody unknown. */
const layDown = (member: Member, round: Round): Write[] =>
  round.readings
    .filter(({ lease }) => lease === undefined)
    .map((reading) => writeOn(reading, member, round, { holder: null, term: 0, state: "taking", without: null }));

/** The writer goes on: it renews what it has and takes what it may. */
const renew = (member: Member, round: Round, times: LeaseTimes): Decision => {
  const { region, without } = member;
  const mayWrite = round.readings.filter(
    (reading) =>
      isFree(region, reading, times) ||
      // Back from the dead with an old lease: whoever still relies on that one must learn of the new term.
      (reading.vault === without && reading.lease !== undefined && reading.lease.term < member.term),
  );
  // The term stays, unless a vault had another's lease in the meantime.
  const isLatest = mayWrite.every(
    ({ lease }) => lease && (lease.term < member.term || (lease.term === member.term && isMine(region, lease))),
  );
  const term = isLatest ? member.term : latestTerm(mayWrite) + 1;
  return {
    member,
    writes: [
      ...mayWrite.map((reading) =>
        writeOn(reading, member, round, {
          holder: region,
          term,
          state: "writing",
          without: reading.vault === without ? null : without,
        }),
      ),
      ...layDown(member, round),
    ],
  };
};

/** The vault that the region has, and renews: the other one might call a half that has run out outlived, and be alone too. */
const holding = (
  before: Member,
  { startedAt }: Round,
  free: readonly Reading[],
  times: LeaseTimes,
): Held | undefined => {
  const [half] = free
    .flatMap((reading) => {
      const { vault, lease } = reading;
      return lease && isMine(before.region, lease) ? [{ vault, term: lease.term, age: age(reading, lease) }] : [];
    })
    .filter(({ age }) => age < holderSeconds(times))
    .sort((a, b) => a.age - b.age);
  if (half === undefined) return undefined;
  const { vault, term } = half;
  const isKnown = before.held?.vault === vault && before.held.term === term;
  return { vault, term, from: isKnown ? (before.held.from ?? startedAt) : undefined };
};

/** The term of a half that is taken again, as long as nobody else's term has reached it. */
const keptTerm = ({ region, gaveWayTo }: Member, free: readonly Reading[]): number | undefined => {
  const term = latestTerm(free);
  const isHalf = (lease: Lease | undefined) => isMine(region, lease) && lease?.state === "taking";
  return term > gaveWayTo && free.every(({ lease }) => lease && (lease.term < term || isHalf(lease)))
    ? term
    : undefined;
};

/**
 * Both vaults, or one and an operator's word for the other. Or one where the other can be read and takes no writes: when the
 * one has been held, and the other has had no other region's lease renewed, for so long that nobody can be the writer by it.
 */
const takeOver = (before: Member, member: Member, round: Round, times: LeaseTimes): Decision => {
  const free = round.readings.filter((reading) => isFree(member.region, reading, times));
  const lost = round.lost && wordCounts(member, round, times) ? round.lost.vault : null;
  if (free.length === 2 || (free.length === 1 && lost !== null)) {
    const held = free.length === 2 ? holding(before, round, free, times) : undefined;
    const isLong = held?.from !== undefined && round.startedAt - held.from > takerSeconds(times);
    const other = free.find(({ vault }) => vault !== held?.vault);
    const alone = isLong && other && isOutlived(member.region, other, times) ? held.vault : undefined;
    const term = keptTerm(member, free) ?? Math.max(latestTerm(free), member.gaveWayTo) + 1;
    return {
      member: { ...member, held },
      writes: free.map((reading) =>
        writeOn(reading, member, round, {
          holder: member.region,
          term,
          state: reading.vault === alone ? "writing" : "taking",
          without: lost,
        }),
      ),
    };
  }
  // Half a take-over helps nobody, and keeps the writer from its second vault.
  const isBlocked = round.readings.some(
    (reading) => reading.lease !== undefined && reading.lease.holder !== null && !isFree(member.region, reading, times),
  );
  return { member, writes: [...(isBlocked ? release(member, round) : []), ...layDown(member, round)] };
};

export interface Decision {
  readonly member: Member;
  readonly writes: readonly Write[];
}

/** What to write in this round. The returned member replaces the given one before anything is sent. */
export const decide = (before: Member, round: Round, times: LeaseTimes): Decision => {
  const { startedAt, readings, wish } = round;
  const member: Member = { ...before, round: before.round + 1, taken: [], held: undefined };
  const resting: Member = { ...member, writerUntil: -Infinity, without: null };
  if (wish === "rest") return { member: resting, writes: release(resting, round) };

  const byClock = startedAt < member.writerUntil;
  const own = unexpiredOwn(member, readings, times);
  const term = Math.max(byClock ? member.term : 0, own?.term ?? 0);
  // Another writer of a later term exists beside a writer only where an operator called a living vault lost.
  const later = readings.find(
    ({ lease }) => lease && lease.holder !== member.region && lease.term > term && makesWriter(lease),
  );
  if ((byClock || own) && later === undefined) {
    return renew({ ...member, term, without: byClock ? member.without : (own?.without ?? null) }, round, times);
  }
  return takeOver(before, later?.lease ? { ...resting, gaveWayTo: later.lease.term } : resting, round, times);
};

/**
 * A write has succeeded. A region becomes the writer with both vaults taken in one round, or with the one that is left; it
 * stays the writer with any. The time counts from the start of the round, before the vault was read.
 */
export const written = (member: Member, { vault, lease, round, startedAt }: Write, times: LeaseTimes): Member => {
  // An answer to an earlier round may tell of a lease that was released since.
  if (round !== member.round || !isMine(member.region, lease)) return member;
  const taken = member.taken.includes(vault) ? member.taken : [...member.taken, vault];
  if (!makesWriter(lease) && taken.length < 2) return { ...member, taken };
  return {
    ...member,
    taken,
    term: lease.term,
    // A vault that came back holds the term now.
    without: lease.state === "taking" ? lease.without : vault === member.without ? null : member.without,
    writerUntil: Math.max(member.writerUntil, startedAt + holderSeconds(times)),
    held: undefined,
  };
};
