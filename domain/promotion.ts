import { Duration } from "./duration";
import { type FenceStatus, type LostThing, lsnBytes, renderWords } from "./fence";
import { holderSeconds, type Lease, renewalInterval, takerSeconds, type Vault } from "./lease";
import type { Role } from "./patroni";

/**
 * Who may be promoted, demoted or brought back: from what is seen of two regions to a plan, or to a refusal that gives all
 * its reasons. The lease keeps two regions from writing at once whatever is decided here; this keeps people from waiting
 * for something that can't come, and from losing something that they weren't told of.
 */
export interface Sight {
  /** The region's stack. */
  readonly stack: string;
  /** What the stack's file wants. */
  readonly told: Role;
  /** What its leader's fence says, or another member's where none leads. */
  readonly fence: FenceStatus | undefined;
  /** Why there is no such answer. */
  readonly silence: string | undefined;
}

/** What one region lacks of what the other one wrote. */
export interface Lag {
  /** That hasn't been received. */
  readonly bytes: number;
  /** That hasn't been replayed, by the heartbeats; no clocks are compared. */
  readonly seconds: number;
  /** Where the writer's position is from: itself, or what it left in a vault at its last renewal. */
  readonly by: "writer" | "lease";
}

export type Verdict<Plan = object> =
  | { readonly kind: "refused"; readonly reasons: readonly string[] }
  | { readonly kind: "done"; readonly why: string }
  | ({ readonly kind: "go" } & Plan);

/** What an operator may answer for. */
export const lostThings = ["s3", "gcs", "writes"] as const satisfies readonly LostThing[];

/** A follower that is further behind is not switched to: the writes would wait for it. */
export const switchoverLimit = { bytes: 16 * 1024 * 1024, lag: Duration.seconds(10) } as const;

const vaultNames: readonly Vault[] = ["s3", "gcs"];

interface VaultLease {
  readonly vault: Vault;
  readonly lease: Lease;
  readonly ageSeconds: number;
}

/** The leases that this region could read. */
const leasesOf = (fence: FenceStatus): VaultLease[] =>
  vaultNames.flatMap((vault) => {
    const seen = fence.vaults?.[vault];
    if (seen === undefined || "error" in seen || seen.lease === null) return [];
    return [{ vault, lease: seen.lease, ageSeconds: seen.ageSeconds ?? 0 }];
  });

/** The vaults that didn't answer, with what was said instead. */
const lostVaults = (fence: FenceStatus): { vault: Vault; error: string }[] =>
  vaultNames.flatMap((vault) => {
    const seen = fence.vaults?.[vault] ?? { error: "it is not among the region's repositories" };
    return "error" in seen ? [{ vault, error: seen.error }] : [];
  });

/** The vaults that can be read and didn't take a member's last write. */
const refusingVaults = (fence: FenceStatus | undefined): { vault: Vault; error: string }[] =>
  vaultNames.flatMap((vault) => {
    const seen = fence?.vaults?.[vault];
    return seen && "refuses" in seen ? [{ vault, error: seen.refuses }] : [];
  });

/** The lease that counts: of the latest term, and there the one that was renewed last. */
const latestLease = (fence: FenceStatus): VaultLease | undefined =>
  leasesOf(fence)
    .filter(({ lease }) => lease.holder !== null)
    .sort((a, b) => b.lease.term - a.lease.term || a.ageSeconds - b.ageSeconds)[0];

/** Whether commits are acknowledged there. */
export const isWriter = (fence: FenceStatus | undefined): boolean =>
  fence !== undefined && fence.writer.acknowledges && fence.postgres.state === "primary";

const follows = ({ told, fence }: Sight): boolean =>
  told === "standby" && fence?.postgres.state === "standby" && fence.postgres.streaming === true;

/** What `follower` lacks: of what the writer says, or of what the writer last left in a vault. */
export const lagOf = (follower: FenceStatus, writer: FenceStatus | undefined): Lag | undefined => {
  const { position, received } = follower.postgres;
  const left = latestLease(follower)?.lease;
  const [ahead, by] =
    writer?.postgres.state === "primary"
      ? ([writer.postgres.position, "writer"] as const)
      : ([left?.holder === follower.region ? undefined : left?.position, "lease"] as const);
  if (position === undefined || ahead === undefined) return undefined;
  // What was received is safe here, though it isn't replayed yet.
  const has = [position.lsn, received ?? position.lsn].map(lsnBytes).reduce((a, b) => (a > b ? a : b));
  return {
    bytes: Math.max(0, Number(lsnBytes(ahead.lsn) - has)),
    seconds: Math.max(0, ahead.beat - position.beat),
    by,
  };
};

/** What a region that follows lacks; nothing of one that doesn't. */
export const standbysLag = ({ fence }: Sight, other: Sight): Lag | undefined =>
  fence?.postgres.state === "standby" ? lagOf(fence, other.fence) : undefined;

const silent = ({ stack, silence }: Sight): string => `${stack} doesn't answer: ${silence ?? "nothing is known"}`;

