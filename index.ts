import "./lazySdk";
import { isGlobal, loadGlobal, loadRegion } from "./config";
import type { global } from "./stacks/global";
import type { region } from "./stacks/region";

// A stack loads the SDK of its own clouds and no other's: loading is most of what a preview of this program takes.
const load = (stack: string): unknown => module.require(`./stacks/${stack}`);

export = async () =>
  isGlobal()
    ? (load("global") as { global: typeof global }).global(loadGlobal())
    : (load("region") as { region: typeof region }).region(await loadRegion());
