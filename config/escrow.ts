import { RunError } from "@pulumi/pulumi/errors";
import { Duration } from "../domain/duration";
import { type EscrowPlace, type EscrowReading, judgeEscrow, placeInWords } from "../domain/escrow";
import { regionKeys } from "./keys";

/**
 * How long a cloud has to answer. All are asked at once, so a dead one costs this much once. Identities that come by way of a
 * third party take some seconds.
 */
export const answerWithin = Duration.seconds(10);

/** The escrow can't be used. */
export class EscrowError extends RunError {
  constructor(
    message: string,
    /** Whether nobody answered, which a preview can live with. */
    readonly unreadable = false,
  ) {
    super(message);
    this.name = "EscrowError";
    // As of ConfigurationError.
    delete this.stack;
  }
}

/** What the escrow holds, by configuration key. */
export interface Escrowed {
  readonly repositoryCipher: string;
  readonly sharedSecrets: NonNullable<ReturnType<(typeof regionKeys.sharedSecrets)["type"]["parse"]>>;
}

/** With the credentials that AWS' other tools use here. A secret of another account is none. */
const readAws = async ({ region, account, secret }: EscrowPlace & { cloud: "aws" }): Promise<string> => {
  // Loaded by who reads an escrow only.
  const { GetSecretValueCommand, SecretsManagerClient } = await import("@aws-sdk/client-secrets-manager");
  const client = new SecretsManagerClient({ region, maxAttempts: 2 });
  const { ARN = "", SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secret }));
  const owner = ARN.split(":")[4] ?? "";
  if (owner !== account) throw new Error(`these credentials are of account ${owner}, and awsAccount is ${account}`);
  if (SecretString === undefined) throw new Error("it holds no text");
  return SecretString;
};

/**
 * With Google's Application Default Credentials.
 * https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
 */
export const readGoogle = async (
  { project, secret }: Extract<EscrowPlace, { cloud: "gcp" }>,
  server = "https://secretmanager.googleapis.com",
): Promise<string> => {
  const { GoogleAuth } = await import("google-auth-library");
  const auth = new GoogleAuth({ projectId: project, scopes: "https://www.googleapis.com/auth/cloud-platform" });
  const { data } = await auth.request<{ payload: { data: string } }>({
    url: `${server}/v1/projects/${project}/secrets/${secret}/versions/latest:access`,
  });
  return Buffer.from(data.payload.data, "base64").toString();
};

const read = (place: EscrowPlace): Promise<string> => (place.cloud === "aws" ? readAws(place) : readGoogle(place));

/** Whatever keeps a cloud from answering, its credentials among it, is a fault of that cloud alone. */
const readInTime = async (place: EscrowPlace): Promise<EscrowReading> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${answerWithin.seconds} s`));
    }, answerWithin.seconds * 1000);
  });
  try {
    return { place, document: await Promise.race([read(place), late]) };
  } catch (error) {
    return { place, fault: error instanceof Error ? error.message || error.name : String(error) };
  } finally {
    clearTimeout(timer);
  }
};

const parse = (document: string): Escrowed => {
  try {
    const { repositoryCipher, sharedSecrets } = JSON.parse(document) as Record<string, string>;
    const parsed = regionKeys.sharedSecrets.type.parse(sharedSecrets ?? "");
    const cipher = regionKeys.repositoryCipher.type.parse(repositoryCipher ?? "");
    if (parsed !== undefined && cipher !== undefined) return { repositoryCipher: cipher, sharedSecrets: parsed };
  } catch {
    // What the parsers say quotes the value, and it is secret.
  }
  throw new EscrowError(
    "the escrow was read, but holds no repositoryCipher and sharedSecrets as the stack global writes them, so nothing was changed. " +
      "Bring its last version up again: pulumi up --stack global",
  );
};

/**
 * Reads the escrow wherever it can be read.
 * @param warn gets what a person should know although it went well
 * @throws EscrowError when no copy answers, or two that do differ
 */
export const readEscrow = async (
  places: readonly EscrowPlace[],
  warn: (message: string) => void,
): Promise<Escrowed> => {
  const verdict = judgeEscrow(await Promise.all(places.map(readInTime)));
  switch (verdict.kind) {
    case "agreed":
      if (verdict.unread.length > 0) {
        warn(`The escrow was read, but not everywhere. Can't be read:\n${lines(verdict.unread)}`);
      }
      return parse(verdict.document);
    case "different":
      throw new EscrowError(
        `the copies of the escrow in ${verdict.places.join(" and ")} differ, and a wrong one would lock the region out of its ` +
          "backups or its database, so nothing was changed. Write both anew: pulumi up --stack global. Where that can't be done, " +
          "decide by hand: secretsFrom configuration, with repositoryCipher and sharedSecrets of the right one (docs/vaults.md).",
      );
    case "unreadable":
      throw new EscrowError(
        `the escrow can't be read anywhere:\n${lines(verdict.unread)}\nIt must be readable in one cloud. Log in to one that lives ` +
          `(${places.map(placeInWords).join(", ")}), or give what it holds: secretsFrom configuration (docs/vaults.md).`,
        true,
      );
  }
};

const lines = (texts: readonly string[]): string => texts.map((text) => `  - ${text}`).join("\n");
