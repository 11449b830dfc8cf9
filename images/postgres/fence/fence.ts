import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fence, type FenceSettings, type FenceStatus, lsnBytes, renderLsn } from "../../../domain/fence";
import { leaseTimes, type Position, renewalInterval } from "../../../domain/lease";
import { now } from "./clock";
import { Gate } from "./gate";
import { type Intent, Keeper } from "./keeper";
import { Announcement, messageOf, say } from "./log";
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
/** An alarm well before commits stop, 28 s after the last renewal. */
const SILENCE_SECONDS = 10;
/** A start must end one day: the container is started again, and asks again. It outlasts a lease that nobody renews. */
const START_SECONDS = 60;

const takerSeconds = leaseTimes.validity.seconds + leaseTimes.takerMargin.seconds;

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
  /** When the database was last seen as primary. */
  private ledAt = -Infinity;
  private takers = 0;
  /** Until when a promotion that was granted is awaited. */
  private expectedUntil = -Infinity;
  /** Where the database ended that this region handed over, until the vaults have it. */
  private handingOver: Position | undefined;
  /** Whether what the last writer here left may go to the archive: all of it belongs to the common history. */
  private handedOver = false;
  private lastRound = -Infinity;
  private lastBeat = -Infinity;
  private rounds: Promise<void> = Promise.resolve();
  private readonly alarms = {
    silence: new Announcement("lease-vaults-silent"),
    deposed: new Announcement("not-the-writer"),
    application: new Announcement("application-elsewhere"),
    alone: new Announcement("synchronous-alone"),
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
      () => this.flushed(),
    );
  }

  /** Up to where commits are on the disks that must have them; `undefined` where only the writer's must. */
  private flushed(): Promise<bigint> | undefined {
    const { synchronous } = this.wanted;
    if (synchronous === "off") return undefined;
    return this.postgres.flushed(synchronous).then((lsn) => {
      const alone = `synchronousReplication is ${synchronous}, and no such member streams: commits wait for it. To go on without: \`pulumi config set synchronousReplication off\` and \`pulumi up\``;
      this.alarms.alone.update(lsn === undefined ? alone : undefined, now());
      return lsn ?? 0n;
    });
  }

  private get isManual(): boolean {
    return this.settings.fencing === "manual";
  }

  /** Looks at the member until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = now();
      await this.look();
      const seconds = this.looksClosely() ? LOOK_CLOSELY_SECONDS : LOOK_SECONDS;
      await delay(Math.max(0, began + seconds - now()) * 1000, undefined, { signal }).catch(() => undefined);
    }
    this.gate.close();
  }

  private looksClosely(): boolean {
    const changes = now() < this.expectedUntil || (this.wanted.role === "standby" && this.keeper.mayAcknowledge());
    return changes && !this.isManual;
  }

  private async look(): Promise<void> {
    try {
      this.wanted = await readWanted();
    } catch (error) {
      // What was wanted holds until it can be read again.
      say(`the shared settings can't be read: ${messageOf(error)}`);
    }
    this.state = await this.postgres.state();
    this.lastPosition = this.state.position ?? this.lastPosition;
    if (this.state.state === "primary") {
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
    await this.allowArchiving();
    if (this.state.state === "primary" && (this.isManual || this.gate.isOpen)) this.beat();
  }

  private round(intent: Intent, veto?: () => boolean | Promise<boolean>): Promise<void> {
    return this.alone(() => this.keeper.round(intent, veto));
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
      this.round(intent).catch(() => undefined);
    }
    this.announceSilence();
  }

  /** What this member wants of the lease, if anything. */
  private async intent(): Promise<Intent | undefined> {
    const { words } = this.wanted;
    const write: Intent = { wish: "write", position: this.lastPosition, words };
    if (this.state.state === "primary" || this.takers > 0) return write;
    if (this.wanted.role === "primary" && this.state.state === "standby" && now() > this.expectedUntil) {
      // Another member leads. What this one held is that one's now.
      this.keeper.forget();
    }
    if (this.wanted.role === "standby") {
      if (this.keeper.mayAcknowledge() && this.handingOver === undefined) {
        this.handingOver = this.keeper.isShared() ? undefined : await this.endOfWriting();
        if (this.handingOver === undefined) return write;
      }
      return this.handingOver && { wish: "rest", position: this.handingOver, words };
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
    const silent = this.keeper.secondsWithoutAnswer();
    const isWriter = this.state.state === "primary";
    const errors = this.keeper.unreachable();
    const stops = this.keeper.secondsLeft();
    const text =
      silent > SILENCE_SECONDS
        ? `neither vault renews the writer's lease (${errors}). ` +
          (stops > 0
            ? "Commits are no longer acknowledged when it runs out, 28 s after the last renewal"
            : "Commits wait") +
          "; they go on by themselves when a vault answers and no other region has taken over"
        : errors === ""
          ? undefined
          : `a vault does not renew the writer's lease (${errors}). The region writes on by the other one`;
    this.alarms.silence.update(isWriter ? text : undefined, now());
  }

  /** Another region is the writer, and a database here is primary all the same: nothing that it commits may be answered. */
  private async depose(): Promise<void> {
    const other = this.otherWriter();
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

  /** Name of another region that is the writer, as far as the last round knows. */
  private otherWriter(): string | undefined {
    const { other } = this.keeper;
    const holds = other !== undefined && other.lease.holder !== null && other.lease.state !== "released";
    return holds && other.ageSeconds <= takerSeconds ? other.lease.holder : undefined;
  }

  private beat(): void {
    if (now() - this.lastBeat < LOOK_SECONDS) return;
    this.lastBeat = now();
    this.postgres.beat().catch((error: unknown) => {
      say(`heartbeat: ${messageOf(error)}`);
    });
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
  async take(purpose: Purpose, report: (why: string) => void, signal: AbortSignal): Promise<Answer> {
    if (this.isManual) return { granted: true };
    const began = now();
    let reported: string | undefined;
    this.takers += 1;
    try {
      for (;;) {
        this.wanted = await readWanted();
        if (purpose === "promotion" && this.wanted.role === "standby") {
          return { granted: false, why: "the region's role is standby (again)" };
        }
        let behind = undefined as string | undefined;
        await this.round(
          { wish: "write", position: this.lastPosition, words: this.wanted.words },
          async () => purpose === "promotion" && (behind = await this.behind()) !== undefined,
        );
        if (this.keeper.mayAcknowledge()) {
          this.expectedUntil = now() + DOWN_SECONDS;
          // A promotion archives its timeline's history at once.
          await this.allowArchiving();
          return { granted: true };
        }
        const unlinked =
          purpose === "promotion" && this.state.streaming !== true ? ". This member does not stream from it" : "";
        const why = (behind ?? this.whyNot()) + unlinked;
        if (signal.aborted) return { granted: false, why: "nobody waits any more" };
        if (purpose === "start" && (now() - began > START_SECONDS || this.otherWriter() !== undefined)) {
          return { granted: false, why };
        }
        // Ages in it change with each look.
        const kind = why.replaceAll(/\d+/g, "");
        if (kind !== reported) report(why);
        reported = kind;
        await delay(TAKE_SECONDS * 1000);
        if (behind !== undefined) this.state = await this.postgres.state();
      }
    } finally {
      this.takers -= 1;
    }
  }

  /** The other region's writes that this member could have and doesn't, in words. */
  private async behind(): Promise<string | undefined> {
    const { other } = this.keeper;
    if (other === undefined || other.lease.holder === null || this.otherWriter() !== undefined) return undefined;
    const { holder, state, term, position: end } = other.lease;
    if (this.wanted.words.some((word) => word.lost === "writes" && word.term === term)) return undefined;
    const waits = `it waits for the rest. If that is lost: confirmLost writes:${term}`;
    if (state !== "released") {
      const repositories = await this.postgres.archivedBeyond();
      if (repositories.length === 0) return undefined;
      return `the archive in ${repositories.join(" and ")} holds more than this member has replayed: ${waits}`;
    }
    const here = this.state.position;
    if (end === undefined || (here && here.timeline > end.timeline)) return undefined;
    if (here && lsnBytes(here.lsn) >= lsnBytes(end.lsn)) return undefined;
    return `region ${holder} handed over at ${end.lsn}, and this member has replayed up to ${here?.lsn ?? "nothing"}: ${waits}`;
  }

  /** Why the lease is not this region's, in words. */
  private whyNot(): string {
    const { other } = this.keeper;
    const unreachable = this.keeper.unreachable();
    if (other !== undefined && other.lease.state !== "released" && other.ageSeconds <= takerSeconds) {
      const { holder, term } = other.lease;
      const age = `${other.ageSeconds.toFixed(0)} s ago`;
      return holder === null
        ? `vault ${other.vault} had no lease; one that might be lost has run out in ${(takerSeconds - other.ageSeconds).toFixed(0)} s`
        : `region ${holder} is the writer (term ${term}, renewed ${age} in ${other.vault}): it must be told to follow first, or ` +
            `be silent for ${takerSeconds} s`;
    }
    if (unreachable !== "") {
      const term = other?.lease.term ?? this.keeper.term;
      const lost = unreachable.split(":", 1)[0] ?? "";
      return `a takeover needs both vaults (${unreachable}). If it is gone with its cloud: confirmLost ${lost}:${term}`;
    }
    return "the lease is being taken";
  }

  /** Whether this region takes and acknowledges writes, and its applications use it; if not, why. */
  async writable(): Promise<{ readonly writable: boolean; readonly why?: string }> {
    const no = (why: string) => ({ writable: false, why });
    if (this.state.state !== "primary") return no(`the database of this member is ${this.state.state}, not primary`);
    if (!this.isManual && !this.keeper.mayAcknowledge()) return no(this.whyNot());
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
      this.postgres.state(),
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
        ...(!acknowledges && writable.why !== undefined && { why: writable.why }),
      },
      ...(vaults && { vaults }),
      ...writable,
    };
  }
}
