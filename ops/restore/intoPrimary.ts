import { load, type LoadOrder, type LoadResult, neededBytes, stampOf } from "../../domain/load";
import { names } from "../../domain/names";
import { scenarioObjectives } from "../../domain/objectives";
import { port } from "../../domain/patroni";
import { scratch } from "../../domain/scratch";
import type { Step } from "../procedure";
import type { Region } from "../region";
import { endLoad, freeBytes, lendPassword, resultInWords, startLoad, untilLoaded } from "./loadPod";

export interface IntoPrimary {
  readonly region: Region;
  /** The member that takes writes. */
  readonly leader: string;
  /** What is brought back, in words. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** Takes what the operator is told at the end. */
  readonly tell: (text: string) => void;
}

/** Why the living database's volume has no room for another one. `undefined`: it has. */
export const roomFault = async (region: Region, leader: string, databaseBytes: number): Promise<string | undefined> => {
  const free = await freeBytes(region.cluster(), leader);
  const needed = neededBytes(databaseBytes, 0);
  return free >= needed
    ? undefined
    : `the restored database needs ${needed} bytes beside the living one, and the volume of ${leader} has ${free} free. Enlarge it, or take single tables (--table)`;
};

/**
 * The scratch database's content, put in the living one's place: copied into a database beside it, compared, and swapped by name
 * (docs/decisions/0014-back-to-a-moment.md).
 */
export const bringIntoPrimary = ({ region, leader, what, signal, tell }: IntoPrimary): Step => ({
  title: `${names.database}: ${what} takes the place of what is there, which is kept`,
  run: async (say): Promise<LoadResult> => {
    const { namespace, postgresStorage, postgresStorageClass } = region.values();
    const own = region.cluster();
    const stamp = stampOf(new Date());
    const name = `postgres-load-${stamp.replace("_", "-")}`;
    const host = (where: string) => `${names.writeService}.${where}.svc.cluster.local`;
    const order: LoadOrder = {
      file: what,
      scratch: { host: host(scratch.namespace), port: port.postgres },
      target: { host: host(namespace), port: port.postgres, tls: true },
      database: names.database,
      stamp,
      freeBytes: await freeBytes(own, leader),
      onlyIfEmpty: false,
      withoutOwners: false,
    };
    try {
      await lendPassword(own, region.cluster(scratch.namespace), name);
      await startLoad(own, {
        name,
        order,
        storage: postgresStorage.toString(),
        storageClass: postgresStorageClass,
        secret: { name, variable: load.scratchPassword },
      });
      const result = await untilLoaded(own, name, scenarioObjectives.clusterFailure.rto.seconds, say, signal);
      tell(resultInWords(result).join("\n"));
      return result;
    } finally {
      await endLoad(own, name);
    }
  },
});
