import "./lazySdk";
import { loadRegion } from "./config";
import { region } from "./stacks/region";

export = region(loadRegion());
