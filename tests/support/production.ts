import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runtime } from "@pulumi/pulumi";
import { parse } from "yaml";
import { loadGlobal, loadRegion } from "../../config";
import { global } from "../../stacks/global";
import { region } from "../../stacks/region";
import { type Captured, capture } from "./capture";

export type Production = "global" | "primary" | "secondary";

/** What production has from the escrow, which is no part of what a stack declares. */
const secrets = {
  "marimo-dr:repositoryCipher": "a passphrase of more than 32 characters",
  "marimo-dr:sharedSecrets": JSON.stringify({
    superuser: "the superuser's password",
    replication: "the replication password",
    rewind: "the rewind password",
    authority: { key: "the authority's key", certificate: "the authority's certificate" },
  }),
};

/** The configuration of a stack in production, as its file has it. A region's has the secrets too; `global` makes them. */
export const productionConfiguration = (stack: Production): Record<string, string> => {
  const file = readFileSync(join(__dirname, `../../Pulumi.${stack}.yaml`), "utf8");
  const { config } = parse(file) as { config: Record<string, string> };
  return stack === "global" ? config : { ...config, "marimo-dr:secretsFrom": "configuration", ...secrets };
};

export const useConfiguration = (configuration: Record<string, string>): void => {
  runtime.setAllConfig(configuration);
  process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(Object.keys(secrets));
};

/** What a stack in production declares, with changes of its configuration. */
export const captureProduction = (stack: Production, changes: Record<string, string> = {}): Promise<Captured[]> => {
  useConfiguration({ ...productionConfiguration(stack), ...changes });
  return capture(async () => (stack === "global" ? global(loadGlobal()) : region(await loadRegion())));
};

/** What `global` gets from the escrow when Pulumi's state is lost. */
export const lostState = {
  ...secrets,
  "marimo-dr:adopt": "true",
  "marimo-dr:adoptKeyId": "mrk-1234",
  "marimo-dr:adoptSecretArn":
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:marimo-production/shared-secrets-a",
};
