import { setTimeout as delay } from "node:timers/promises";
import {
  decide,
  type Lease,
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
}

/** Another region's hold on the lease, as far as it is known. */
export interface Other {
  readonly lease: Lease;
  readonly vault: Vault;
  readonly ageSeconds: number;
}

const rank = ({ state }: Lease): number => (state === "released" ? 1 : 0);

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
  /** The region's leases that are not released, as the last round saw them. */
  private own: readonly Lease[] = [];
  /** When a vault last answered, for the alarm. */
  private lastAnswer = now();
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

  secondsWithoutAnswer(): number {
    return now() - this.lastAnswer;
  }

  /** Errors of the vaults that could not be read or written lately. */
  unreachable(): string {
    const { reading, writing } = this.errors;
    return [...new Map([...writing, ...reading])].map(([vault, error]) => `${vault}: ${error}`).join("; ");
  }

  /** Forgets what it held: another process of the region goes on with the lease, if any. */
  forget(): void {
    this.member = { ...start(this.region), round: this.member.round };
  }

  /** `veto`, asked when the vaults have been read, ends the round before anything is written. */
  async round({ wish, position, words }: Intent, veto?: () => boolean | Promise<boolean>): Promise<void> {
    const startedAt = now();
    const readings = await this.read();
    if ((await veto?.()) === true) return;
    const { member, writes } = decide(
      this.member,
      { startedAt, readings, wish, lost: this.lost(words, startedAt), position },
      leaseTimes,
    );
    const was = mayAcknowledge(this.member, startedAt);
    this.member = member;
    await Promise.all(
      writes.map(async (write) => {
        const vault = this.vaults.find((candidate) => candidate.vault === write.vault);
        try {
          if (await inTime(vault?.write(write) ?? Promise.resolve(false))) {
            this.member = written(this.member, write, leaseTimes);
          }
          this.errors.writing.delete(write.vault);
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

  /** The vaults' leases as they are now; nothing is written. */
  async look(): Promise<Partial<Record<Vault, VaultStatus>>> {
    const states = await Promise.all(
      this.vaults.map(async (vault): Promise<[Vault, VaultStatus]> => {
        try {
          const { lease, storeTime } = await inTime(vault.read());
          return [vault.vault, lease ? { lease, ageSeconds: storeTime - lease.readAt } : { lease: null }];
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
          const reading = await inTime(vault.read());
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
      this.lastAnswer = now();
      this.own = readings.flatMap(({ lease }) =>
        lease?.holder === this.region && lease.state !== "released" ? [lease] : [],
      );
      this.other = readings
        .flatMap(({ lease, vault, storeTime }) =>
          lease && lease.holder !== this.region ? [{ lease, vault, ageSeconds: storeTime - lease.readAt }] : [],
        )
        // Of one term, the one that was handed over tells where it ended.
        .sort((a, b) => b.lease.term - a.lease.term || rank(b.lease) - rank(a.lease))[0];
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
