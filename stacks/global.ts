import { dnsFailover } from "../components/dnsFailover";
import { SharedSecrets } from "../components/sharedSecrets";
import type { GlobalConfig } from "../config";

/** What must outlive any region. So far: the secrets that both regions hold alike, and the name that leads to the writer. */
export const global = (config: GlobalConfig) => {
  const shared = new SharedSecrets("shared", { protect: true, retainOnDelete: true });
  const dns = config.dns && dnsFailover("dns", config.dns);
  return {
    /** The value of the regions' configuration key of this name. */
    sharedSecrets: shared.document,
    ...(dns?.nameServers && { nameServers: dns.nameServers }),
  };
};
