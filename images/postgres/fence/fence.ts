import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fence, type FenceSettings, type FenceStatus, lsnBytes, renderLsn, type Word } from "../../../domain/fence";
import { timing } from "../../../domain/patroni";
import {
  type Left,
  outlivedSeconds,
  type Position,
  renewalInterval,
  takerSeconds,
  type Vault,
} from "../../../domain/lease";
import { scenarioObjectives } from "../../../domain/objectives";
import { now } from "./clock";
import { Gate } from "./gate";
import { type Intent, Keeper } from "./keeper";
import { Announcement, messageOf, say } from "../log";
import { Postgres, type PostgresState } from "./postgres";
import { readWanted, unknown, type Wanted } from "./shared";
import type { LeaseVault } from "./vault";

/** How often the member is looked at: in general, and while a change of the writer is under way. */
const LOOK_SECONDS = 1;
const LOOK_CLOSELY_SECONDS = 0.1;
/** How often one who waits for the lease looks at the vaults. */
const TAKE_SECONDS = 0.3;
/** A database that is down keeps its region's lease for so long: Patroni restarts it, or another member leads by then. */
const DOWN_SECONDS = 60;
/** A database that is told to follow may take so long to end: its checkpoint, its last WAL's way to the archive. */
const ENDING_SECONDS = 300;
/** Patroni acts on a changed role before it writes down the copy that the fence reads; it looks this often. */
const COPY_SECONDS = timing.loopWait.seconds + 1;
/** An alarm well before commits stop, 28 s after the last renewal. */
const SILENCE_SECONDS = 10;
/** A start must end one day: the container is started again, and asks again. It outlasts a lease that nobody renews. */
const START_SECONDS = 60;

/** How often one who wants nothing of the lease looks at the vaults. */
const WATCH_SECONDS = 15;
/** An alarm when half of what the plan allows to be lost with a region would be. */
const LAG_SECONDS = scenarioObjectives.datacenterOutage.rpo.seconds / 2;
/** A standby that reads the archive gets one segment a minute: it must have been close for so long. */
const CLOSE_SECONDS = 75;
/** Far below the 15 minutes from which on S3 refuses what a wrong clock signed, far above what a measurement errs. */
const CLOCK_SECONDS = 60;
/** To hand over when the pod ends. A round takes 5 s at most. */
const LAST_SECONDS = 15;

const repair = (what: string): string =>
  `look at the permissions, quota and locks of ${what}: what refuses the lease refuses WAL and backups too`;

/** Who asks for the lease: Patroni before it promotes this member, or a bootstrap before it makes a database. */
export type Purpose = "promotion" | "start";

export type Answer = { readonly granted: true } | { readonly granted: false; readonly why: string };

/** One member's fence. */
export class Fence {
  private readonly keeper: Keeper;
  private readonly gate: Gate;
  private readonly postgres: Postgres;
  private state: PostgresState = { state: "down" };
  private wanted: Wanted = unknown;
  private lastPosition: Position | undefined;
  private replayedTimeline = 0;
  /** Timeline on which the database was last seen as primary. */
  private ledTimeline: number | undefined;
  /** When the database was last seen as primary. */
  private ledAt = -Infinity;
  private takers = 0;
  /** Until when a promotion that was granted is awaited. */
  private expectedUntil = -Infinity;
  /** Where the database ended that this region handed over, until the vaults have it. */
  private handingOver: Position | undefined;
  /** Whether a predecessor of this process may have left a lease that is to be handed over. */
  private mayHaveLeft = true;
  /** Why one who asks for the lease still waits. */
  private waitsFor: string | undefined;
  /** Whether what the last writer here left may go to the archive: all of it belongs to the common history. */
  private handedOver = false;
  /** When this member last streamed, or had nothing to stream. */
  private streamedAt = now();
  /** When it was last too far behind the writer. */
  private behindAt = -Infinity;
  private lastRound = -Infinity;
  private lastBeat = -Infinity;
  private rounds: Promise<void> = Promise.resolve();
  private readonly alarms = {
    silence: new Announcement("lease-vaults-silent"),
    deposed: new Announcement("not-the-writer"),
    application: new Announcement("application-elsewhere"),
    alone: new Announcement("synchronous-alone"),
    settings: new Announcement("shared-settings"),
    heartbeat: new Announcement("heartbeat"),
    lag: new Announcement("replication-lag"),
    clock: new Announcement("clock"),
  };

