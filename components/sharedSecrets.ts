import { ComponentResource, type ComponentResourceOptions, jsonStringify, type Output, secret } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword";
import { CertificateAuthority } from "./certificateAuthority";

// Letters and digits only: a password that needs no quoting survives URLs, environment files and tired hands.
const passwordShape = { length: 32, special: false };

/**
 * What both regions must hold alike, for one restores and follows the database of the other: the passwords of the database's
 * roles, and the authority by which members and regions know each other.
 */
export class SharedSecrets extends ComponentResource {
  readonly superuser: Output<string>;
  readonly replication: Output<string>;
  readonly rewind: Output<string>;
  readonly authority: CertificateAuthority;
  /** All of it, as the configuration key `sharedSecrets` takes it. */
  readonly document: Output<string>;

  constructor(name: string, opts?: ComponentResourceOptions) {
    super("marimo:dr:SharedSecrets", name, {}, opts);
    const password = (role: string) =>
      new RandomPassword(`${name}-${role}-password`, passwordShape, { parent: this }).result;
    this.superuser = password("superuser");
    this.replication = password("replication");
    this.rewind = password("rewind");
    this.authority = new CertificateAuthority(`${name}-ca`, { commonName: "Marimo DR database" }, { parent: this });
    const { superuser, replication, rewind } = this;
    const { key, certificate } = this.authority;
    this.document = secret(jsonStringify({ superuser, replication, rewind, authority: { key, certificate } }));
    this.registerOutputs({});
  }
}