const unfenced = ({ stack, fence }: Sight): string[] =>
  fence !== undefined && fence.fencing !== "lease"
    ? [`${stack} has fencing "${fence.fencing}": no lease tells who may write. Follow the runbook by hand`]
    : [];

const refuse = (reasons: readonly string[]) => ({ kind: "refused", reasons }) as const;

/** `target` takes the writes over from `other` as planned, and nothing is lost. */
export const planSwitchover = (target: Sight, other: Sight): Verdict => {
  if (target.fence === undefined) return refuse([silent(target)]);
  if (other.fence === undefined) {
    return refuse([`${silent(other)}. If it is lost: dr promote ${target.stack}`]);
  }
  if (isWriter(target.fence) && follows(other)) {
    return { kind: "done", why: `${target.stack} takes the writes already, and ${other.stack} follows it` };
  }
  const reasons = [...unfenced(target), ...unfenced(other)];
  // Of a run that was stopped, only the rest is left: the other side needs to be told, or to follow.
  if (isWriter(target.fence)) return reasons.length > 0 ? refuse(reasons) : { kind: "go" };

  for (const { vault, error } of lostVaults(target.fence)) {
    reasons.push(`${target.stack} can't read vault ${vault}, and a planned change needs both: ${error}`);
  }
  for (const { stack, fence } of [target, other]) {
    for (const { vault, error } of refusingVaults(fence)) {
      reasons.push(
        `vault ${vault} takes no writes of ${stack}, and a planned change would wait for a minute: ${error}`,
      );
    }
  }
  const lease = latestLease(target.fence)?.lease;
  const isHandingOver = other.told === "standby" && lease?.state === "released";
  if (!isWriter(other.fence) && !isHandingOver) {
    const why = other.fence.writer.why ?? `its Postgres is ${other.fence.postgres.state}`;
    reasons.push(`${other.stack} doesn't take writes (${why}), so it has nothing to hand over`);
  }
  if (lease && lease.holder !== other.fence.region && lease.state !== "released") {
    reasons.push(`the lease is held by ${lease.holder ?? "nobody"} (term ${lease.term}), not by ${other.fence.region}`);
  }
  if (target.fence.postgres.state !== "standby") {
    reasons.push(`${target.stack} is no standby that could take over: its Postgres is ${target.fence.postgres.state}`);
  } else if (isWriter(other.fence)) {
    reasons.push(...behind(target, other.fence));
  }
  if (reasons.length > 0 && target.told === "primary" && isWriter(other.fence)) {
    reasons.push(
      `${target.stack} is told to take the writes by a run that was stopped: dr switchover ${other.stack} takes that back`,
    );
  }
  return reasons.length > 0 ? refuse(reasons) : { kind: "go" };
};

const behind = ({ stack, fence }: Sight, writer: FenceStatus): string[] => {
  if (fence === undefined) return [];
  if (fence.postgres.streaming !== true) return [`${stack} doesn't stream, so it would be waited for without an end`];
  const lag = lagOf(fence, writer);
  if (lag === undefined) return [`how far ${stack} is behind isn't known`];
  const { bytes, lag: limit } = switchoverLimit;
  if (lag.bytes <= bytes && lag.seconds <= limit.seconds) return [];
  return [
    `${stack} is ${lagInWords(lag)} behind, more than ${bytes} bytes or ${limit.toString()}, and writes would wait for it`,
  ];
};

/** What of it is on its way, and what is here and not yet in the tables: that is not lost, a promotion replays it first. */
export const lagInDetail = ({ bytes, seconds, by }: Lag): string =>
  `${bytes} bytes not received, ${seconds} s not replayed (by the ${by})`;

export const lagInWords = ({ bytes, seconds }: Lag): string => `${bytes} bytes and ${seconds} s`;

export interface Promotion {
  /** What may be lost, for people, most important first. Empty: nothing. */
  readonly loss: readonly string[];
  readonly lag: Lag | undefined;
  /** Value of the configuration's key: the words that the fence needs, each good for one term. */
  readonly confirmLost: string;
  /** Whether it takes the writes already, and a run that was stopped left the rest. */
  readonly isLeft: boolean;
}

/** `target` takes the writes because `other` is lost. `words`: what the operator answers for; `undefined` if nothing. */
export const planPromotion = (
  target: Sight,
  other: Sight,
  words: readonly LostThing[] | undefined,
): Verdict<Promotion> => {
  const { fence } = target;
  if (fence === undefined) {
    return refuse([`${silent(target)}. The runbook has the way with kubectl alone`]);
  }
  if (isWriter(fence)) {
    // A run that was stopped may not have come to telling the lost side.
    return other.fence === undefined && other.told === "primary"
      ? { kind: "go", loss: [], lag: undefined, confirmLost: "", isLeft: true }
      : { kind: "done", why: `${target.stack} takes the writes already` };
  }

  const latest = latestLease(fence);
  const loss = lossOf(fence, other.fence, latest);
  const given = words ?? [];
  const reasons = [
    ...unfenced(target),
    ...stillWriting(target, other),
    ...aboutVaults(fence, given),
    ...(fence.postgres.state === "down" ? [`Postgres is down in ${target.stack}: ${fence.why ?? "see its log"}`] : []),
  ];
  // Nobody is asked to answer for what can't be done anyway.
  if (reasons.length === 0 && loss.length > 0 && words === undefined) {
    reasons.push(
      `writes may be lost: ${loss.join("; ")}. To answer for that, say so: dr promote ${target.stack} --confirm-lost writes`,
    );
  }
  if (reasons.length > 0) return refuse(reasons);
  const confirmLost = wordsForFence(fence, latest, given);
  return { kind: "go", loss, lag: lagOf(fence, other.fence), confirmLost, isLeft: false };
};

