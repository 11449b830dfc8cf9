import { join } from "node:path";
import type { RegionName } from "../kind";
import { paths } from "../paths";
import { run } from "../process";

const dr = async (...command: string[]): Promise<void> => {
  const program = join(paths.root, "ops", "dr.js");
  await run(process.execPath, [program, ...command, "--project", paths.pulumiProject], { log: "dr" });
};

/** What a person does about the two regions. Each returns when the command has ended. */
export const operator = {
  /** Region `to` takes over as planned. */
  switchover: (to: RegionName): Promise<void> => dr("switchover", to),
  /** Region `to` takes over because the other one is lost; the person answers for what is lost with it. */
  promote: (to: RegionName): Promise<void> => dr("promote", to, "--confirm-lost", "writes"),
  /** The region comes back, on a new cluster, and follows. */
  comeBack: (region: RegionName): Promise<void> => dr("failback", region, "--no-switchover"),
};
