import { names } from "../../domain/names";
import { writablePath } from "../../domain/dns";
import { port } from "../../domain/patroni";
import { regionAddresses, type RegionName, regionNames } from "../kind";
import { paths } from "../paths";
import * as pulumi from "../stage/pulumi";
import { until } from "../stage/until";
import { type Credentials, regionCredentials } from "../workload/access";
import { type Connection, withClient } from "../workload/connection";

/** What a region that is gone is given to answer. */
const PATIENCE_MS = 1000;
/** A region that copies the database, beside everything else on two cores. */
export const FOLLOWING_SECONDS = 600;

export const otherRegion = (region: RegionName): RegionName => (region === "primary" ? "secondary" : "primary");

/** The fixed port that leads to the region's member that takes writes, and to nothing where there is none. */
export const connectionTo = (address: string, credentials: Credentials): Connection => ({
  host: address,
  port: port.replicationNode,
  ...credentials,
});

/** What the region answers to those who ask whether it takes writes. */
export async function isWritable(region: RegionName): Promise<boolean> {
  const url = `http://${regionAddresses[region].address}:${port.writableNode}${writablePath}`;
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })).ok;
  } catch {
    return false;
  }
}

/** The region that takes writes. @throws Error while none does */
export async function writer(): Promise<RegionName> {
  const answers = await Promise.all(regionNames.map(isWritable));
  const region = regionNames.find((_, n) => answers[n]);
  if (region === undefined) throw new Error("no region says that it takes writes");
  return region;
}

/** The database for a client that knows both regions and asks them, without DNS between. */
export const direct = (credentials: Credentials) => async (): Promise<Connection> =>
  connectionTo(regionAddresses[await writer()].address, credentials);

export type Direct = ReturnType<typeof direct>;

/** Whether the other region streams. */
export const isFollowed = (database: Direct): Promise<boolean> =>
  withClient(database, async (client) => {
    const slot = "SELECT active FROM pg_replication_slots WHERE slot_name = $1";
    const { rows } = await client.query<{ active: boolean }>(slot, [names.otherRegionSlot]);
    return rows[0]?.active === true;
  }).catch(() => false);

/** How far the other region is behind in replaying, as the writer hears of it. */
export interface Lag {
  readonly seconds: number;
  readonly bytes: number;
}

/** @throws Error when nothing streams */
export const lag = (database: Direct): Promise<Lag> =>
  withClient(database, async (client) => {
    const { rows } = await client.query<{ seconds: number; bytes: number }>(
      `SELECT coalesce(extract(epoch FROM replay_lag), 0)::float8 AS seconds,
              greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::float8 AS bytes
         FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid WHERE slot_name = $1`,
      [names.otherRegionSlot],
    );
    if (rows[0] === undefined) throw new Error("the other region does not stream, so it has no lag to be told");
    return rows[0];
  });

/** Both regions from nothing: one that takes writes, and one that follows. */
export async function bringUp(): Promise<Credentials> {
  await pulumi.up("primary");
  await until("region primary takes writes", () => isWritable("primary"));
  const credentials = await regionCredentials({ kubeconfig: paths.kubeconfig, context: "primary" });
  await pulumi.up("secondary");
  await until("region secondary streams", () => isFollowed(direct(credentials)), FOLLOWING_SECONDS);
  return credentials;
}
