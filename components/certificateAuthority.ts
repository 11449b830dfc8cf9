import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { CertRequest } from "@pulumi/tls/certRequest";
import { LocallySignedCert } from "@pulumi/tls/locallySignedCert";
import { PrivateKey } from "@pulumi/tls/privateKey";
import { SelfSignedCert } from "@pulumi/tls/selfSignedCert";
import { Duration } from "../domain/duration";

export interface CertificateAuthorityArgs {
  /** Who issues, as it stands in each certificate. */
  readonly commonName: string;
}

export interface CertificateArgs {
  readonly commonName: string;
  /** Names by which clients reach the holder. @default none: a client's certificate */
  readonly dnsNames?: readonly string[];
}

/** A private key and its certificate, PEM. */
export interface Certificate {
  readonly key: Output<string>;
  readonly certificate: Output<string>;
  /** The certificate of the authority, by which the other side verifies this one. */
  readonly ca: Output<string>;
}

// A region is rebuilt far more often than this; a certificate that expires is one more way to lose a database.
const validity = Duration.days(3650);
const renewal = Duration.days(365);

const lifetime = {
  validityPeriodHours: validity.seconds / 3600,
  earlyRenewalHours: renewal.seconds / 3600,
};

const ecdsa = { algorithm: "ECDSA", ecdsaCurve: "P256" } as const;

/** A region's own certificate authority: what members, clients and backup jobs know each other by. */
export class CertificateAuthority extends ComponentResource {
  readonly certificate: Output<string>;
  readonly #key: PrivateKey;

  constructor(
    readonly name: string,
    args: CertificateAuthorityArgs,
    opts?: ComponentResourceOptions,
  ) {
    super("marimo:dr:CertificateAuthority", name, {}, opts);
    this.#key = new PrivateKey(`${name}-key`, ecdsa, { parent: this });
    const self = new SelfSignedCert(
      `${name}-certificate`,
      {
        privateKeyPem: this.#key.privateKeyPem,
        subject: { commonName: args.commonName },
        isCaCertificate: true,
        allowedUses: ["cert_signing", "crl_signing"],
        ...lifetime,
      },
      { parent: this },
    );
    this.certificate = self.certPem;
    this.registerOutputs({ certificate: this.certificate });
  }

  /** Issues a certificate: for a server where it has names, for a client always. */
  issue(role: string, args: CertificateArgs): Certificate {
    const options = { parent: this };
    const key = new PrivateKey(`${this.name}-${role}-key`, ecdsa, options);
    const request = new CertRequest(
      `${this.name}-${role}-request`,
      {
        privateKeyPem: key.privateKeyPem,
        subject: { commonName: args.commonName },
        ...(args.dnsNames && { dnsNames: [...args.dnsNames] }),
      },
      options,
    );
    const signed = new LocallySignedCert(
      `${this.name}-${role}-certificate`,
      {
        certRequestPem: request.certRequestPem,
        caPrivateKeyPem: this.#key.privateKeyPem,
        caCertPem: this.certificate,
        allowedUses: ["digital_signature", "client_auth", ...(args.dnsNames ? ["server_auth"] : [])],
        ...lifetime,
      },
      options,
    );
    return { key: key.privateKeyPem, certificate: signed.certPem, ca: this.certificate };
  }
}
