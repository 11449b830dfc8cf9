import { jsonStringify, secret } from "@pulumi/pulumi";
import { SharedSecrets } from "../components/sharedSecrets";

/** What must outlive any region. So far: the secrets that both regions hold alike. */
export const global = () => {
  const { superuser, replication, rewind, authority } = new SharedSecrets("shared");
  const { key, certificate } = authority;
  return {
    /** The value of the regions' configuration key of this name. */
    sharedSecrets: secret(jsonStringify({ superuser, replication, rewind, authority: { key, certificate } })),
  };
};
