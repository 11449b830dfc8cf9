import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isSecret, runtime } from "@pulumi/pulumi";
import { parse } from "yaml";
import { loadRegion } from "../../config";
import { region } from "../../stacks/region";
import { capture } from "../support/capture";
import { assertGolden } from "../support/golden";

const productionConfiguration = (stack: string): Record<string, string> => {
  const file = readFileSync(join(__dirname, `../../Pulumi.${stack}.yaml`), "utf8");
  const { config } = parse(file) as { config: Record<string, string> };
  return {
    ...config,
    "marimo-dr:repositoryCipher": "a passphrase of more than 32 characters",
    "marimo-dr:sharedSecrets": JSON.stringify({
      superuser: "the superuser's password",
      replication: "the replication password",
      rewind: "the rewind password",
      authority: { key: "the authority's key", certificate: "the authority's certificate" },
    }),
  };
};

const use = (configuration: Record<string, string>) => {
  runtime.setAllConfig(configuration);
  process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(["marimo-dr:repositoryCipher", "marimo-dr:sharedSecrets"]);
};

describe("the stack of a region", () => {
  for (const stack of ["primary", "secondary"]) {
    it(`${stack}: declares what the golden file holds`, async () => {
      use(productionConfiguration(stack));
      assertGolden(stack, await capture(() => region(loadRegion())));
    });
  }

  it("alone, without the stack global, makes its own secrets", async () => {
    const shared = ["sharedSecrets", "otherRegion", "replicationService"].map((key) => `marimo-dr:${key}`);
    const whole = Object.entries(productionConfiguration("primary"));
    const alone = Object.fromEntries(whole.filter(([key]) => !shared.includes(key)));
    use(alone);
    const made = (await capture(() => region(loadRegion()))).filter(({ type }) => type.endsWith(":RandomPassword"));
    assert.equal(made.length, 3);
  });

  it("the configuration's secrets are secrets to Pulumi", async () => {
    use(productionConfiguration("primary"));
    await capture(() => undefined);
    assert.ok(await isSecret(loadRegion().secrets.cipher));
  });
});
