import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import {
  V1DeleteOptions,
  V1Lease,
  V1LeaseSpec,
  V1MicroTime,
  V1ObjectMeta,
  V1Preconditions,
} from "@kubernetes/client-node";
import { type Cluster, hasCode } from "./kubernetes";

/** Name of the object that keeps two people from changing a region at once, at two laptops. */
const lockName = "marimo-dr";
const durationSeconds = 15;
const renewalMs = 5_000;
const lookMs = 1_000;

export class Locked extends Error {
  constructor(readonly holder: string) {
    super(
      `somebody else is at work: ${holder}. Nothing was changed. Wait for that run to end, or end it, and try again`,
    );
  }
}

export interface Lock {
  /** Gives it back, unless it is another run's by now. */
  readonly release: () => Promise<void>;
}

type Leases = Pick<Cluster, "coordination" | "namespace">;

/**
 * Takes the region's lock, and renews it until it is released. A holder that renews no more is dead, and its lock is taken.
 * Only the time between two looks at the lock is measured, for two machines' clocks differ.
 *
 * A Kubernetes that doesn't answer is asked again and takes no lock away: the region may be the one that is being lost.
 *
 * @param onLost is called once, when somebody took it nevertheless: this process was frozen for too long.
 * @param everyMs time between two renewals
 * @throws Locked when a living run holds it
 */
export const takeLock = async (
  { coordination, namespace }: Leases,
  holder: string,
  onLost: (error: Error) => void,
  everyMs = renewalMs,
): Promise<Lock> => {
  const name = lockName;
  const spec = () =>
    Object.assign(new V1LeaseSpec(), {
      holderIdentity: holder,
      leaseDurationSeconds: durationSeconds,
      renewTime: new V1MicroTime(),
    });

  const read = async (): Promise<V1Lease | undefined> => {
    try {
      return await coordination.readNamespacedLease({ name, namespace });
    } catch (error) {
      if (hasCode(error, 404)) return undefined;
      throw error;
    }
  };

  /** `undefined` when what is there is not what was seen. */
  const write = async (seen: V1Lease | undefined): Promise<V1Lease | undefined> => {
    // What was read carries its version: a write on another one is refused.
    const metadata = seen?.metadata ?? Object.assign(new V1ObjectMeta(), { name });
    const body = Object.assign(new V1Lease(), { metadata, spec: spec() });
    try {
      return seen
        ? await coordination.replaceNamespacedLease({ name, namespace, body })
        : await coordination.createNamespacedLease({ namespace, body });
    } catch (error) {
      if (hasCode(error, 409) || (seen !== undefined && hasCode(error, 404))) return undefined;
      throw error;
    }
  };

  const seen = await read();
  if (seen && !isDeadHere(holderOf(seen)) && (await isRenewed(seen, read))) throw new Locked(holderOf(seen));
  const taken = await write(seen);
  if (taken === undefined) throw new Locked(holderOf(await read()));
  let held: V1Lease = taken;

  /** What is this run's by now; `undefined` when it is another's, or nobody's. */
  const readOwn = async (): Promise<V1Lease | undefined> => {
    const now = await read();
    return now?.spec?.holderIdentity === holder ? now : undefined;
  };

  const released = new AbortController();
  const renewing = async (): Promise<void> => {
    for (;;) {
      // The next one begins when this one has ended: two at once would refuse each other.
      await pause(everyMs, undefined, { signal: released.signal }).catch(() => undefined);
      if (released.signal.aborted) return;
      let now: V1Lease | undefined;
      try {
        // Refused, it may be an own write whose answer got lost; what is there tells.
        now = (await write(held)) ?? (await readOwn());
      } catch {
        // It doesn't answer now, and is asked again.
        continue;
      }
      if (now === undefined) {
        const why = "another run took it while this one didn't move, or somebody removed it";
        onLost(new Error(`the lock ${lockName} is lost: ${why}`));
        return;
      }
      held = now;
    }
  };
  const renewal = renewing();

  /** Deletes just what was seen. `false`: something else is there. */
  const remove = async ({ metadata }: V1Lease): Promise<boolean> => {
    const { uid, resourceVersion } = metadata ?? new V1ObjectMeta();
    const preconditions = Object.assign(new V1Preconditions(), { uid, resourceVersion });
    const body = Object.assign(new V1DeleteOptions(), { preconditions });
    try {
      await coordination.deleteNamespacedLease({ name, namespace, body });
      return true;
    } catch (error) {
      if (hasCode(error, 404)) return true;
      if (hasCode(error, 409)) return false;
      throw error;
    }
  };

  return {
    release: async () => {
      released.abort();
      await renewal;
      if (await remove(held)) return;
      const now = await readOwn();
      if (now) await remove(now);
    },
  };
};

const holderOf = (lease: V1Lease | undefined): string => lease?.spec?.holderIdentity ?? "an unknown run";

/** Whether the holder was a process of this machine, and is no more. */
const isDeadHere = (holder: string): boolean => {
  const [, host, pid] = /@(.+)\/([0-9]+)$/.exec(holder) ?? [];
  if (host !== hostname() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
};

/** Whether its holder renews it, looking for as long as it holds without that. */
const isRenewed = async (seen: V1Lease, read: () => Promise<V1Lease | undefined>): Promise<boolean> => {
  const until = performance.now() + (seen.spec?.leaseDurationSeconds ?? durationSeconds) * 1000;
  while (performance.now() < until) {
    await pause(lookMs);
    const now = await read();
    if (now === undefined) return false;
    if (now.metadata?.resourceVersion !== seen.metadata?.resourceVersion) return true;
  }
  return false;
};
