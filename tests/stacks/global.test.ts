import assert from "node:assert/strict";
import { isSecret, output, runtime } from "@pulumi/pulumi";
import { isGlobal, loadGlobal } from "../../config";
import { regionKeys } from "../../config/keys";
import { global } from "../../stacks/global";
import { capture } from "../support/capture";
import { assertGolden } from "../support/golden";

const use = (configuration: Record<string, string> = {}) => {
  runtime.setAllConfig({ "marimo-dr:role": "global", ...configuration });
};

describe("the stack global", () => {
  beforeEach(() => {
    use();
  });

  it("declares what the golden file holds", async () => {
    assertGolden("global", await capture(() => global(loadGlobal())));
  });

  it("leads by DNS to the region that takes writes, where it is told to", async () => {
    use({
      "marimo-dr:dnsProvider": "route53",
      "marimo-dr:dnsZoneId": "Z0123456789EXAMPLE",
      "marimo-dr:dnsName": "api.marimo-erp.com",
      "marimo-dr:primaryAddress": "203.0.113.10",
      "marimo-dr:secondaryAddress": "198.51.100.10",
    });
    const types = (await capture(() => global(loadGlobal()))).map(({ type }) => type);
    assert.equal(types.filter((type) => type.startsWith("aws:")).length, 4);
  });

  it("is what the role says", () => {
    assert.ok(isGlobal());
    runtime.setAllConfig({ "marimo-dr:role": "primary" });
    assert.ok(!isGlobal());
  });

  it("hands over what a region's key takes, as a secret", async () => {
    const outputs: ReturnType<typeof global>[] = [];
    await capture(() => outputs.push(global(loadGlobal())));
    const document = output(outputs[0]?.sharedSecrets);
    assert.ok(await isSecret(document));
    const value = await new Promise<string | undefined>((resolve) => document.apply(resolve));
    assert.deepEqual(Object.keys(regionKeys.sharedSecrets.type.parse(value ?? "") ?? {}), [
      ...["superuser", "replication", "rewind", "authority"],
    ]);
  });
});