  constructor(
    private readonly settings: FenceSettings,
    private readonly member: string,
    vaults: readonly LeaseVault[],
  ) {
    this.postgres = new Postgres(member);
    this.keeper = new Keeper(settings.region, member, vaults);
    this.gate = new Gate(
      () => this.keeper.mayAcknowledge(),
      () => this.wanted.synchronous !== "off",
      () => this.flushed(),
    );
  }

  /** Up to where commits are on the disks that must have them beside the writer's. */
  private async flushed(): Promise<bigint> {
    const { synchronous } = this.wanted;
    if (synchronous === "off") throw new Error("synchronousReplication was turned off meanwhile");
    const lsn = await this.postgres.flushed(synchronous);
    const alone =
      `synchronousReplication is ${synchronous}, and no such member streams: commits wait for it. To go on without: ` +
      "`pulumi config set synchronousReplication off` and `pulumi up`";
    this.alarms.alone.update(lsn === undefined ? alone : undefined, now());
    return lsn ?? 0n;
  }

  private get isManual(): boolean {
    return this.settings.fencing === "manual";
  }

  /** Looks at the member until `signal`, and hands over then what is to be handed over. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = now();
      await this.lookOnce();
      const seconds = this.looksClosely() ? LOOK_CLOSELY_SECONDS : LOOK_SECONDS;
      await delay(Math.max(0, began + seconds - now()) * 1000, undefined, { signal }).catch(() => undefined);
    }
    await this.end();
    this.gate.close();
  }

  private async lookOnce(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      // A fence that ended now would forget what it holds.
      say(`ALARM fence: ${messageOf(error)}`);
    }
  }

  /** The pod's other containers have ended before this one, and Postgres with them: where it ended is known now. */
  private async end(): Promise<void> {
    const last = now() + LAST_SECONDS;
    for (;;) {
      this.lastRound = -Infinity;
      await this.lookOnce();
      await this.rounds;
      if (!this.hasToHandOver()) return;
      if (now() > last) break;
      await delay(LOOK_CLOSELY_SECONDS * 1000);
    }
    say("this fence ends and has not handed over: the other region takes the lease when it has run out");
  }

  private hasToHandOver(): boolean {
    return (
      !this.isManual &&
      this.wanted.role === "standby" &&
      (this.keeper.mayAcknowledge() || this.handingOver !== undefined)
    );
  }

  private looksClosely(): boolean {
    const changes = now() < this.expectedUntil || (this.wanted.role === "standby" && this.keeper.mayAcknowledge());
    return changes && !this.isManual;
  }

  private async look(): Promise<void> {
    await this.readWanted();
    this.state = await this.seenState();
    this.lastPosition = this.state.position ?? this.lastPosition;
    if (this.state.state === "primary") {
      // The lease must tell of a new timeline at once, to whoever is still on the one before.
      if (this.state.position?.timeline !== this.ledTimeline) this.lastRound = -Infinity;
      this.ledTimeline = this.state.position?.timeline;
      this.ledAt = now();
      this.expectedUntil = -Infinity;
      this.handedOver = false;
      this.handingOver = undefined;
    }
    if (!this.isManual) {
      await this.keepLease();
      if (this.state.state === "primary") void this.gate.open();
      else this.gate.close();
      await this.depose();
    }
    this.watch();
    this.announceLag();
    this.announceClock();
    await this.allowArchiving();
    if (this.state.state === "primary" && (this.isManual || this.gate.isOpen)) this.beat();
  }

  private round(intent: Intent, veto?: () => boolean | Promise<boolean>): Promise<void> {
    return this.alone(() => this.keeper.round(intent, veto));
  }

  /** A standby that streams no more forgets which timeline it replays until its next restartpoint; the fence does not. */
  private async seenState(): Promise<PostgresState> {
    const state = await this.postgres.state();
    if (state.position === undefined || state.state !== "standby") return state;
    this.replayedTimeline = Math.max(this.replayedTimeline, state.position.timeline);
    return { ...state, position: { ...state.position, timeline: this.replayedTimeline } };
  }

