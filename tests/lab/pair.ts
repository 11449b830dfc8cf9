import assert from "node:assert/strict";
import type { FenceStatus } from "../../domain/fence";
import { configureStack, sharedSecrets } from "../../lab/pulumi";
import { createRegion, destroyRegion } from "../../lab/regions";
import { inRegion, loseEverything, primary, succeed, until } from "./region";

export type Region = typeof primary;
export const secondary = inRegion("secondary");

/** Two empty regions and their stacks, with a repository of their own beside those that other tests have left. */
export const makePair = async (repositoryPath: string): Promise<void> => {
  await destroyRegion("secondary");
  await loseEverything();
  await createRegion("secondary");
  const shared = await sharedSecrets();
  for (const region of [primary, secondary]) await configureStack(region.name, shared);
  for (const { configure } of [primary, secondary]) {
    await configure("repositoryPath", repositoryPath);
    await configure("repositories", "s3,gcs");
    await configure("restoreFrom", "s3");
  }
  await primary.configure("role", "primary");
  await secondary.configure("role", "standby");
};

/** The second region is gone, and the first one's stack is again that of a region alone. */
export const dissolvePair = async (): Promise<void> => {
  await destroyRegion("secondary");
  await primary.configure("role", "primary");
  const keys = [
    "repositoryPath",
    "otherRegion",
    "replicationHost",
    "replicationService",
    "sharedSecrets",
    "confirmLost",
  ];
  for (const key of keys) await succeed(primary.pulumi("config", "rm", key));
};

/** Asked in the pod itself: a region that follows has no member that a write Service selects. Nothing where it can't say. */
export const ask = async ({ inMember }: Region, sql: string): Promise<string> => {
  const psql = ["psql", "--dbname=marimo_erp", "--no-align", "--tuples-only", "--command", sql];
  const { code, output } = await inMember("postgres-0", ...psql);
  return code === 0 ? output.trim() : "";
};

/** Whether the other region reads this one's slot. */
export const isFollowed = async ({ query }: Region): Promise<boolean> =>
  (await query("SELECT active FROM pg_replication_slots WHERE slot_name = 'other_region'")) === "true";

/** Name of the pod that leads, whether the region takes writes or follows. */
export const leaderOf = async ({ kubectl }: Region): Promise<string> => {
  const selector = "app=postgres,role in (primary,standby-leader)";
  const { output } = await kubectl(
    "get",
    "pods",
    "--selector",
    selector,
    "--output",
    "jsonpath={.items[*].metadata.name}",
  );
  return output.trim();
};

/** What the fence of the region's leader says. */
export const fenceOf = async (region: Region): Promise<FenceStatus> => {
  const leader = await leaderOf(region);
  const { code, output } = await region.kubectl("exec", leader, "--container", "fence", "--", "marimo-fence", "status");
  assert.equal(code, 0, output);
  return JSON.parse(output) as FenceStatus;
};

export const isWritable = async (region: Region): Promise<boolean> => {
  const leader = await leaderOf(region);
  return leader !== "" && !leader.includes(" ") && (await fenceOf(region)).writable;
};

/** What the members' fences have logged. */
export const fenceLog = async ({ kubectl }: Region): Promise<string> =>
  (await kubectl("logs", "--selector", "app=postgres", "--container", "fence", "--tail", "-1", "--prefix")).output;

export const becomesWritable = (region: Region, seconds = 120): Promise<void> =>
  until(`region ${region.name} takes writes`, () => isWritable(region), seconds);
