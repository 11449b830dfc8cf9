import "./lazySdk";
import { isGlobal, loadGlobal, loadRegion } from "./config";
import { global } from "./stacks/global";
import { region } from "./stacks/region";

export = isGlobal() ? global(loadGlobal()) : region(loadRegion());
