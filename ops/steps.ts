import { Duration } from "../domain/duration";
import { isWriter, lagInWords, lagOf, type Sight, switchoverLimit } from "../domain/promotion";
import type { Engine } from "./engine";
import type { Step } from "./procedure";
import type { Region, Told } from "./region";
import { until } from "./until";

/** A region with the way to change it. */
export interface Place {
  readonly region: Region;
  readonly engine: Engine;
}

export interface Limits {
  /** How long the new writer may take, from the moment that everything was said. */
  readonly promotion: Duration;
  /** How long a region may take to stream, which may have to be copied first. */
  readonly following: Duration;
}

/**
 * A promotion takes 2 s where the lease was released, and 33 s more where an operator answers for a vault.
 */
export const defaultLimits: Limits = { promotion: Duration.minutes(3), following: Duration.hours(1) };

const inWords = ({ role, confirmLost }: Told): string =>
  `role ${role}${confirmLost === undefined ? "" : `, confirmLost ${confirmLost}`}`;

/** The keys in the stack's file, and `pulumi up`. That runs each time: it knows best whether something is left to do. */
export const tellAndUp = ({ region, engine }: Place, told: Told, signal: AbortSignal): Step => ({
  title: `${region.stack}: ${inWords(told)}; pulumi up`,
  run: async (say) => {
    region.tell(told);
    return engine.up({ message: `dr: ${inWords(told)}`, say, signal });
  },
});

/** The same where Pulumi can't be used: the settings go to Kubernetes directly, and the file has them for later. */
export const tellDirectly = ({ region }: Place, told: Told): Step => ({
  title: `${region.stack}: ${inWords(told)}; written to Kubernetes without Pulumi`,
  run: async () => {
    region.tell(told);
    await region.applySettings();
  },
});

/** The region learns it when it is built again. */
export const tellForLater = ({ region }: Place, told: Told): Step => ({
  title: `${region.stack}: ${inWords(told)}, in its stack's file, for the day that it comes back`,
  isDone: () => Promise.resolve(region.told() === told.role),
  run: () => {
    region.tell(told);
    return Promise.resolve();
  },
});

const why = ({ fence, silence }: Sight): string =>
  fence === undefined
    ? `it doesn't answer: ${silence ?? "nothing is known"}`
    : (fence.writer.why ?? fence.why ?? `its Postgres is ${fence.postgres.state}`);

/**
 * When the region acknowledges commits. Whether its applications use it is their configuration's matter, and told.
 * @param since what tells it; the time counts from its end
 */
export const untilWritable = (
  { region }: Place,
  { promotion }: Limits,
  say: (progress: string) => void,
  signal: AbortSignal,
  since?: Promise<unknown>,
) =>
  until({
    what: `${region.stack} takes writes`,
    seconds: promotion.seconds,
    ...(since && { since }),
    say,
    signal,
    look: async () => {
      const sight = await region.see();
      const { fence } = sight;
      if (fence === undefined || !isWriter(fence)) return { not: why(sight) };
      const { writer, postgres, writable, why: notWritable } = fence;
      return { found: { term: writer.term, position: postgres.position, writable, why: notWritable } };
    },
  });

export const waitUntilWritable = (place: Place, limits: Limits, signal: AbortSignal): Step => ({
  title: `${place.region.stack} takes writes`,
  run: (say) => untilWritable(place, limits, say, signal),
});

/** When the region streams from the other one, and is close behind it. */
export const waitUntilFollowing = (
  { region }: Place,
  writer: Place,
  { following }: Limits,
  signal: AbortSignal,
): Step => ({
  title: `${region.stack} follows ${writer.region.stack}`,
  run: (say) =>
    until({
      what: `${region.stack} streams and is at most ${switchoverLimit.bytes} bytes behind`,
      seconds: following.seconds,
      say,
      signal,
      look: async () => {
        const [sight, ahead] = await Promise.all([region.see(), writer.region.see()]);
        const { fence } = sight;
        if (fence?.postgres.state !== "standby") return { not: why(sight) };
        if (fence.postgres.streaming !== true) return { not: `it doesn't stream yet: ${why(sight)}` };
        const lag = lagOf(fence, ahead.fence);
        if (lag === undefined) return { not: "how far it is behind isn't known yet" };
        return lag.bytes <= switchoverLimit.bytes ? { found: { lag } } : { not: `${lagInWords(lag)} behind` };
      },
    }),
});
