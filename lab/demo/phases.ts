import type { RecoveryTimes } from "./recovery-log";

/** Moments of the rebuild that the demo itself sees, in milliseconds since 1970. */
export interface RebuildTimes {
  /** The last commit that the old region acknowledged: from here on clients were without a database. */
  readonly lastWrite: number;
  /** The new region begins to be made. The old one's remains are gone. */
  readonly clusterStarted: number;
  readonly clusterReady: number;
  /** The first commit that the new region acknowledged. */
  readonly firstWrite: number;
}

/** What the time without a database was spent on, in seconds. The phases follow each other without a gap. */
export interface RebuildPhases {
  /** From the last acknowledged write until the region's containers, volumes and Pulumi's state are gone. */
  readonly destruction: number;
  /** An empty Kubernetes cluster. */
  readonly cluster: number;
  /** `pulumi up` until a member has decided to restore: stack, resources, pod start, look at the vault. */
  readonly up: number;
  /** Base backup out of the vault. */
  readonly restore: number;
  /** Postgres' start, WAL out of the vault and its replay. */
  readonly replay: number;
  /** New timeline, end-of-recovery checkpoint. */
  readonly promotion: number;
  /** Patroni makes the member the leader and hands out passwords; a client's first commit. */
  readonly firstWrite: number;
}

/** @throws RangeError when a moment comes before the one that must precede it */
export function rebuildPhases(rebuild: RebuildTimes, recovery: RecoveryTimes): RebuildPhases {
  const between = (from: readonly [string, number], to: readonly [string, number]): number => {
    if (to[1] < from[1]) {
      throw new RangeError(
        `${to[0]} (${new Date(to[1]).toISOString()}) is said to come before ${from[0]} (${new Date(from[1]).toISOString()}); ` +
          `the phases cannot be told apart`,
      );
    }
    return (to[1] - from[1]) / 1000;
  };
  const lastWrite = ["the last write", rebuild.lastWrite] as const;
  const clusterStarted = ["the start of the new cluster", rebuild.clusterStarted] as const;
  const clusterReady = ["the new cluster", rebuild.clusterReady] as const;
  const restoreStarted = ["the start of the restore", recovery.restoreStarted] as const;
  const restoreEnded = ["the end of the restore", recovery.restoreEnded] as const;
  const redoDone = ["the end of the replay", recovery.redoDone] as const;
  const recoveryEnded = ["the end of the recovery", recovery.recoveryEnded] as const;
  const firstWrite = ["the first write", rebuild.firstWrite] as const;
  return {
    destruction: between(lastWrite, clusterStarted),
    cluster: between(clusterStarted, clusterReady),
    up: between(clusterReady, restoreStarted),
    restore: between(restoreStarted, restoreEnded),
    replay: between(restoreEnded, redoDone),
    promotion: between(redoDone, recoveryEnded),
    firstWrite: between(recoveryEnded, firstWrite),
  };
}
