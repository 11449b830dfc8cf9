import { setTimeout as pause } from "node:timers/promises";
import { isWriter } from "../domain/promotion";
import { reasonOf } from "./kubernetes";
import { now } from "./record";
import type { Procedure, Step } from "./procedure";
import { type Limits, type Place, tellAndUp, untilWritable, waitUntilFollowing, waitUntilWritable } from "./steps";
import { until } from "./until";

/**
 * `target` takes the writes over. It is told first: its Patroni waits for the lease, and writes go on at the other side.
 * They wait only from that side's demotion, which leaves its last position with the lease, until the target has replayed
 * up to there and is promoted.
 */
export const switchover = (target: Place, other: Place, limits: Limits, signal: AbortSignal): Procedure => {
  const change: Change = { isUnfinished: false };
  return {
    steps: [
      tellAndUp(target, { role: "primary" }, signal),
      waitUntilReady(target, other, limits, signal),
      changeOver(target, other, limits, signal, change),
    ],
    // The target first, so that it doesn't take the lease when the other side wants it back.
    rollback: [
      tellAndUp(target, { role: "standby" }, signal),
      tellAndUp(other, { role: "primary" }, signal),
      waitUntilWritable(other, limits, signal),
    ],
    afterwards: [
      {
        ...tellAndUp(other, { role: "standby" }, signal),
        isDone: () => Promise.resolve(!change.isUnfinished),
      },
      waitUntilFollowing(other, target, limits, signal),
    ],
  };
};

/** Whether the other side's `pulumi up` failed when the target had the writes already: there is no way back from there. */
interface Change {
  isUnfinished: boolean;
}

/**
 * A change of the leader while the region waits can leave its members streaming from each other and not from the writer; its
 * writes would stop for something that never comes. So it must replay a heartbeat that the writer made after the region was told.
 */
const waitUntilReady = (target: Place, other: Place, { promotion }: Limits, signal: AbortSignal): Step => {
  let toldAt: number | undefined;
  return {
    title: `${target.region.stack} waits for the lease, and still gets what ${other.region.stack} writes`,
    isDone: async () => isWriter((await target.region.see()).fence),
    run: (say) =>
      until({
        what: `${target.region.stack} waits for the lease, and replays what ${other.region.stack} writes`,
        seconds: promotion.seconds,
        say,
        signal,
        look: async () => {
          const [{ fence, silence }, writer] = await Promise.all([target.region.see(), other.region.see()]);
          if (fence?.role !== "primary") return { not: silence ?? "Patroni has not read it yet" };
          toldAt ??= writer.fence?.postgres.position?.beat;
          const beat = fence.postgres.position?.beat;
          if (toldAt === undefined || beat === undefined) return { not: writer.silence ?? "there is no heartbeat" };
          return beat > toldAt
            ? { found: { beat } }
            : { not: `it has replayed heartbeat ${beat}, and not yet ${toldAt + 1}` };
        },
      }),
  };
};

const changeOver = (target: Place, other: Place, limits: Limits, signal: AbortSignal, change: Change): Step => {
  // The first of the two that fails ends the other, so that nothing runs beside the way back.
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const demotion = tellAndUp(other, { role: "standby" }, both);
  return {
    title: `${demotion.title}; ${target.region.stack} takes the lease, replays to the last position and takes writes`,
    run: async (say) => {
      const watched = new AbortController();
      const lastSeenWriting = lastAcknowledging(other, AbortSignal.any([both, watched.signal]));
      let isPromoted = false;
      const promotion = async () => {
        const found = await untilWritable(target, limits, say, both);
        isPromoted = true;
        return { ...found, at: now() };
      };
      const ended = await Promise.allSettled(
        [demotion.run(say), promotion()].map((running) =>
          running.catch((error: unknown) => {
            if (isPromoted) {
              change.isUnfinished = true;
              return { failed: reasonOf(error) };
            }
            failed.abort(error);
            throw error;
          }),
        ),
      );
      watched.abort();
      // The reason is the failure that came first; the other one only tells that it was ended.
      failed.signal.throwIfAborted();
      const [changes, promoted] = ended.map((end) => (end.status === "fulfilled" ? end.value : undefined));
      return { changes, promoted, lastSeenWriting: await lastSeenWriting };
    },
  };
};

const lookMs = 250;

/** The last moment at which the region was seen to acknowledge commits, for the record of the gap. */
const lastAcknowledging = async ({ region }: Place, signal: AbortSignal): Promise<string | undefined> => {
  let lastSeen: string | undefined;
  while (!signal.aborted) {
    const { fence } = await region.see();
    if (fence?.writer.acknowledges !== true) break;
    lastSeen = now();
    await pause(lookMs, undefined, { signal }).catch(() => undefined);
  }
  return lastSeen;
};
