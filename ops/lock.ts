import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { V1Lease, V1LeaseSpec, V1MicroTime, V1ObjectMeta } from "@kubernetes/client-node";
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
  readonly release: () => Promise<void>;
}

type Leases = Pick<Cluster, "coordination" | "namespace">;

/**
 * Takes the region's lock, and renews it until it is released. A holder that renews no more is dead, and its lock is taken.
 * Only the time between two looks at the lock is measured, for two machines' clocks differ.
 *
 * @param onLost is called when somebody took it nevertheless: this process was frozen for too long.
 * @throws Locked when a living run holds it
 */
export const takeLock = async (
  { coordination, namespace }: Leases,
  holder: string,
  onLost: (error: Error) => void,
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

  /** `undefined` when somebody else was faster. */
  const write = async (seen: V1Lease | undefined): Promise<V1Lease | undefined> => {
    // What was read carries its version: a write on another one is refused.
    const metadata = seen?.metadata ?? Object.assign(new V1ObjectMeta(), { name });
    const body = Object.assign(new V1Lease(), { metadata, spec: spec() });
    try {
      return seen
        ? await coordination.replaceNamespacedLease({ name, namespace, body })
        : await coordination.createNamespacedLease({ namespace, body });
    } catch (error) {
      if (hasCode(error, 409)) return undefined;
      throw error;
    }
  };

  const seen = await read();
  if (seen && !isDeadHere(holderOf(seen)) && (await isRenewed(seen, read))) throw new Locked(holderOf(seen));
  let held = await write(seen);
  if (held === undefined) throw new Locked(holderOf(await read()));

  const renewal = setInterval(() => {
    write(held)
      .then((renewed) => {
        if (renewed) held = renewed;
        else onLost(new Error(`the lock ${lockName} was taken by another run while this one didn't move`));
      })
      // A Kubernetes that doesn't answer now is asked again.
      .catch(() => undefined);
  }, renewalMs);

  return {
    release: async () => {
      clearInterval(renewal);
      await coordination.deleteNamespacedLease({ name, namespace }).catch((error: unknown) => {
        if (!hasCode(error, 404)) throw error;
      });
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
