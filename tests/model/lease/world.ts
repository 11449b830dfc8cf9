import { Duration } from "../../../domain/duration";
import {
  type Decision,
  type Lease,
  type LeaseTimes,
  type Lost,
  type Member,
  type Reading,
  type Vault,
  type Write,
  decide,
  mayAcknowledge,
  start,
  written,
} from "../../../domain/lease";
import type { System } from "./explore";

/** The code under test. A mutant replaces a part of it. */
export interface Protocol {
  readonly start: typeof start;
  readonly decide: typeof decide;
  readonly written: typeof written;
  readonly mayAcknowledge: typeof mayAcknowledge;
}

export const protocol: Protocol = { start, decide, written, mayAcknowledge };

/** What surrounds the code. A mutant changes a rule of the stores; the faults are chosen by what is to be shown. */
export interface Surroundings {
  /**
   * Begins with two empty vaults, with A the writer that has both, with B the writer by an operator's word, or with two
   * takers of which each has one.
   */
  readonly from: "nothing" | "writer" | "writer by word" | "two halves";
  /** Time may stand still, for what goes wrong without it. */
  readonly ticks: boolean;
  readonly times: LeaseTimes;
  /** How many ticks a region's clock may lose or gain in a lease's time. */
  readonly drift: number;
  /** By how many ticks an age may be misread, either way. */
  readonly misreading: number;
  /** `version`: a write succeeds on the version that was read. `none`: always. */
  readonly condition: "version" | "none";
  /** `reader`: the age counts from the reading, as the lease says. `store`: from the store's last modification. */
  readonly stamp: "reader" | "store";
  /** Whether answers may come late. If not they may still be lost; a late one gives the same right for a shorter time. */
  readonly lateAnswers: boolean;
  /** How many writes at once may take longer than a tick to land. Any number may overtake each other within a tick. */
  readonly delayed: 0 | 1 | 2;
  /** Whether a region may lose its memory, at any time. */
  readonly restarts: boolean;
  /** Whether a region may stand down and release its leases, at any time. */
  readonly handOvers: boolean;
  /** A vault may lose its object. */
  readonly wipes: boolean;
  /** Whether each world is also asked what it can still become when nothing more stands in its way. */
  readonly liveness: boolean;
  /** Whether an operator may declare a vault lost, once: never, when it is gone, or also when it isn't. */
  readonly word: "none" | "right" | "wrong";
}

type Index = 0 | 1;
type Two<T> = readonly [T, T];
const both: readonly Index[] = [0, 1];
const regions = ["A", "B"] as const;
const vaults: Two<Vault> = ["s3", "gcs"];
const other = (index: Index): Index => (index === 0 ? 1 : 0);
const vaultIndex = (vault: Vault): Index => (vault === "s3" ? 0 : 1);
const withItem = <T>([first, second]: Two<T>, index: Index, item: T): Two<T> =>
  index === 0 ? [item, second] : [first, item];

interface Store {
  readonly lease: Lease | undefined;
  /**
   * Each region's write that may still land. Of all the writes on one version no more than one can, and it is open which:
   * so where writes are conditional only one is kept, each in some successor. The others differ in nothing from lost ones.
   */
  readonly flights: Two<Write | undefined>;
  /** Successes that the regions haven't heard of yet. */
  readonly answers: Two<Write | undefined>;
}

/** All moments and store times are relative to now, which is 0. */
export interface World {
  readonly members: Two<Member>;
  readonly stores: Two<Store>;
  /** A vault that answers nobody. A vault that only some can't reach needs no mark: their messages just don't arrive. */
  readonly gone: Vault | undefined;
  /** What an operator told region B. */
  readonly word: Lost | undefined;
  /** Ticks since the writer by an operator's word took the returned vault. */
  readonly retaken: number | undefined;
  /** What went wrong on the way into this world. */
  readonly broken: string | undefined;
}

type Step = readonly [label: string, world: World];

const none: Two<undefined> = [undefined, undefined];
const emptyStore: Store = { lease: undefined, flights: none, answers: none };

