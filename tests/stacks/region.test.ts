import assert from "node:assert/strict";
import { isSecret } from "@pulumi/pulumi";
import { loadRegion } from "../../config";
import { region } from "../../stacks/region";
import { capture } from "../support/capture";
import { assertGolden } from "../support/golden";
import { captureProduction, productionConfiguration, useConfiguration } from "../support/production";

describe("the stack of a region", () => {
  for (const stack of ["primary", "secondary"] as const) {
    it(`${stack}: declares what the golden file holds`, async () => {
      assertGolden(stack, await captureProduction(stack));
    });
  }

  it("alone, without the stack global, makes its own secrets", async () => {
    const shared = ["sharedSecrets", "otherRegion", "replicationService"].map((key) => `marimo-dr:${key}`);
    const whole = Object.entries(productionConfiguration("primary"));
    const alone = Object.fromEntries(whole.filter(([key]) => !shared.includes(key)));
    useConfiguration(alone);
    const made = (await capture(async () => region(await loadRegion()))).filter(({ type }) =>
      type.endsWith(":RandomPassword"),
    );
    assert.equal(made.length, 3);
  });

  it("the configuration's secrets are secrets to Pulumi", async () => {
    useConfiguration(productionConfiguration("primary"));
    await capture(() => undefined);
    assert.ok(await isSecret((await loadRegion()).secrets.cipher));
  });
});
