import type { FenceStatus } from "../../domain/fence";
import { takerSeconds } from "../../domain/lease";
import type { RegionName } from "../kind";
import { run } from "../process";
import { until } from "../stage/until";

const NAMESPACE = "marimo-erp";
/** The lease, and answers that come late on a machine that also does everything else. */
const PATIENCE_SECONDS = takerSeconds() + 90;

/** Returns when the lost writer's lease has run out in both vaults, as `region` sees them: from then on it can be promoted. */
export const leaseHasRunOut = (region: RegionName, signal: AbortSignal): Promise<void> =>
  until("the lost writer's lease has run out", () => isOver(region), PATIENCE_SECONDS, signal);

async function isOver(region: RegionName): Promise<boolean> {
  const pod = ["--context", region, "--namespace", NAMESPACE, "exec", "postgres-0", "--container", "fence"];
  const answer = await run("kubectl", [...pod, "--", "marimo-fence", "status"], { log: "lease" });
  const { vaults = {} } = JSON.parse(answer) as FenceStatus;
  const ages = Object.values(vaults).map((vault) => ("ageSeconds" in vault ? (vault.ageSeconds ?? 0) : 0));
  return ages.length > 0 && ages.every((age) => age > takerSeconds());
}
