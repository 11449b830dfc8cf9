import type { Lease, Member, Reading } from "../../../domain/lease";
import { Duration } from "../../../domain/duration";
import { type Protocol, type Surroundings, protocol } from "./world";

/** An error that somebody could make, in the code or in what it relies on, and what it must be found by. */
export interface Mutant {
  readonly name: string;
  readonly code?: Partial<Protocol>;
  readonly surroundings?: Partial<Surroundings>;
  readonly fault: RegExp;
}

const twoWriters = /both regions acknowledge/;
const { decide, written } = protocol;

const isOwn = (region: string, lease: Lease | undefined): boolean => lease?.holder === region;

/** The same decision on readings that are seen otherwise. */
const misread = (see: (reading: Reading, region: string) => Reading): Pick<Protocol, "decide"> => ({
  decide: (member, round, times) =>
    decide(member, { ...round, readings: round.readings.map((reading) => see(reading, member.region)) }, times),
});

const nobodys: Lease = { holder: null, term: 0, state: "released", readAt: 0, without: null };

/** Beyond what the code remembers. */
interface Remembering extends Member {
  readonly isWriter?: boolean;
}
const remember = (member: Member, isWriter: boolean): Remembering => ({ ...member, isWriter });

/** The same decision by a member that remembers otherwise. */
const remembering = (otherwise: (member: Member) => Member | undefined): Pick<Protocol, "decide"> => ({
  decide: (member, round, times) => decide(otherwise(member) ?? member, round, times),
});

/** What follows a disaster. */
const afterDisaster: Partial<Surroundings> = { word: "right", delayed: 0 };