  private async readWanted(): Promise<void> {
    try {
      this.wanted = await readWanted();
      this.alarms.settings.update(undefined, now());
    } catch (error) {
      // What was wanted holds until it can be read again.
      this.alarms.settings.update(`the members' shared settings can't be read: ${messageOf(error)}`, now());
    }
  }

  /** One round at a time, whoever asks for it. */
  private alone(round: () => Promise<void>): Promise<void> {
    const next = this.rounds.then(() => {
      this.lastRound = now();
      return round();
    });
    // A round that fails is a fault of this program; the ones after it go on, and whoever asked for it hears of it.
    this.rounds = next.catch((error: unknown) => {
      say(`ALARM lease-round: ${messageOf(error)}`);
    });
    return next;
  }

  /** Sees how the vaults are, also where nothing is wanted of the lease. */
  private watch(): void {
    if (now() - this.lastRound >= WATCH_SECONDS) this.alone(() => this.keeper.watch()).catch(() => undefined);
  }

  /** What pgBackRest signs and Postgres writes down has the machine's time. */
  private announceClock(): void {
    const ahead = this.keeper.aheadSeconds ?? 0;
    const direction = ahead > 0 ? "ahead of" : "behind";
    this.alarms.clock.update(
      Math.abs(ahead) > CLOCK_SECONDS
        ? `this machine's clock is ${Math.abs(ahead).toFixed(0)} s ${direction} the stores' clocks. The writer's lease doesn't depend on ` +
            "it, but S3 refuses what is signed more than 15 minutes off (RequestTimeTooSkewed), so WAL, backups and restores " +
            "fail; certificates count as expired or not yet valid; and backups are named by a wrong time. Set the clock of " +
            "the pod's node (NTP)"
        : undefined,
      now(),
    );
  }

  /** How far a standby region is behind. A writer that is silent is nobody to be behind. */
  private announceLag(): void {
    const { state, streaming, position } = this.state;
    const writer = this.otherWriter();
    const follows = state === "standby" && this.wanted.role === "standby" && writer !== undefined;
    if (!follows || streaming === true) this.streamedAt = now();
    const there = this.keeper.other?.lease.position;
    const lag = there && position ? Math.max(0, there.beat - position.beat) : 0;
    const quiet = now() - this.streamedAt;
    if (!follows) this.behindAt = -Infinity;
    else if (lag > LAG_SECONDS || quiet > LAG_SECONDS) this.behindAt = now();
    const way =
      streaming === true
        ? "It streams: its replay or the way is too slow"
        : `It has not streamed for ${quiet.toFixed(0)} s and follows by the archive only. The log of container postgres says why (network, ` +
          "certificate, password, slot)";
    this.alarms.lag.update(
      now() - this.behindAt <= CLOSE_SECONDS
        ? `this member is ${lag} s or more behind region ${writer ?? ""}, by the heartbeats, and so much would be lost with that ` +
            `region; the plan allows ${scenarioObjectives.datacenterOutage.rpo.toString()}. ${way}`
        : undefined,
      now(),
    );
  }

  private async keepLease(): Promise<void> {
    const intent = await this.intent();
    const isDue = now() - this.lastRound >= renewalInterval.seconds;
    if (intent?.wish === "rest" && (this.keeper.mayAcknowledge() || isDue)) {
      await this.alone(async () => {
        if (await this.keeper.release(intent)) this.handingOver = undefined;
      });
      this.handedOver = !this.keeper.mayAcknowledge();
    } else if (intent?.wish === "write" && isDue) {
      // Not awaited: the gate and the others must not wait for a store.
      this.round(intent, () => this.isPassed()).catch(() => undefined);
    }
    this.announceSilence();
  }

