import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { paths } from "./paths";

const Secrets = z.strictObject({
  /** Encrypts the secrets in Pulumi's state. */
  pulumiPassphrase: z.string().min(1),
  s3AccessKey: z.string().min(1),
  s3SecretKey: z.string().min(1),
  /** Sent to the GCS server as a bearer token; it accepts any. */
  gcsToken: z.string().min(1),
  /** Encrypts both backup repositories. */
  repositoryCipher: z.string().min(32),
});

/** Passwords of one lab. They outlive its regions and Pulumi's state, as the escrow of a real deployment does. */
export type Secrets = z.infer<typeof Secrets>;

function random(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** Reads the lab's passwords; makes them at the first call. */
export function labSecrets(): Secrets {
  if (existsSync(paths.secrets)) {
    return Secrets.parse(JSON.parse(readFileSync(paths.secrets, "utf8")));
  }
  const secrets: Secrets = {
    pulumiPassphrase: random(16),
    s3AccessKey: random(10),
    s3SecretKey: random(20),
    gcsToken: random(20),
    repositoryCipher: random(32),
  };
  mkdirSync(dirname(paths.secrets), { recursive: true });
  writeFileSync(paths.secrets, JSON.stringify(secrets, null, 2) + "\n", { mode: 0o600 });
  return secrets;
}