export const mutants: readonly Mutant[] = [
  {
    name: "validity counts from the answer, not from before the request",
    code: { written: (member, write, times) => written(member, { ...write, startedAt: 0 }, times) },
    fault: twoWriters,
  },
  {
    name: "one vault is enough for a promotion",
    code: {
      written: (member, write, times) =>
        written(member, { ...write, lease: { ...write.lease, state: "writing" } }, times),
    },
    fault: twoWriters,
  },
  {
    name: "no margin, and clocks drift",
    surroundings: {
      times: { validity: Duration.seconds(2), holderMargin: Duration.seconds(0), takerMargin: Duration.seconds(0) },
    },
    fault: twoWriters,
  },
  {
    name: "the clock is looked at when renewing, not at the acknowledgement",
    code: {
      decide: (member, round, times) => {
        const decision = decide(member, round, times);
        return { ...decision, member: remember(decision.member, round.startedAt < decision.member.writerUntil) };
      },
      written: (member, write, times) => {
        const after = written(member, write, times);
        return after === member ? member : remember(after, write.startedAt < after.writerUntil);
      },
      mayAcknowledge: (member: Remembering) => member.isWriter ?? false,
    },
    fault: twoWriters,
  },
  { name: "writes are not conditional", surroundings: { condition: "none", restarts: false }, fault: twoWriters },
  {
    name: "expiry is judged by a wall clock that is an hour ahead",
    code: misread((reading) => ({ ...reading, storeTime: reading.storeTime + 3600 })),
    fault: twoWriters,
  },
  {
    name: "a region releases its leases before it has stopped",
    code: {
      decide: (member, round, times) => {
        const decision = decide(member, round, times);
        return { ...decision, member: { ...decision.member, writerUntil: member.writerUntil } };
      },
    },
    surroundings: { handOvers: true, restarts: false },
    fault: twoWriters,
  },
  {
    name: "answers to earlier rounds count",
    code: { written: (member, write, times) => written(member, { ...write, round: member.round }, times) },
    surroundings: { lateAnswers: true, handOvers: true, ticks: false, restarts: false },
    fault: twoWriters,
  },
  {
    name: "half a take-over is resumed like a writer's lease",
    code: misread((reading, region) =>
      reading.lease && isOwn(region, reading.lease) && reading.lease.state === "taking"
        ? { ...reading, lease: { ...reading.lease, state: "writing" } }
        : reading,
    ),
    surroundings: { delayed: 0 },
    fault: twoWriters,
  },
  {
    name: "a vault that has no object is free at once",
    code: misread((reading) => ({ ...reading, lease: reading.lease ?? nobodys })),
    surroundings: { wipes: true, from: "nothing" },
    fault: twoWriters,
  },
  {
    name: "a take-over keeps the term",
    code: {
      decide: (member, round, times) => {
        const { writes, ...decision } = decide(member, round, times);
        return { ...decision, writes: writes.map((write) => ({ ...write, lease: { ...write.lease, term: 1 } })) };
      },
    },
    fault: /a term has two holders/,
  },
  {
    name: "an operator's word counts at once",
    code: {
      decide: (member, { lost, ...round }, times) =>
        decide(member, { ...round, lost: lost && { ...lost, toldAt: -Infinity } }, times),
    },
    surroundings: afterDisaster,
    fault: twoWriters,
  },
  {
    name: "an operator's word counts for ever",
    code: {
      decide: (member, { lost, ...round }, times) =>
        decide(
          member,
          { ...round, lost: lost && { ...lost, term: round.readings[0]?.lease?.term ?? lost.term } },
          times,
        ),
    },
    surroundings: { ...afterDisaster, from: "writer by word", restarts: false },
    fault: twoWriters,
  },
  {
    name: "a holder resumes from one vault, however old its lease there",
    code: misread((reading, region) =>
      reading.lease && isOwn(region, reading.lease) ? { ...reading, storeTime: reading.lease.readAt } : reading,
    ),
    surroundings: afterDisaster,
    fault: twoWriters,
  },
  {
    name: "a lease's age counts from the store's last modification",
    surroundings: { ...afterDisaster, stamp: "store" },
    fault: twoWriters,
  },
  {
    name: "a wrong word's take-over isn't seen by the old writer before its first renewal",
    code: misread((reading, region) =>
      reading.lease?.state === "taking" && !isOwn(region, reading.lease)
        ? { ...reading, lease: { ...reading.lease, without: null } }
        : reading,
    ),
    surroundings: { word: "wrong", from: "writer by word", delayed: 0, restarts: false },
    fault: /although the returned vault was taken/,
  },
  {
    name: "half a take-over counts at once where the other vault's lease has run out for long",
    code: remembering((member) => member.held && { ...member, held: { ...member.held, from: -Infinity } }),
    surroundings: { delayed: 1, restarts: false },
    fault: twoWriters,
  },
  {
    name: "a half that its holder let run out counts",
    code: misread((reading, region) =>
      reading.lease && isOwn(region, reading.lease) && reading.lease.state === "taking"
        ? { ...reading, storeTime: reading.lease.readAt }
        : reading,
    ),
    surroundings: { delayed: 0, restarts: false, from: "two halves" },
    fault: twoWriters,
  },
  {
    name: "a vault that can be read and not written blocks every take-over",
    code: remembering((member) => member.held && { ...member, held: undefined }),
    surroundings: { liveness: true, delayed: 0 },
    fault: /while \w+ can only be read/,
  },
  {
    name: "a writer needs both vaults",
    code: {
      decide: (member, round, times) => {
        const decision = decide(member, round, times);
        return round.readings.length === 2 ? decision : { ...decision, writes: [] };
      },
    },
    surroundings: { liveness: true },
    fault: /stops although it has/,
  },
  {
    name: "a holder that starts anew always needs both vaults",
    code: misread((reading, region) =>
      isOwn(region, reading.lease) ? { ...reading, storeTime: reading.storeTime + 3600 } : reading,
    ),
    surroundings: { liveness: true },
    fault: /starts anew and stops/,
  },
  {
    name: "another's lease never runs out",
    code: misread((reading, region) =>
      isOwn(region, reading.lease) ? reading : { ...reading, storeTime: reading.lease?.readAt ?? reading.storeTime },
    ),
    surroundings: { liveness: true, from: "nothing" },
    fault: /can't become the writer/,
  },
];
