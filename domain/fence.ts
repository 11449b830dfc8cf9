import { names } from "./names";
import type { Lease, Position, Vault } from "./lease";
import { paths } from "./paths";
import type { Repository } from "./repository";

/** How a region is kept from acknowledging commits beside the other one. `manual`: the operator answers for it. `none`: alone. */
export type Fencing = "none" | "lease" | "manual";

/**
 * Whose disk must have a commit, beside the writer's, before it is acknowledged. `off`: nobody's; a lost writer costs what had
 * not been sent yet. `region`: another member's. `cross-region`: the other region's; each commit waits for the way there and
 * back, and none is lost with the region. Commits wait while there is no such member.
 */
export const synchronousModes = ["off", "region", "cross-region"] as const;
export type Synchronous = (typeof synchronousModes)[number];

/** Places and names that the fence, the database and the program agree on. */
export const fence = {
  /** `application_name` of the commit gate; the one synchronous receiver of the writer. */
  gate: "marimo_gate",
  settingsFolder: "/etc/fence",
  /** The applications' configuration of this region, ConfigMap `marimo-config`. */
  applicationFolder: "/etc/marimo-config",
  /** Where the containers of a member ask its fence. */
  controlSocket: `${paths.socket}/.fence`,
  /** Seconds since the machine's start until which WAL may be archived; looked at by `marimo-may-archive`. */
  mayArchive: `${paths.socket}/.may-archive-until`,
  /** Patroni's cache of the settings that the members share. Written in the round in which Patroni acts on them. */
  sharedSettings: `${paths.pgdata}/patroni.dynamic.json`,
  /** Key in them with the operator's words. */
  wordsKey: "marimo_confirm_lost",
  /** Key in them with the mode of synchronous replication. */
  synchronousKey: "marimo_synchronous",
  heartbeatSchema: "marimo_dr",
} as const;

/** The lease's object in each vault. */
export const leaseObject = (repositoryPath: string): string => `${repositoryPath.slice(1)}/lease/writer.json`;

/** `fence.json`, which tells a member's fence what it keeps. */
export interface FenceSettings {
  readonly fencing: Fencing;
  readonly region: string;
  /** The stores of both vaults; one may lack where an operator gave it up. */
  readonly repositories: readonly Repository[];
  /** Key of the lease's object in each bucket. */
  readonly object: string;
  /** What the applications must name as their database to be this region's. */
  readonly databaseHost: typeof names.writeService;
}

/** What an operator may declare lost: a vault with its cloud, or the writes that were handed over and can't be reached. */
export type LostThing = Vault | "writes";

/** An operator's word. It is good for the take-over from `term` only. */
export interface Word {
  readonly lost: LostThing;
  readonly term: number;
}

/** Reads `s3:7,writes:7`. @throws RangeError naming the part that is no word */
export const parseWords = (text: string): Word[] =>
  text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [, lost, term] = /^(s3|gcs|writes):([0-9]{1,9})$/.exec(part) ?? [];
      if (lost === undefined) throw new RangeError(`"${part}" is no word such as s3:7, gcs:7 or writes:7`);
      return { lost: lost as LostThing, term: Number(term) };
    });

export const renderWords = (words: readonly Word[]): string =>
  words.map(({ lost, term }) => `${lost}:${term}`).join(",");

/** What `marimo-fence status` prints. */
export interface FenceStatus {
  readonly region: string;
  readonly member: string;
  readonly fencing: Fencing;
  /** What the configuration wants; `unknown` where this member has no database yet. */
  readonly role: "primary" | "standby" | "unknown";
  /** The operator's words, as configured. */
  readonly confirmLost: string;
  readonly postgres: {
    readonly state: "primary" | "standby" | "down";
    /** What it has written, or replayed. Absent while it is down. */
    readonly position?: Position;
    /** What a standby has received by streaming, as far as it has. */
    readonly received?: string;
    /** Whether a standby streams. */
    readonly streaming?: boolean;
  };
  /** Whether commits are acknowledged here. */
  readonly writer: {
    readonly acknowledges: boolean;
    /** How long, if no lease were renewed from now on. */
    readonly secondsLeft?: number;
    readonly term?: number;
    readonly why?: string;
  };
  /** As they are now. Absent with fencing `manual`. */
  readonly vaults?: Partial<Record<Vault, VaultStatus>>;
  /** By how much this machine's clock is ahead of the stores' (below 0: behind), as far as they have answered. */
  readonly clockAheadSeconds?: number;
  /** What `/dr/writable` says. */
  readonly writable: boolean;
  readonly why?: string;
}

export type VaultStatus =
  | {
      readonly lease: Lease | null;
      readonly ageSeconds?: number;
      /** Why it did not take this member's last write, though it can be read. */
      readonly refuses?: string;
    }
  | { readonly error: string };

/** The number that a WAL position stands for. @throws RangeError where the text is none */
export const lsnBytes = (lsn: string): bigint => {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(lsn) ?? [];
  if (high === undefined || low === undefined) throw new RangeError(`"${lsn}" is no WAL position such as 0/5000028`);
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
};

export const renderLsn = (position: bigint): string =>
  `${(position >> 32n).toString(16)}/${(position & 0xffff_ffffn).toString(16)}`.toUpperCase();
