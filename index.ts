import "./lazySdk";
import { isGlobal, loadRegion } from "./config";
import { global } from "./stacks/global";
import { region } from "./stacks/region";

export = isGlobal() ? global() : region(loadRegion());
