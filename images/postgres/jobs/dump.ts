import { runJob } from "./result";
import { readSettings } from "./settings";

export const dump = (): Promise<number> =>
  runJob("dump", readSettings(), () => Promise.reject(new Error("there is nothing here yet")));
