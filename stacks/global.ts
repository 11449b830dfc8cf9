import { SharedSecrets } from "../components/sharedSecrets";
import type { GlobalConfig } from "../config";

/** What must outlive any region. So far: the secrets that both regions hold alike. */
// eslint-disable-next-line @typescript-eslint/no-unused-vars -- comes with DNS, in the next commit
export const global = (_config: GlobalConfig) => {
  const shared = new SharedSecrets("shared", { protect: true, retainOnDelete: true });
  return {
    /** The value of the regions' configuration key of this name. */
    sharedSecrets: shared.document,
  };
};