  /** What this member wants of the lease, if anything. */
  private async intent(): Promise<Intent | undefined> {
    const { words } = this.wanted;
    const write: Intent = { wish: "write", position: this.lastPosition, words, remembers: true };
    if (this.state.state === "primary") return { ...write, remembers: false };
    // Who takes has rounds of its own, which look at what was handed over first.
    if (this.takers > 0) return undefined;
    if (now() < this.expectedUntil && this.keeper.mayAcknowledge()) return write;
    if (this.wanted.role === "primary" && this.state.state === "standby" && now() > this.expectedUntil) {
      // Another member leads. What this one held is that one's now.
      this.keeper.forget();
    }
    if (this.wanted.role === "standby") {
      if ((this.keeper.mayAcknowledge() || this.mayHaveLeft) && this.handingOver === undefined) {
        this.handingOver = this.keeper.isShared() ? undefined : await this.endOfWriting();
        const ends = this.keeper.mayAcknowledge() && now() - this.ledAt < ENDING_SECONDS;
        if (this.handingOver === undefined) return ends ? write : undefined;
        this.mayHaveLeft = false;
      }
      return this.handingOver && { wish: "rest", position: this.handingOver, words, remembers: true };
    }
    return this.keeper.mayAcknowledge() && now() - this.ledAt < DOWN_SECONDS ? write : undefined;
  }

  /** Where the demoted database ended, once it has. */
  private async endOfWriting(): Promise<Position | undefined> {
    const { state, position } = this.state;
    if (state === "standby") return position;
    if (this.lastPosition === undefined) return undefined;
    try {
      const checkpoint = await this.postgres.shutDownAt();
      // Whoever has replayed anything past the record's first byte has replayed the record.
      return checkpoint === undefined ? undefined : { ...this.lastPosition, lsn: renderLsn(lsnBytes(checkpoint) + 1n) };
    } catch (error) {
      say(`pg_controldata fails: ${messageOf(error)}`);
      return undefined;
    }
  }

  private announceSilence(): void {
    const errors = this.keeper.errorsInWords();
    this.alarms.silence.update(errors === "" ? undefined : this.silence(errors), now());
  }

  /** What follows from vaults that don't answer as they should; nothing where it is no matter of this member's. */
  private silence(errors: string): string | undefined {
    if (this.state.state === "standby") {
      return `a vault does not answer (${errors}). This region could take over only when it does, or with the operator's word on it`;
    }
    if (this.state.state !== "primary") return undefined;
    if (this.keeper.secondsWithoutRenewal() <= SILENCE_SECONDS) {
      return `a vault does not renew the writer's lease (${errors}). The region writes on by the other one`;
    }
    const commits =
      this.keeper.secondsLeft() > 0
        ? "Commits are no longer acknowledged when it runs out, 28 s after the last renewal"
        : "Commits wait";
    return (
      `neither vault renews the writer's lease (${errors}). ${commits}; they go on by themselves when a vault does and no ` +
      "other region has taken over"
    );
  }

  /** Another region is the writer, and a database here is primary all the same: nothing that it commits may be answered. */
  private async depose(): Promise<void> {
    const other = this.isPassed() ? this.keeper.other?.lease.holder : this.otherWriter();
    if (this.state.state !== "primary" || this.keeper.mayAcknowledge() || other === undefined) {
      this.alarms.deposed.update(undefined, now());
      return;
    }
    this.alarms.deposed.update(
      `region ${other} has taken over (it holds the writer's lease), and the database here is still primary. Commits are not ` +
        "acknowledged, sessions are ended, nothing is archived. Make this region follow: `pulumi config set role standby` " +
        "and `pulumi up`, or `dr failback`. What only this region has is kept aside then",
      now(),
    );
    try {
      await this.postgres.endClients();
    } catch (error) {
      say(`sessions can't be ended: ${messageOf(error)}`);
    }
  }

  /**
   * Whether this member may not go on with the lease, although it may be free: another region has written on a later timeline, or
   * another member of this one leads. An operator's word on those writes lets it go on.
   */
  private isPassed(): boolean {
    if (this.keeper.mayAcknowledge()) return false;
    if (this.keeper.isAnothers()) return true;
    const { left } = this.keeper;
    const here = this.state.position;
    if (left?.position === undefined || here === undefined || this.isGivenUp(left)) return false;
    return left.position.timeline > here.timeline;
  }

  /** Whether an operator who saw this lease, or one after it, gave up what its holder wrote. */
  private isGivenUp({ term }: Left): boolean {
    return this.wanted.words.some((word) => word.lost === "writes" && word.term >= term);
  }

  /** Name of another region that is the writer, as far as the last round knows. */
  private otherWriter(): string | undefined {
    const { other } = this.keeper;
    const holds = other !== undefined && other.lease.holder !== null && other.lease.state !== "released";
    return holds && other.ageSeconds <= takerSeconds() ? other.lease.holder : undefined;
  }

