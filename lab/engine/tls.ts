/**
 * Stand-in for the plugin of `@pulumi/tls`: PrivateKey (RSA; ECDSA P256, P384, P521), CertRequest, SelfSignedCert,
 * LocallySignedCert. The OpenSSH forms and fingerprints of a PrivateKey and the write-only inputs are missing.
 */
import { createHash } from "node:crypto";
import { version } from "@pulumi/tls/package.json";
import { keyPair, locallySigned, request, selfSigned } from "./certificates";
import { GeneratingProvider, type Generated, type Generation } from "./generated";
import { runProvider } from "./provider";
import type { Values } from "./values";

function generateKey(inputs: Values): Generation {
  const { privateKey, publicKey } = keyPair(inputs);
  const id = createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
  const traditional = privateKey.asymmetricKeyType === "rsa" ? "pkcs1" : "sec1";
  return {
    id,
    outputs: {
      privateKeyPem: privateKey.export({ type: traditional, format: "pem" }).toString(),
      privateKeyPemPkcs8: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    },
  };
}

/** Hours left before an early renewal is due; the official plugin issues anew then as well. */
function isDue({ validityEndTime, earlyRenewalHours }: Values): boolean {
  if (typeof validityEndTime !== "string") return false;
  return Date.parse(validityEndTime) - Number(earlyRenewalHours ?? 0) * 3_600_000 <= Date.now();
}

const certificate = {
  defaults: { earlyRenewalHours: 0, isCaCertificate: false, setSubjectKeyId: false, maxPathLength: -1 },
  secretOutputs: [],
  isDue,
};
const certificateOutputs = ["certPem", "validityStartTime", "validityEndTime", "readyForRenewal"];

const types = new Map<string, Generated>([
  [
    "tls:index/privateKey:PrivateKey",
    {
      defaults: { ecdsaCurve: "P224", rsaBits: 2048 },
      required: ["algorithm"],
      outputs: ["privateKeyPem", "privateKeyPemPkcs8", "publicKeyPem"],
      secretOutputs: ["privateKeyPem", "privateKeyPemPkcs8"],
      generate: generateKey,
    },
  ],
  [
    "tls:index/certRequest:CertRequest",
    {
      required: ["privateKeyPem"],
      outputs: ["certRequestPem", "keyAlgorithm"],
      secretOutputs: [],
      generate: request,
    },
  ],
  [
    "tls:index/selfSignedCert:SelfSignedCert",
    {
      ...certificate,
      defaults: { ...certificate.defaults, setAuthorityKeyId: false },
      required: ["allowedUses", "privateKeyPem", "validityPeriodHours"],
      outputs: [...certificateOutputs, "keyAlgorithm"],
      generate: selfSigned,
    },
  ],
  [
    "tls:index/locallySignedCert:LocallySignedCert",
    {
      ...certificate,
      required: ["allowedUses", "caCertPem", "caPrivateKeyPem", "certRequestPem", "validityPeriodHours"],
      outputs: [...certificateOutputs, "caKeyAlgorithm"],
      generate: locallySigned,
    },
  ],
]);

if (require.main === module) runProvider(() => new GeneratingProvider("tls", version, types));
