import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "./paths";
import { run } from "./process";

/** Files of a certificate and its private key, PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** The lab's certificates outlive every lab. */
const validDays = "3650";

/** Without a configuration of its own openssl adds the extensions that the machine's configuration names. */
const noDefaults = "[req]\ndistinguished_name = name\n[name]\n";

function filesOf(folder: string, name: string): KeyPair {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

async function request(files: KeyPair, name: string, extensions: readonly string[], signer: string[]): Promise<void> {
  const configuration = `${files.key}.cnf`;
  writeFileSync(configuration, noDefaults);
  const partial: KeyPair = { certificate: `${files.certificate}.partial`, key: `${files.key}.partial` };
  await run(
    "openssl",
    [
      ...["req", "-x509", "-config", configuration, "-subj", `/CN=${name}`, "-days", validDays, ...signer],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"],
      ...extensions.flatMap((extension) => ["-addext", extension]),
      ...["-keyout", partial.key, "-out", partial.certificate],
    ],
    { log: "certificates", env: process.env },
  );
  rmSync(configuration);
  renameSync(partial.certificate, files.certificate);
  // The key comes last: its presence says that the pair is whole.
  renameSync(partial.key, files.key);
}

/** The certificate authority in `folder`; made at the first call. */
export async function ensureAuthority(folder: string): Promise<KeyPair> {
  const files = filesOf(folder, "ca");
  if (!existsSync(files.key)) {
    mkdirSync(folder, { recursive: true });
    const extensions = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"];
    await request(files, "Marimo DR lab", [...extensions, "subjectKeyIdentifier=hash"], []);
  }
  return files;
}

/** A server's certificate for a DNS name and an address, signed by the folder's authority; made at the first call. */
export async function ensureServerCertificate(folder: string, name: string, address: string): Promise<KeyPair> {
  const files = filesOf(folder, name);
  if (!existsSync(files.key)) {
    const authority = await ensureAuthority(folder);
    const extensions = [
      "basicConstraints=critical,CA:FALSE",
      "keyUsage=critical,digitalSignature",
      "extendedKeyUsage=serverAuth",
      `subjectAltName=DNS:${name},IP:${address}`,
    ];
    await request(files, name, extensions, ["-CA", authority.certificate, "-CAkey", authority.key]);
  }
  return files;
}

/** The certificate of the lab's authority. */
export const authorityFile = filesOf(paths.certificates, "ca").certificate;