  private beat(): void {
    if (now() - this.lastBeat < LOOK_SECONDS) return;
    this.lastBeat = now();
    this.postgres.beat().then(
      () => {
        this.alarms.heartbeat.update(undefined, now());
      },
      (error: unknown) => {
        this.alarms.heartbeat.update(`it can't be written: ${messageOf(error)}`, now());
      },
    );
  }

  /** Only the writer may add to the archive: what a deposed one wrote stays on its volume. */
  private async allowArchiving(): Promise<void> {
    const forEver = this.isManual || this.handedOver;
    const until = forEver ? 1e12 : Math.floor(now() + this.keeper.secondsLeft());
    const partial = `${fence.mayArchive}.partial`;
    await writeFile(partial, `${until}\n`);
    await rename(partial, fence.mayArchive);
  }

  /**
   * Waits for the lease: for a promotion as long as the region shall be primary, for a start a minute. `report` is told
   * whenever the reason changes.
   */
  async take(
    purpose: Purpose,
    given: readonly Word[],
    report: (why: string) => void,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (this.isManual) return { granted: true };
    const began = now();
    let reported: string | undefined;
    let toldAt = began;
    this.takers += 1;
    try {
      for (;;) {
        await this.readWanted();
        if (this.wanted.role !== "standby") toldAt = now();
        if (purpose === "promotion" && now() - toldAt > COPY_SECONDS) {
          return { granted: false, why: "the region's role is standby (again)" };
        }
        let behind = undefined as string | undefined;
        await this.round(
          { wish: "write", position: this.lastPosition, words: [...this.wanted.words, ...given], remembers: true },
          async () => purpose === "promotion" && (behind = await this.behind()) !== undefined,
        );
        if (behind === undefined && this.keeper.mayAcknowledge()) {
          this.expectedUntil = now() + DOWN_SECONDS;
          // A promotion archives its timeline's history at once.
          await this.allowArchiving();
          return { granted: true };
        }
        const unlinked =
          purpose === "promotion" && this.state.streaming !== true ? ". This member does not stream from it" : "";
        const why = (this.waitsFor = (behind ?? this.whyNot()) + unlinked);
        if (signal.aborted) return { granted: false, why: "nobody waits any more" };
        if (purpose === "start" && (now() - began > START_SECONDS || this.otherWriter() !== undefined)) {
          return { granted: false, why };
        }
        // Ages in it change with each look.
        const kind = why.replaceAll(/\d+/g, "");
        if (kind !== reported) report(why);
        reported = kind;
        await delay(TAKE_SECONDS * 1000);
        if (behind !== undefined) this.state = await this.seenState();
      }
    } finally {
      this.takers -= 1;
      this.waitsFor = undefined;
    }
  }

  /**
   * The other region's writes that this member could have and doesn't, in words. What it left is in its lease, or in the one of
   * this region by which another member, lost since, has overwritten it.
   */
  private async behind(): Promise<string | undefined> {
    const { left } = this.keeper;
    if (left === undefined || this.otherWriter() !== undefined || this.isGivenUp(left)) return undefined;
    const { holder, state, term, position: end } = left;
    const waits = `it waits for the rest. If that is lost: confirmLost writes:${term}`;
    const here = this.state.position;
    if (end && here && end.timeline > here.timeline) {
      return `region ${holder} has written on timeline ${end.timeline}, and this member is on ${here.timeline}: ${waits}`;
    }
    if (state !== "released") {
      const repositories = await this.postgres.archivedBeyond();
      if (repositories.length === 0) return undefined;
      return `the archive in ${repositories.join(" and ")} holds more than this member has replayed: ${waits}`;
    }
    if (end === undefined || (here && here.timeline > end.timeline)) return undefined;
    if (here && lsnBytes(here.lsn) >= lsnBytes(end.lsn)) return undefined;
    return `region ${holder} handed over at ${end.lsn}, and this member has replayed up to ${here?.lsn ?? "nothing"}: ${waits}`;
  }