export class LeaseSystem implements System<World> {
  readonly initial: World;
  /** Ages from here on make no difference. */
  private readonly horizon: number;
  private readonly longestWait: number;
  /** A holder's clock at its slowest makes the lease longer than it says. */
  private readonly slow: LeaseTimes;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly code: Protocol = protocol,
  ) {
    const { times, drift, misreading } = surroundings;
    const validity = times.validity.seconds;
    const early = times.holderMargin.seconds;
    const late = times.takerMargin.seconds;
    this.horizon = Math.max(
      // What lets a taker be alone: the time of two leases, one after the other.
      2 * validity - early + late + 1 - misreading,
      validity - early + Math.max(misreading, drift),
      1,
    );
    this.longestWait = validity + late + 1;
    this.slow = { ...times, validity: Duration.seconds(times.validity.seconds + drift) };
    const nothing: World = {
      members: [code.start("A"), code.start("B")],
      stores: [emptyStore, emptyStore],
      gone: undefined,
      word: undefined,
      retaken: undefined,
      broken: undefined,
    };
    const { from } = surroundings;
    const writer = from === "nothing" ? nothing : this.withWriter(nothing);
    const others = {
      "writer by word": () => this.withWriterByWord(writer),
      "two halves": () => this.withHalves(writer),
    };
    this.initial = from in others ? others[from as keyof typeof others]() : writer;
  }

  /** A's leases run out, and both regions take them at once. */
  private withHalves(writer: World): World {
    let world = writer;
    for (let i = 0; i <= this.longestWait; i++) world = this.tick(world);
    const [a, b] = [this.decide(world, 0, both, "write"), this.decide(world, 1, both, "write")];
    return this.arrive(this.arrive(world, 0, a, [0]), 1, b, [1]);
  }

  /** What A's first take-over, a renewal and B's looking on come to. */
  private withWriter(nothing: World): World {
    let world = nothing;
    for (let i = 0; i <= this.longestWait; i++) world = this.tick(this.calmRound(world, 0, both));
    return this.calmRound(world, 0, both);
  }

  /** A's leases run out, GCS is lost and returns. Where the word is wrong, A has renewed its lease in GCS all the time. */
  private withWriterByWord(writer: World): World {
    let world: World = { ...writer, word: this.told({ vault: "gcs", term: writer.members[0].term }) };
    for (let i = 0; i <= this.longestWait; i++) {
      world = this.tick(world);
      if (this.surroundings.word === "wrong") world = this.calmRound(world, 0, [1]);
    }
    return this.calmRound(world, 1, [0]);
  }

  isWriter(world: World, r: Index): boolean {
    return this.code.mayAcknowledge(world.members[r], 0);
  }

  fault(world: World): string | undefined {
    if (world.broken !== undefined) return world.broken;
    if (this.isWriter(world, 0) && this.isWriter(world, 1)) {
      if (this.surroundings.word !== "wrong") return "both regions acknowledge commits";
      const { validity, holderMargin } = this.slow;
      // The operator's error has a limit: the old lease, from when the returned vault says who is the writer.
      if ((world.retaken ?? 0) >= validity.seconds - holderMargin.seconds) {
        return "both regions acknowledge commits although the returned vault was taken";
      }
    }
    return this.surroundings.liveness ? this.stuck(world) : undefined;
  }

  private stuck(world: World): string | undefined {
    for (const r of both) {
      // A lease runs out, a vault without an object gets one first, and a round is needed for each.
      if (!this.becomesWriter(world, r, 2 * this.longestWait + 2))
        return `${regions[r]} can't become the writer, alone`;
      for (const v of both) {
        // Of a vault that has no lease nobody can tell how old one would be.
        if (!world.stores[v].lease || this.becomesWriter(world, r, 4 * this.longestWait, [other(v)])) continue;
        return `${regions[r]} can't become the writer, alone, while ${vaults[v]} can only be read`;
      }
      for (const v of both) {
        const { lease } = world.stores[v];
        if (lease?.holder !== regions[r] || lease.state === "released") continue;
        if (this.isWriter(world, r) && !this.staysWriter(world, r, v)) {
          return `${regions[r]} stops although it has ${vaults[v]}`;
        }
        const isFresh = lease.state === "writing" && lease.readAt === 0;
        if (isFresh && !this.staysWriter(this.calmRound(this.restart(world, r), r, [v]), r, v)) {
          return `${regions[r]} starts anew and stops although it has ${vaults[v]}`;
        }
      }
    }
    return undefined;
  }

  /** Reading both vaults, and writing to those that take writes. */
  private becomesWriter(world: World, r: Index, ticks: number, writable = both): boolean {
    let later = world;
    for (let i = 0; i <= ticks; i++) {
      later = this.calmRound(later, r, both, writable);
      if (this.isWriter(later, r)) return true;
      later = this.tick(later);
    }
    return false;
  }

  /** With one vault, for as long as makes a difference. */
  private staysWriter(world: World, r: Index, v: Index): boolean {
    let later = world;
    for (let i = 0; i <= this.longestWait; i++) {
      if (!this.isWriter(later, r)) return false;
      later = this.tick(this.calmRound(later, r, [v]));
    }
    return true;
  }

  /** A round of which everything arrives at once, and nothing of earlier ones. */
  private calmRound(world: World, r: Index, asked: readonly Index[], writable = both): World {
    return this.arrive(world, r, this.decide(world, r, asked, "write"), writable);
  }

  private arrive(world: World, r: Index, { member, writes }: Decision, writable: readonly Index[]): World {
    let later: World = { ...world, members: withItem(world.members, r, member) };
    for (const write of writes) {
      const v = vaultIndex(write.vault);
      if (!writable.includes(v)) continue;
      later = this.hear(this.withStore(later, v, { lease: { ...write.lease, readAt: 0 }, flights: none }), r, write);
    }
    return later;
  }

  *next(world: World): Generator<Step> {
    if (this.surroundings.ticks) yield* this.passTime(world);
    for (const v of both) {
      if (world.gone === vaults[v]) continue;
      for (const r of both) yield* this.land(world, r, v);
      if (this.surroundings.wipes && world.stores[v].lease) {
        yield [`${vaults[v]} loses its object`, this.withStore(world, v, { lease: undefined, flights: none })];
      }
    }
    for (const r of both) {
      if (this.surroundings.restarts) yield [`${regions[r]} starts anew`, this.restart(world, r)];
      for (const v of both) {
        const write = world.stores[v].answers[r];
        if (write) yield [`${regions[r]} hears of its write to ${vaults[v]}`, this.hear(world, r, write)];
      }
      for (const asked of [[0], [1], [0, 1]] as Index[][]) {
        if (asked.some((v) => world.gone === vaults[v])) continue;
        yield* this.round(world, r, asked, "write");
        if (this.surroundings.handOvers) yield* this.round(world, r, asked, "rest");
      }
    }
    if (this.surroundings.word !== "none") yield* this.disaster(world);
  }

  /** The store's answer, its time misread to the worse side: one's own lease seems younger than it is, another's older. */
  private read({ stores }: World, r: Index, v: Index): Reading {
    const { lease } = stores[v];
    const { misreading } = this.surroundings;
    const storeTime = lease?.holder === regions[r] ? -misreading : misreading;
    return { vault: vaults[v], version: lease && "as read", lease, storeTime };
  }

  private decide(world: World, r: Index, asked: readonly Index[], wish: "write" | "rest"): Decision {
    const readings = asked.map((v) => this.read(world, r, v));
    const lost = r === 1 ? world.word : undefined;
    const decision = this.code.decide(
      world.members[r],
      { startedAt: 0, readings, wish, lost },
      this.surroundings.times,
    );
    const { held } = decision.member;
    if (held?.from !== 0) return decision;
    return { ...decision, member: { ...decision.member, held: { ...held, from: this.earlier } } };
  }

  private *round(world: World, r: Index, asked: readonly Index[], wish: "write" | "rest"): Generator<Step> {
    const { member, writes } = this.decide(world, r, asked, wish);
    const readers = asked.length === 0 ? "no vault" : asked.map((v) => vaults[v]).join(" and ");
    const begun: World = { ...world, members: withItem(world.members, r, member) };
    let steps: Step[] = [
      [`${regions[r]} reads ${readers}${wish === "rest" ? " and stands down" : ""}`, this.tidy(begun)],
    ];
    for (const { lease, ...rest } of writes) {
      const v = vaultIndex(rest.vault);
      const write: Write = { ...rest, lease: { ...lease, readAt: 0 } };
      steps = steps.flatMap(([label, each]): Step[] => {
        const flights = this.surroundings.condition === "version" ? none : each.stores[v].flights;
        return [
          [label, each],
          [
            `${label}; sends ${write.vault} "${lease.state}" of term ${lease.term}`,
            this.withStore(each, v, { flights: withItem<Write | undefined>(flights, r, write) }),
          ],
        ];
      });
    }
    yield* steps;
  }

  private *land(world: World, r: Index, v: Index): Generator<Step> {
    const store = world.stores[v];
    const write = store.flights[r];
    if (!write) return;
    const { condition, stamp, lateAnswers, word } = this.surroundings;
    const landed: World = {
      ...this.withStore(world, v, {
        lease: stamp === "store" ? { ...write.lease, readAt: 0 } : write.lease,
        flights: condition === "version" ? none : withItem(store.flights, r, undefined),
        answers: withItem(store.answers, r, undefined),
      }),
      retaken:
        word === "wrong" && world.members[r].without === write.vault && write.lease.state === "writing"
          ? 0
          : world.retaken,
      broken: condition === "version" ? termFault(store.lease, write.lease) : undefined,
    };
    const label = `${regions[r]}'s write to ${vaults[v]} succeeds`;
    yield [label, landed];
    if (!this.changes(world.members[r], write)) return;
    if (lateAnswers) yield [label, this.withStore(landed, v, { answers: withItem(store.answers, r, write) })];
    else yield [`${label}, and it hears of it`, this.hear(landed, r, write)];
  }

  private hear(world: World, r: Index, write: Write): World {
    const v = vaultIndex(write.vault);
    return this.tidy({
      ...this.withStore(world, v, { answers: withItem(world.stores[v].answers, r, undefined) }),
      members: withItem(world.members, r, this.code.written(world.members[r], write, this.slow)),
    });
  }

  private restart(world: World, r: Index): World {
    return {
      ...world,
      members: withItem(world.members, r, this.code.start(regions[r])),
      stores: [this.forget(world.stores[0], r), this.forget(world.stores[1], r)],
      // The new process is told again, and must not count on what the old one waited.
      word: world.word && r === 1 ? this.told(world.word) : world.word,
    };
  }

  private forget(store: Store, r: Index): Store {
    const flight = store.flights[r];
    return {
      ...store,
      flights: flight ? withItem<Write | undefined>(store.flights, r, { ...flight, round: -1 }) : store.flights,
      answers: withItem(store.answers, r, undefined),
    };
  }

  /**
   * An operator tells a region, B, that a vault, GCS, is lost; with the other names it is the same. That a vault was out of
   * reach before needs no step: nothing arrived there.
   */
  private *disaster(world: World): Generator<Step> {
    const { word, stores, members, gone } = world;
    const isRight = this.surroundings.word === "right";
    const seen = stores[0].lease;
    if (!word && seen) {
      const told = { ...world, word: this.told({ vault: "gcs", term: seen.term }) };
      yield isRight
        ? ["gcs is gone, an operator tells B so", { ...told, gone: "gcs" }]
        : ["an operator tells B that gcs is lost, which it isn't", told];
    }
    // Before the word was of use, an operator who sees the vault return takes it back: as if nothing had been.
    if (gone !== undefined && members[1].without === gone) yield [`${gone} returns`, { ...world, gone: undefined }];
  }

  /** Now, to one who waits by a fast clock: it gains its ticks meanwhile. */
  private get earlier(): number {
    return -this.surroundings.drift;
  }

  private told(lost: Omit<Lost, "toldAt">): Lost {
    return { ...lost, toldAt: this.earlier };
  }

  private tick(world: World): World {
    const { members, stores, word, retaken } = world;
    return {
      ...world,
      members: [this.olderMember(members[0]), this.olderMember(members[1])],
      stores: [this.olderStore(stores[0]), this.olderStore(stores[1])],
      word: word && { ...word, toldAt: Math.max(word.toldAt - 1, -this.longestWait) },
      retaken: retaken === undefined ? undefined : Math.min(retaken + 1, this.horizon),
    };
  }
  private *passTime(world: World): Generator<Step> {
    const older = this.tick(world);
    // What is under way to a vault that is gone may arrive when it returns.
    const waiting = both.filter((v) => this.isDelaying(world, v) && world.gone !== vaults[v]);
    if (waiting.length <= this.surroundings.delayed) {
      yield ["a tick passes", older];
    } else if (this.surroundings.delayed === 0) {
      yield [
        "a tick passes, and what is under way is lost",
        waiting.reduce((each, v) => this.withStore(each, v, { flights: none }), older),
      ];
    } else {
      for (const v of both)
        yield [
          `a tick passes, and what is under way to ${vaults[v]} is lost`,
          this.withStore(older, v, { flights: none }),
        ];
    }
  }
  private isDelaying({ stores }: World, v: Index): boolean {
    return stores[v].flights.some((flight) => flight !== undefined);
  }
  private past(moment: number): number {
    return Math.max(moment - 1, -this.horizon);
  }
  private olderMember(member: Member): Member {
    const { writerUntil, held } = member;
    return {
      ...member,
      writerUntil: writerUntil > 1 ? writerUntil - 1 : -Infinity,
      held: held?.from === undefined ? held : { ...held, from: Math.max(held.from - 1, -this.longestWait) },
    };
  }
  private olderStore({ lease, flights, answers }: Store): Store {
    return {
      lease: lease && this.olderLease(lease),
      flights: [this.olderWrite(flights[0]), this.olderWrite(flights[1])],
      answers: [this.olderWrite(answers[0]), this.olderWrite(answers[1])],
    };
  }
  private olderLease(lease: Lease): Lease {
    return { ...lease, readAt: this.past(lease.readAt) };
  }
  private olderWrite(write: Write | undefined): Write | undefined {
    return write && { ...write, startedAt: this.past(write.startedAt), lease: this.olderLease(write.lease) };
  }

  private changes(member: Member, write: Write): boolean {
    return this.code.written(member, write, this.slow) !== member;
  }

  /** Forgets answers that tell a region nothing. Rounds only grow, so they never will. */
  private tidy(world: World): World {
    if (!this.surroundings.lateAnswers) return world;
    const [first, second] = world.stores;
    return { ...world, stores: [this.tidyStore(world, first), this.tidyStore(world, second)] };
  }

  private tidyStore({ members }: World, store: Store): Store {
    const [a, b] = store.answers;
    return { ...store, answers: [this.useful(members[0], a), this.useful(members[1], b)] };
  }

  private useful(member: Member, write: Write | undefined): Write | undefined {
    return write && this.changes(member, write) ? write : undefined;
  }

  private withStore(world: World, v: Index, change: Partial<Store>): World {
    return { ...world, stores: withItem(world.stores, v, { ...world.stores[v], ...change }) };
  }

  /**
   * Regions and vaults may change their names: of the descriptions of a world under all names one stands for it. The ones
   * whose parts are out of order by their names' own merits needn't be written out.
   */
  key(world: World): string {
    this.terms = smallTerms(world);
    let smallest = "";
    for (const a of order(memberRank(world.members[0]), memberRank(world.members[1]))) {
      for (const s of order(storeRank(world.stores[0]), storeRank(world.stores[1]))) {
        const description = this.describe(world, a, s);
        if (smallest === "" || description < smallest) smallest = description;
      }
    }
    return smallest;
  }

  private terms = new Map<number, number>();
  private codes: number[] = [];
  private first: Index = 0;
  private firstVault: Index = 0;

  private describe(world: World, a: Index, s: Index): string {
    this.codes = [];
    this.first = a;
    this.firstVault = s;
    const second = other(a);
    this.putMember(world, a);
    this.putMember(world, second);
    for (const v of [s, other(s)]) {
      const { lease, flights, answers } = world.stores[v];
      this.putLease(lease);
      this.putWrite(flights[a], world.members[a]);
      this.putWrite(flights[second], world.members[second]);
      this.putWrite(answers[a], world.members[a]);
      this.putWrite(answers[second], world.members[second]);
    }
    this.put(this.vaultNumber(world.gone));
    this.put(world.retaken === undefined ? 99 : world.retaken, world.broken === undefined ? 0 : 1);
    if (world.word) this.put(a * 2 + s, this.term(world.word.term), -world.word.toldAt);
    return String.fromCharCode(...this.codes);
  }

  private put(...numbers: number[]): void {
    for (const n of numbers) this.codes.push(n + 100);
  }
  private regionNumber(name: string | null): number {
    return name === regions[this.first] ? 0 : name === null || name === "" ? 2 : 1;
  }
  private vaultNumber(name: Vault | null | undefined): number {
    return name ? vaultIndex(name) ^ this.firstVault : 2;
  }
  private term(given: number): number {
    return this.terms.get(given) ?? 0;
  }
  private putMember(world: World, r: Index): void {
    const { term, gaveWayTo, writerUntil, without, taken, held } = world.members[r];
    let sum = 0;
    for (const name of taken) sum += 1 + this.vaultNumber(name);
    this.put(
      writerUntil === -Infinity ? 0 : this.term(term),
      this.term(gaveWayTo),
      writerUntil === -Infinity ? 0 : writerUntil,
    );
    this.put(this.isWriter(world, r) ? 1 : 0, this.vaultNumber(without) * 4 + sum);
    if (held && this.isHeld(world, r)) this.put(this.vaultNumber(held.vault), held.from ?? 1);
    else this.put(98);
  }
  /** Whether it is of use yet: a vault that somebody else has had is never again the region's with the same term. */
  private isHeld({ members, stores }: World, r: Index): boolean {
    const { held } = members[r];
    const lease = held && stores[vaultIndex(held.vault)].lease;
    return lease?.holder === regions[r] && lease.state !== "released" && lease.term === held?.term;
  }
  private putLease(lease: Lease | undefined): void {
    if (!lease) {
      this.put(99);
      return;
    }
    const { holder, without, state, term, readAt } = lease;
    this.put(
      this.regionNumber(holder) * 9 + this.vaultNumber(without) * 3 + stateNumber[state],
      this.term(term),
      -readAt,
    );
  }
  private putWrite(write: Write | undefined, { round }: Member): void {
    this.putLease(write?.lease);
    if (write) this.put(write.round === round ? 1 : 0, -write.startedAt);
  }
}

