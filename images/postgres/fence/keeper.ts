import { setTimeout as delay } from "node:timers/promises";
import {
  decide,
  type Held,
  type Lease,
  type Left,
  leaseTimes,
  mayAcknowledge,
  type Member,
  type Position,
  type Reading,
  start,
  type Vault,
  written,
} from "../../../domain/lease";
import type { VaultStatus, Word } from "../../../domain/fence";
import { now } from "./clock";
import { messageOf, say } from "../log";
import { type LeaseVault, requestSeconds } from "./vault";

/** What a round is to reach. */
export interface Intent {
  readonly wish: "write" | "rest";
  readonly position: Position | undefined;
  readonly words: readonly Word[];
  /** Whether the lease is to tell what the holder before it left: as long as this database may not have all of it. */
  readonly remembers: boolean;
}

/** Another region's hold on the lease, as far as it is known. */
export interface Other {
  readonly lease: Lease;
  readonly vault: Vault;
  readonly ageSeconds: number;
}

/** The newest comes first; of one term, the one that was handed over, for it tells where its writer ended. */
const byNews = (a: News, b: News): number => b.term - a.term || rank(b) - rank(a);
type News = Pick<Lease, "term" | "state">;
const rank = ({ state }: News): number => (state === "released" ? 1 : 0);

const leftOf = ({ holder, term, state, position }: Lease): Left[] =>
  holder === null ? [] : [{ holder, term, state, ...(position && { position }) }];

const inWords = (errors: ReadonlyMap<Vault, string>): string =>
  [...errors].map(([vault, error]) => `${vault}: ${error}`).join("; ");