  /** Why the lease is not this region's, in words. */
  private whyNot(): string {
    const { other } = this.keeper;
    if (other !== undefined && other.lease.state !== "released" && other.ageSeconds <= takerSeconds()) {
      const { holder, term } = other.lease;
      const age = `${other.ageSeconds.toFixed(0)} s ago`;
      return holder === null
        ? `vault ${other.vault} had no lease; one that might be lost has run out in ${(takerSeconds() - other.ageSeconds).toFixed(0)} s`
        : `region ${holder} is the writer (term ${term}, renewed ${age} in ${other.vault}): it must be told to follow first, or ` +
            `be silent for ${takerSeconds()} s`;
    }
    const errors = this.keeper.errorsInWords();
    const [silent] = this.keeper.silent;
    if (silent !== undefined) {
      const term = other?.lease.term ?? this.keeper.term;
      return `a takeover needs both vaults (${errors}). If it is gone with its cloud: confirmLost ${silent}:${term}`;
    }
    const [refusing, ...more] = this.keeper.refusing;
    if (refusing === undefined) return "the lease is being taken";
    if (more.length > 0) return `both vaults can be read, and neither takes the lease (${errors}): ${repair("them")}`;
    return this.waitsToBeAlone(refusing, errors);
  }

  /** Decision 7: one vault is enough where the other one can be read, and nobody can be the writer by it any more. */
  private waitsToBeAlone(refusing: Vault, errors: string): string {
    const { held, other } = this.keeper;
    const refuses = `vault ${refusing} can be read, and does not take the lease (${errors})`;
    const there = other?.vault === refusing && other.lease.state !== "released" ? other : undefined;
    if (there !== undefined && there.lease.without !== null) {
      return `${refuses}. By an operator's word region ${there.lease.holder ?? ""} has it alone, so it is needed: ${repair(refusing)}`;
    }
    const age = there?.ageSeconds ?? Infinity;
    const seconds = Math.max(takerSeconds() - (held?.seconds ?? 0), outlivedSeconds() - age, 0);
    return (
      `${refuses}. No word on it is needed: this region goes on by the other vault in ${seconds.toFixed(0)} s, if no other region ` +
      `renews its lease in ${refusing} until then. Meanwhile, ${repair(refusing)}`
    );
  }

  /** Whether this region takes and acknowledges writes, and its applications use it; if not, why. */
  async writable(): Promise<{ readonly writable: boolean; readonly why?: string }> {
    const no = (why: string) => ({ writable: false, why });
    if (this.state.state !== "primary") return no(`the database of this member is ${this.state.state}, not primary`);
    // No more than this: everybody may ask.
    if (!this.isManual && !this.keeper.mayAcknowledge()) return no("this region does not hold the writer's lease");
    if (!this.isManual && !this.gate.isOpen) return no("the commit gate is not connected");
    const host = await this.applicationHost();
    const { databaseHost } = this.settings;
    const elsewhere =
      host === databaseHost
        ? undefined
        : `ConfigMap marimo-config has DB_HOST ${host ?? "nowhere"}, and this region's database is ${databaseHost}`;
    this.alarms.application.update(elsewhere, now());
    return elsewhere === undefined ? { writable: true } : no(elsewhere);
  }

  private async applicationHost(): Promise<string | undefined> {
    try {
      return (await readFile(join(fence.applicationFolder, "DB_HOST"), "utf8")).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return undefined;
    }
  }

  async status(): Promise<FenceStatus> {
    const [state, vaults, writable] = await Promise.all([
      this.seenState(),
      this.isManual ? undefined : this.keeper.look(),
      this.writable(),
    ]);
    const acknowledges = this.isManual ? state.state === "primary" : this.keeper.mayAcknowledge() && this.gate.isOpen;
    return {
      region: this.settings.region,
      member: this.member,
      fencing: this.settings.fencing,
      role: this.wanted.role,
      confirmLost: this.wanted.confirmLost,
      postgres: state,
      writer: {
        acknowledges,
        ...(!this.isManual && { secondsLeft: this.keeper.secondsLeft(), term: this.keeper.term }),
        ...(!acknowledges && {
          why: this.waitsFor ?? (state.state === "primary" ? this.whyNot() : (writable.why ?? "")),
        }),
      },
      ...(vaults && { vaults }),
      ...(this.keeper.aheadSeconds !== undefined && { clockAheadSeconds: Math.round(this.keeper.aheadSeconds) }),
      ...writable,
    };
  }
}
