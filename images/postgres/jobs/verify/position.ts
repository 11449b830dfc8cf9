import { CoreV1Api } from "@kubernetes/client-node";
import { leaderConfigMap } from "../../../../domain/patroni";
import { say } from "../../log";
import { apiMessage, inCluster } from "../kubernetes";
import type { Writer } from "./repository";

/** Where the database is now, as its leader tells the other members. `undefined`: it tells nothing. */
export const writerNow = async (namespace: string): Promise<Writer | undefined> => {
  try {
    const core = inCluster().makeApiClient(CoreV1Api);
    const { metadata } = await core.readNamespacedConfigMap({ namespace, name: leaderConfigMap });
    const optime = metadata?.annotations?.["optime"];
    return optime === undefined ? undefined : { position: Number(optime), at: new Date() };
  } catch (error) {
    say(`where the database is can't be told: ${apiMessage(error)}`);
    return undefined;
  }
};
