import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { PrivateKey } from "@pulumi/tls/privateKey";
import { SelfSignedCert } from "@pulumi/tls/selfSignedCert";
import { ecdsa, lifetime } from "./certificate";

export interface CertificateAuthorityArgs {
  /** Who issues, as it stands in each certificate. */
  readonly commonName: string;
}

/** An authority of our own: what members, backup jobs and the other region know each other by. */
export class CertificateAuthority extends ComponentResource {
  /** PEM. */
  readonly key: Output<string>;
  /** PEM. */
  readonly certificate: Output<string>;

  constructor(name: string, args: CertificateAuthorityArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:CertificateAuthority", name, {}, opts);
    this.key = new PrivateKey(`${name}-key`, ecdsa, { parent: this }).privateKeyPem;
    this.certificate = new SelfSignedCert(
      `${name}-certificate`,
      {
        privateKeyPem: this.key,
        subject: { commonName: args.commonName },
        isCaCertificate: true,
        allowedUses: ["cert_signing", "crl_signing"],
        ...lifetime,
      },
      { parent: this },
    ).certPem;
    this.registerOutputs({ certificate: this.certificate });
  }
}
