import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { CertRequest } from "@pulumi/tls/certRequest";
import { LocallySignedCert } from "@pulumi/tls/locallySignedCert";
import { PrivateKey } from "@pulumi/tls/privateKey";
import { Duration } from "../domain/duration";

export interface CertificateArgs {
  /** The authority's key and certificate, PEM. */
  readonly authority: { readonly key: Input<string>; readonly certificate: Input<string> };
  readonly commonName: string;
  /** Names by which clients reach the holder. @default none: a client's certificate */
  readonly dnsNames?: readonly string[];
}

// A region is rebuilt far more often than this; a certificate that expires is one more way to lose a database.
const validity = Duration.days(3650);
const renewal = Duration.days(365);

export const lifetime = {
  validityPeriodHours: validity.seconds / 3600,
  earlyRenewalHours: renewal.seconds / 3600,
};

export const ecdsa = { algorithm: "ECDSA", ecdsaCurve: "P256" } as const;

/** A private key with its certificate: for a server where it has names, for a client always. */
export class Certificate extends ComponentResource {
  /** PEM. */
  readonly key: Output<string>;
  /** PEM. */
  readonly certificate: Output<string>;

  constructor(name: string, args: CertificateArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:Certificate", name, {}, opts);
    const { authority, commonName, dnsNames } = args;
    const child = { parent: this };
    this.key = new PrivateKey(`${name}-key`, ecdsa, child).privateKeyPem;
    const request = new CertRequest(
      `${name}-request`,
      { privateKeyPem: this.key, subject: { commonName }, ...(dnsNames && { dnsNames: [...dnsNames] }) },
      child,
    );
    this.certificate = new LocallySignedCert(
      `${name}-certificate`,
      {
        certRequestPem: request.certRequestPem,
        caPrivateKeyPem: authority.key,
        caCertPem: authority.certificate,
        allowedUses: ["digital_signature", "client_auth", ...(dnsNames ? ["server_auth"] : [])],
        ...lifetime,
      },
      child,
    ).certPem;
    this.registerOutputs({ certificate: this.certificate });
  }
}