/** Which of two may come first, by ranks that don't depend on names. */
const order = (first: number, second: number): readonly Index[] =>
  first === second ? both : first < second ? [0] : [1];
const memberRank = ({ writerUntil, taken }: Member): number =>
  (writerUntil === -Infinity ? 0 : writerUntil * 4) + taken.length;
const writeRank = (write: Write | undefined): number =>
  write ? 1 - write.startedAt + stateNumber[write.lease.state] * 8 : 0;
const storeRank = ({ lease, flights }: Store): number =>
  (lease ? 1 - lease.readAt + stateNumber[lease.state] * 8 : 0) * 1000 + writeRank(flights[0]) + writeRank(flights[1]);

/**
 * In each vault a new holder brings a new term. A writer has both vaults when it begins, so no later one has its term: with
 * one word of an operator at most, any two writers had one vault in common.
 */
const termFault = (before: Lease | undefined, after: Lease): string | undefined => {
  if (!before || after.term > before.term) return undefined;
  if (after.term < before.term) return "a term goes back";
  return after.holder === before.holder ? undefined : "a term has two holders";
};

const stateNumber = { taking: 0, writing: 1, released: 2 } as const;

/** Terms matter by their order, and by which ones follow each other directly: so there are finitely many worlds. */
const smallTerms = ({ stores, members, word }: World): Map<number, number> => {
  const terms = [0, word?.term ?? 0];
  for (const { term, gaveWayTo, writerUntil } of members) terms.push(writerUntil === -Infinity ? 0 : term, gaveWayTo);
  for (const { lease, flights, answers } of stores) {
    if (lease) terms.push(lease.term);
    for (const two of [flights, answers]) for (const write of two) if (write) terms.push(write.lease.term);
  }
  terms.sort(ascending);
  const small = new Map<number, number>();
  let before = 0;
  let last = 0;
  for (const term of terms) {
    last += Math.min(term - before, 1);
    before = term;
    small.set(term, last);
  }
  return small;
};
const ascending = (a: number, b: number): number => a - b;