/** Requests end by their own time limit; what else an SDK waits for (credentials) must not stop the rounds. */
const inTime = async <T>(work: Promise<T>): Promise<T> => {
  const timer = new AbortController();
  const late = delay((requestSeconds + 0.5) * 1000, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${requestSeconds} s`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
};

/**
 * Holds the region's lease: the rounds of `domain/lease.ts`, with the vaults and the clock behind them. One round at a time.
 */
export class Keeper {
  private member: Member;
  private readonly errors = { reading: new Map<Vault, string>(), writing: new Map<Vault, string>() };
  private readonly told = new Map<string, number>();
  /** The newest lease of the other region, from the last round that saw one. */
  other: Other | undefined;
  /** What the other region left when it was the holder, though its lease may be overwritten by now. */
  left: Left | undefined;
  /** The region's leases that are not released, as the last round saw them. */
  private own: readonly Lease[] = [];
  /** When a vault last took the lease, for the alarm. */
  private lastRenewal = now();
  /** By how many seconds the machine's clock is ahead of each store's. */
  private readonly ahead = new Map<Vault, number>();
  private aloneFrom = 0;

  constructor(
    private readonly region: string,
    private readonly process: string,
    private readonly vaults: readonly LeaseVault[],
  ) {
    this.member = start(region);
  }

  /** Whether a commit may be acknowledged at this very moment. */
  mayAcknowledge(): boolean {
    return mayAcknowledge(this.member, now());
  }

  secondsLeft(): number {
    return Math.max(0, this.member.writerUntil - now());
  }

  get term(): number {
    return this.member.term;
  }

  secondsWithoutRenewal(): number {
    return now() - this.lastRenewal;
  }

  /** The vaults that could not be read in the last round. */
  get silent(): readonly Vault[] {
    return [...this.errors.reading.keys()];
  }

  /** The vaults that could be read in the last round, and did not take its write. */
  get refusing(): readonly Vault[] {
    return [...this.errors.writing.keys()].filter((vault) => !this.errors.reading.has(vault));
  }

  /** Errors of the vaults that could not be read or written in the last round. */
  errorsInWords(): string {
    const { reading, writing } = this.errors;
    return inWords(new Map([...writing, ...reading]));
  }

  /** The vault that this process has while it can't have the other, and for how long. */
  get held(): (Held & { readonly seconds: number }) | undefined {
    const { held } = this.member;
    return held && { ...held, seconds: held.from === undefined ? 0 : now() - held.from };
  }

  /** By how many seconds the machine's clock is ahead of the stores'. Where they differ, the nearest one counts. */
  get aheadSeconds(): number | undefined {
    return [...this.ahead.values()].sort((a, b) => Math.abs(a) - Math.abs(b))[0];
  }

  /** Forgets what it held: another process of the region goes on with the lease, if any. */
  forget(): void {
    this.member = { ...start(this.region), round: this.member.round };
  }

  /** `veto`, asked when the vaults have been read, ends the round before anything is written. */
  async round({ wish, position, words, remembers }: Intent, veto?: () => boolean | Promise<boolean>): Promise<void> {
    const startedAt = now();
    const readings = await this.read();
    if ((await veto?.()) === true) return;
    const before = remembers ? this.left : undefined;
    const { member, writes } = decide(
      this.member,
      { startedAt, readings, wish, lost: this.lost(words, startedAt), position, before },
      leaseTimes,
    );
    this.errors.writing.clear();
    const was = mayAcknowledge(this.member, startedAt);
    this.member = member;
    await Promise.all(
      writes.map(async (write) => {
        const vault = this.vaults.find((candidate) => candidate.vault === write.vault);
        try {
          if (await inTime(vault?.write(write) ?? Promise.resolve(false))) {
            this.member = written(this.member, write, leaseTimes);
            this.lastRenewal = now();
          }
        } catch (error) {
          // It may have been written all the same; the next round reads what is there.
          this.errors.writing.set(write.vault, messageOf(error));
        }
      }),
    );
    const is = this.mayAcknowledge();
    if (is === was) return;
    say(is ? `LEASE taken: term ${this.term}` : `LEASE given up or lost: it was term ${this.term}`);
    // Another process of this region may still acknowledge by the lease that this one goes on with.
    this.aloneFrom = this.isAnothers() ? startedAt + leaseTimes.validity.seconds : startedAt;
  }

  /** Whether another process of this region may be acknowledging commits by the lease. */
  isShared(): boolean {
    return now() < this.aloneFrom;
  }

  /** Whether the region's lease stands by another process, as the last round saw it. */
  isAnothers(): boolean {
    return this.own.some(({ position }) => position !== undefined && position.member !== this.process);
  }

  /** Gives the lease back, unless it stands by another process of this region by now. Whether nothing is left of it. */
  async release(intent: Omit<Intent, "wish">): Promise<boolean> {
    await this.round({ ...intent, wish: "rest" }, () => this.isAnothers());
    return this.own.length === 0;
  }

  /** A round of one who wants nothing of the lease: it sees who has it. */
  async watch(): Promise<void> {
    await this.read();
    this.errors.writing.clear();
  }

  /** The vaults' leases as they are now; nothing is written, and nothing noted. */
  async look(): Promise<Partial<Record<Vault, VaultStatus>>> {
    const states = await Promise.all(
      this.vaults.map(async (vault): Promise<[Vault, VaultStatus]> => {
        try {
          const { lease, storeTime } = await inTime(vault.read());
          const refuses = this.errors.writing.get(vault.vault);
          return [
            vault.vault,
            {
              ...(lease ? { lease, ageSeconds: storeTime - lease.readAt } : { lease: null }),
              ...(refuses !== undefined && { refuses }),
            },
          ];
        } catch (error) {
          return [vault.vault, { error: messageOf(error) }];
        }
      }),
    );
    return Object.fromEntries(states);
  }

  /** Reads what answers in time, and notes the other region's hold. */
  private async read(): Promise<Reading[]> {
    const answers = await Promise.all(
      this.vaults.map(async (vault) => {
        try {
          const sent = Date.now();
          const reading = await inTime(vault.read());
          // A store's time is cut to seconds: on average it was half a second later.
          this.ahead.set(vault.vault, (sent + Date.now()) / 2000 - (reading.storeTime + 0.5));
          this.errors.reading.delete(vault.vault);
          return [reading];
        } catch (error) {
          this.errors.reading.set(vault.vault, messageOf(error));
          return [];
        }
      }),
    );
    const readings = answers.flat();
    if (readings.length > 0) {
      const leases = readings.flatMap(({ lease }) => lease ?? []);
      this.own = leases.filter(({ holder, state }) => holder === this.region && state !== "released");
      this.other = readings
        .flatMap(({ lease, vault, storeTime }) =>
          lease && lease.holder !== this.region ? [{ lease, vault, ageSeconds: storeTime - lease.readAt }] : [],
        )
        .sort((a, b) => byNews(a.lease, b.lease))[0];
      this.left = leases
        .flatMap((lease) => (lease.holder === this.region ? (lease.before ?? []) : leftOf(lease)))
        .sort(byNews)[0];
    }
    return readings;
  }

  /** The word on a lost vault, with the moment at which this process first heard it. */
  private lost(words: readonly Word[], at: number) {
    const word = words.find(({ lost }) => lost !== "writes");
    if (word === undefined) return undefined;
    const key = `${word.lost}:${word.term}`;
    const toldAt = this.told.get(key) ?? at;
    this.told.set(key, toldAt);
    return { vault: word.lost as Vault, term: word.term, toldAt };
  }
}
