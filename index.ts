import "./lazySdk";
import { isGlobal, loadGlobal, loadRegion } from "./config";

// A stack loads its own clouds' SDK and no other's: loading is most of what a preview of this program takes.
export = async () =>
  isGlobal()
    ? (await import("./stacks/global")).global(loadGlobal())
    : (await import("./stacks/region")).region(loadRegion());
