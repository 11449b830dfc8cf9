import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { down, up } from "../lab";
import type { RegionName } from "../kind";
import { labExists } from "../parts";
import { paths } from "../paths";
import { cancellable, succeeds } from "../process";
import { stores } from "../stores";

/** A lab around a story or a benchmark: made for it, and taken down after it, whatever happens. */
export interface Surroundings {
  /** Leave the lab as it is at the end. A lab that was there before is always left. */
  readonly keep: boolean;
  /** Those that take part; another would only take its share of the machine. */
  readonly regions: readonly RegionName[];
  readonly signal: AbortSignal;
}

/**
 * Brings a lab up that holds no database, does `work`, and takes the lab down; reports stay. Before a failed lab is taken
 * down its logs are saved.
 *
 * @throws Error before anything is touched, when there is a lab whose vaults are in use
 */
export async function withLab<T>({ keep, regions, signal }: Surroundings, work: () => Promise<T>): Promise<T> {
  refuseUsedVaults();
  const leave = keep || labExists();
  let failed = true;
  try {
    await cancellable(signal, () => up({ regions }));
    const result = await work();
    failed = false;
    return result;
  } finally {
    if (failed) await saveLogs(regions);
    if (leave) console.log("The lab is left as it is. npm run lab status shows it, npm run lab down removes it.");
    else await down();
  }
}

/** @throws Error when a lab is there whose vaults hold something: what comes next has to begin with nothing */
export function refuseUsedVaults(): void {
  const used = Object.values(stores)
    .map(({ folder, bucket }) => join(folder, bucket))
    .filter((vault) => existsSync(vault) && readdirSync(vault).length > 0);
  if (used.length > 0) {
    throw new Error(
      `The lab that is there has backups in ${used.join(" and ")}, and this has to begin with nothing; it was left alone. ` +
        `To remove it with all that is in it: npm run lab down`,
    );
  }
}

/** What the lab did and what the regions' pods said, for whoever looks into a failure. */
async function saveLogs(regions: readonly RegionName[]): Promise<void> {
  const folder = join(paths.reports, "failure");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (existsSync(paths.logs)) cpSync(paths.logs, join(folder, "lab"), { recursive: true });
  console.error(`Logs are saved in ${folder}: what the lab did, and what the pods of its regions said.`);
  for (const region of regions) {
    const dump = ["cluster-info", "dump", "--namespaces=marimo-erp", `--output-directory=${join(folder, region)}`];
    const dumped = await succeeds("kubectl", [`--context=${region}`, "--request-timeout=10s", ...dump]);
    if (!dumped) console.error(`Region ${region} could not be asked for the logs of its pods.`);
  }
}