/** Signs that the other region lives: it says so itself, or its lease is too young to have run out. */
const stillWriting = (target: Sight, other: Sight): string[] => {
  const { fence } = target;
  const planned = `Change over as planned: dr switchover ${target.stack}`;
  if (isWriter(other.fence)) return [`${other.stack} answers, and takes writes. ${planned}`];
  if (fence === undefined) return [];
  return leasesOf(fence)
    .filter(
      ({ lease, ageSeconds }) =>
        lease.holder !== null &&
        lease.holder !== fence.region &&
        lease.state !== "released" &&
        ageSeconds <= takerSeconds(),
    )
    .map(
      ({ vault, lease, ageSeconds }) =>
        `${lease.holder ?? ""} renewed its lease in vault ${vault} ${ageSeconds} s ago and may be writing; it has run out when ` +
        `that is more than ${takerSeconds()} s ago. If it goes on renewing, it lives. ${planned}`,
    );
};

const aboutVaults = (fence: FenceStatus, words: readonly LostThing[]): string[] => {
  const lost = lostVaults(fence);
  if (lost.length === vaultNames.length) {
    return lost.map(({ vault, error }) => `vault ${vault} doesn't answer, and one of them must: ${error}`);
  }
  const unanswered = lost
    .filter(({ vault }) => !words.includes(vault))
    .map(
      ({ vault, error }) =>
        `vault ${vault} doesn't answer (${error}), and a writer may still hold its lease there. If it is gone together with ` +
        `its cloud, answer for that: --confirm-lost ${vault}`,
    );
  const living = words
    .filter((word) => word !== "writes" && !lost.some(({ vault }) => vault === word))
    .map((vault) => `--confirm-lost ${vault} says that vault ${vault} is lost, but it answers. Leave the word out`);
  return [...unanswered, ...living];
};

const lossOf = (
  fence: FenceStatus,
  other: FenceStatus | undefined,
  latest: VaultLease | undefined,
): readonly string[] => {
  const lag = lagOf(fence, other);
  if (latest === undefined) return ["no vault tells where the last writer was, so how much is not known"];
  const { lease } = latest;
  const upToRenewal =
    lag === undefined
      ? ["the last writer's position is not known"]
      : lag.bytes > 0
        ? [`${lagInWords(lag)} that ${lease.holder ?? "nobody"} had at its last renewal haven't come here`]
        : [];
  // A lease that was given back was given back after the last commit, and says where that was.
  if (lease.state === "released") return upToRenewal;
  return [
    ...upToRenewal,
    `what ${lease.holder ?? "nobody"} acknowledged after that renewal, of ${renewalInterval.toString()} as a rule and of ` +
      `${holderSeconds()} s at most, if it hasn't come here by streaming`,
  ];
};

/** A word holds for the take-over from the term that the operator saw, and says nothing later. */
const wordsForFence = (fence: FenceStatus, latest: VaultLease | undefined, words: readonly LostThing[]): string => {
  const term = latest?.lease.term ?? 0;
  const lost = lostVaults(fence).map(({ vault }) => vault);
  // The fence waits for a position that was handed over, for the archive's end, and for a later timeline's.
  const waits = latest !== undefined;
  return renderWords(
    words.filter((word) => (word === "writes" ? waits : lost.includes(word))).map((word) => ({ lost: word, term })),
  );
};

/** `lost` comes back as standby of `writer`. */
export const planFailback = (lost: Sight, writer: Sight): Verdict => {
  if (writer.fence === undefined) {
    return refuse([`${silent(writer)}, and ${lost.stack} would have nothing to follow`]);
  }
  const reasons = unfenced(writer);
  if (!isWriter(writer.fence)) {
    const why = writer.fence.writer.why ?? `its Postgres is ${writer.fence.postgres.state}`;
    reasons.push(`${writer.stack} doesn't take writes (${why}); first one region must: dr promote ${writer.stack}`);
  }
  if (isWriter(lost.fence)) reasons.push(`${lost.stack} takes writes itself`);
  if (reasons.length > 0) return refuse(reasons);
  return follows(lost) ? { kind: "done", why: `${lost.stack} follows ${writer.stack} already` } : { kind: "go" };
};
