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
  return { ...config, "marimo-dr:repositoryCipher": "a passphrase of more than 32 characters" };
};

const use = (configuration: Record<string, string>) => {
  runtime.setAllConfig(configuration);
  process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(["marimo-dr:repositoryCipher"]);
};

describe("the stack of a region", () => {
  it("primary: declares what the golden file holds", async () => {
    use(productionConfiguration("primary"));
    assertGolden("primary", await capture(() => region(loadRegion())));
  });

  it("secondary: is refused, for this version can't follow another region", async () => {
    use(productionConfiguration("secondary"));
    await assert.rejects(
      capture(() => region(loadRegion())),
      /role is "standby".*nothing was declared.*pulumi config set marimo-dr:role primary/,
    );
  });

  it("the configuration's secrets are secrets to Pulumi", async () => {
    use(productionConfiguration("primary"));
    await capture(() => undefined);
    assert.ok(await isSecret(loadRegion().secrets.cipher));
  });
});
