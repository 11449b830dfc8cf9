import { SharedSecrets } from "../components/sharedSecrets";

/** What must outlive any region. So far: the secrets that both regions hold alike. */
export const global = () => {
  const shared = new SharedSecrets("shared", { protect: true, retainOnDelete: true });
  return {
    /** The value of the regions' configuration key of this name. */
    sharedSecrets: shared.document,
  };
};
