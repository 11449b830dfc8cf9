import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  type KeyObject,
} from "node:crypto";
// The next import needs it, and doesn't bring it.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { Generation } from "./generated";
import { isObject, type Value, type Values } from "./values";

x509.cryptoProvider.set(webcrypto);

/** Name for Pulumi, for OpenSSL, for Web Cryptography, and the hash to sign with. */
const curves = [
  { pulumi: "P256", openssl: "prime256v1", namedCurve: "P-256", hash: "SHA-256" },
  { pulumi: "P384", openssl: "secp384r1", namedCurve: "P-384", hash: "SHA-384" },
  { pulumi: "P521", openssl: "secp521r1", namedCurve: "P-521", hash: "SHA-512" },
] as const;

const { KeyUsageFlags, ExtendedKeyUsage } = x509;
const keyUsages: Readonly<Record<string, number>> = {
  digital_signature: KeyUsageFlags.digitalSignature,
  content_commitment: KeyUsageFlags.nonRepudiation,
  key_encipherment: KeyUsageFlags.keyEncipherment,
  data_encipherment: KeyUsageFlags.dataEncipherment,
  key_agreement: KeyUsageFlags.keyAgreement,
  cert_signing: KeyUsageFlags.keyCertSign,
  crl_signing: KeyUsageFlags.cRLSign,
  encipher_only: KeyUsageFlags.encipherOnly,
  decipher_only: KeyUsageFlags.decipherOnly,
};
const extendedUsages: Readonly<Record<string, string>> = {
  server_auth: ExtendedKeyUsage.serverAuth,
  client_auth: ExtendedKeyUsage.clientAuth,
  code_signing: ExtendedKeyUsage.codeSigning,
  email_protection: ExtendedKeyUsage.emailProtection,
  timestamping: ExtendedKeyUsage.timeStamping,
  ocsp_signing: ExtendedKeyUsage.ocspSigning,
};

export function keyPair(inputs: Values): { privateKey: KeyObject; publicKey: KeyObject } {
  const { algorithm, ecdsaCurve, rsaBits } = inputs;
  if (algorithm === "RSA") return generateKeyPairSync("rsa", { modulusLength: Number(rsaBits) });
  const curve = curves.find(({ pulumi }) => pulumi === ecdsaCurve);
  if (algorithm === "ECDSA" && curve) return generateKeyPairSync("ec", { namedCurve: curve.openssl });
  throw new Error(
    `algorithm is ${JSON.stringify(algorithm)}, ecdsaCurve ${JSON.stringify(ecdsaCurve)}: this stand-in of the tls plugin knows RSA, and ECDSA with P256, P384 or P521.`,
  );
}

interface Keys {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly signingAlgorithm: webcrypto.EcdsaParams | webcrypto.RsaHashedImportParams;
  /** Pulumi's name of the algorithm. */
  readonly algorithm: "ECDSA" | "RSA";
}

async function keysOf(pem: string): Promise<Keys> {
  const privateKey = createPrivateKey(pem);
  const curve = curves.find(({ openssl }) => openssl === privateKey.asymmetricKeyDetails?.namedCurve);
  const isRsa = privateKey.asymmetricKeyType === "rsa";
  if (!curve && !isRsa) throw new Error("The private key is neither RSA nor ECDSA with P256, P384 or P521.");
  const algorithm = curve
    ? { name: "ECDSA", namedCurve: curve.namedCurve }
    : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const { subtle } = webcrypto;
  const secretPart = privateKey.export({ type: "pkcs8", format: "der" });
  const publicPart = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const keys = {
    privateKey: await subtle.importKey("pkcs8", secretPart, algorithm, true, ["sign"]),
    publicKey: await subtle.importKey("spki", publicPart, algorithm, true, ["verify"]),
  };
  const signingAlgorithm = curve ? { name: "ECDSA", hash: curve.hash } : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  return { keys, signingAlgorithm, algorithm: curve ? "ECDSA" : "RSA" };
}

const subjectFields: Readonly<Record<string, string>> = {
  country: "C",
  organization: "O",
  organizationalUnit: "OU",
  locality: "L",
  province: "ST",
  streetAddresses: "STREET",
  postalCode: "2.5.4.17",
  commonName: "CN",
  serialNumber: "2.5.4.5",
  emailAddress: "E",
};

function nameOf(subject: Value | undefined): x509.JsonName {
  const given = isObject(subject) ? subject : {};
  return Object.entries(subjectFields).flatMap(([property, field]) => {
    const values = [given[property] ?? []].flat().map(String);
    return values.map((value) => ({ [field]: [value] }));
  });
}

function textOf(inputs: Values, name: string): string {
  const value = inputs[name];
  if (typeof value === "string") return value;
  throw new Error(`${name} is ${JSON.stringify(value)}; it must be text.`);
}

function textsOf(value: Value | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function alternativeNames(inputs: Values): x509.Extension[] {
  const names: x509.JsonGeneralNames = [
    ...textsOf(inputs["dnsNames"]).map((value) => ({ type: "dns" as const, value })),
    ...textsOf(inputs["ipAddresses"]).map((value) => ({ type: "ip" as const, value })),
    ...textsOf(inputs["uris"]).map((value) => ({ type: "url" as const, value })),
  ];
  return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
}

function usages(inputs: Values): x509.Extension[] {
  const uses = textsOf(inputs["allowedUses"]);
  const wrong = uses.filter((use) => !(use in keyUsages) && !(use in extendedUsages));
  if (wrong.length > 0) {
    const known = [...Object.keys(keyUsages), ...Object.keys(extendedUsages)].join(", ");
    throw new Error(`allowedUses has ${wrong.join(", ")}: this stand-in of the tls plugin knows ${known}.`);
  }
  const flags = uses.reduce((all, use) => all | (keyUsages[use] ?? 0), 0);
  const extended = uses.flatMap((use) => extendedUsages[use] ?? []);
  return [
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- flags are combined, which the enum can't say
    ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
    ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
  ];
}

async function extensionsOf(inputs: Values, publicKey: x509.PublicKeyType): Promise<x509.Extension[]> {
  const isAuthority = inputs["isCaCertificate"] === true;
  const depth = Number(inputs["maxPathLength"] ?? -1);
  const limited = isAuthority && depth >= 0 ? depth : undefined;
  const identified = isAuthority || inputs["setSubjectKeyId"] === true;
  return [
    new x509.BasicConstraintsExtension(isAuthority, limited, true),
    ...usages(inputs),
    ...(identified ? [await x509.SubjectKeyIdentifierExtension.create(publicKey)] : []),
  ];
}

function validity(inputs: Values): { notBefore: Date; notAfter: Date; outputs: Values } {
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000);
  const notAfter = new Date(notBefore.getTime() + Number(inputs["validityPeriodHours"]) * 3_600_000);
  const [validityStartTime, validityEndTime] = [notBefore, notAfter].map((date) =>
    date.toISOString().replace(".000", ""),
  );
  const outputs = { validityStartTime: validityStartTime ?? "", validityEndTime: validityEndTime ?? "" };
  return { notBefore, notAfter, outputs: { ...outputs, readyForRenewal: false } };
}

/** 128 random bits; the first is 0, as a serial number must be positive. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}

function pemOf(data: { toString(format: "pem"): string }): string {
  return `${data.toString("pem").trimEnd()}\n`;
}

export async function request(inputs: Values): Promise<Generation> {
  const { keys, signingAlgorithm, algorithm } = await keysOf(textOf(inputs, "privateKeyPem"));
  const created = await x509.Pkcs10CertificateRequestGenerator.create({
    name: nameOf(inputs["subject"]),
    keys,
    signingAlgorithm,
    extensions: alternativeNames(inputs),
  });
  return { id: serialNumber(), outputs: { certRequestPem: pemOf(created), keyAlgorithm: algorithm } };
}

export async function selfSigned(inputs: Values): Promise<Generation> {
  const { keys, signingAlgorithm, algorithm } = await keysOf(textOf(inputs, "privateKeyPem"));
  const { notBefore, notAfter, outputs } = validity(inputs);
  const serial = serialNumber();
  const created = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber: serial, name: nameOf(inputs["subject"]), notBefore, notAfter, keys, signingAlgorithm },
    extensions: [...(await extensionsOf(inputs, keys.publicKey)), ...alternativeNames(inputs)],
  });
  return { id: decimal(serial), outputs: { ...outputs, certPem: pemOf(created), keyAlgorithm: algorithm } };
}

export async function locallySigned(inputs: Values): Promise<Generation> {
  const { keys, signingAlgorithm, algorithm } = await keysOf(textOf(inputs, "caPrivateKeyPem"));
  const authority = new x509.X509Certificate(textOf(inputs, "caCertPem"));
  const asked = new x509.Pkcs10CertificateRequest(textOf(inputs, "certRequestPem"));
  if (!(await asked.verify())) throw new Error("certRequestPem is not signed by the key that it contains.");
  const names = asked.extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension);
  const { notBefore, notAfter, outputs } = validity(inputs);
  const serial = serialNumber();
  const created = await x509.X509CertificateGenerator.create({
    ...{ serialNumber: serial, subject: asked.subjectName, issuer: authority.subjectName, notBefore, notAfter },
    ...{ publicKey: asked.publicKey, signingKey: keys.privateKey, signingAlgorithm },
    extensions: [
      ...(await extensionsOf(inputs, asked.publicKey)),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      ...(names ? [names] : []),
    ],
  });
  return { id: decimal(serial), outputs: { ...outputs, certPem: pemOf(created), caKeyAlgorithm: algorithm } };
}

function decimal(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}
