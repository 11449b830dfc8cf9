import assert from "node:assert/strict";
import { isSecret, output, runtime } from "@pulumi/pulumi";
import { isGlobal, loadGlobal } from "../../config";
import { regionKeys } from "../../config/keys";
import { global } from "../../stacks/global";
import { capture } from "../support/capture";
import { assertGolden } from "../support/golden";
import { captureProduction, lostState, useConfiguration } from "../support/production";

const use = (configuration: Record<string, string> = {}) => {
  useConfiguration({ "marimo-dr:role": "global", ...configuration });
};

describe("the stack global", () => {
  beforeEach(() => {
    use();
  });

  it("declares what the golden file holds: production on AWS and Google Cloud", async () => {
    assertGolden("global", await captureProduction("global"));
  });

  it("alone, without clouds, makes what the regions hold alike and nothing else", async () => {
    assertGolden("global-alone", await capture(() => global(loadGlobal())));
  });

  it("all that can't be made again is protected, and outlives the stack", async () => {
    const stateful =
      /^aws:(s3|kms|secretsmanager\/secret:)|^gcp:(storage\/bucket:|kms\/(keyRing|cryptoKey):|secretmanager\/secret:)/;
    const kept = (await captureProduction("global")).filter(({ type }) => stateful.test(type));
    assert.equal(kept.length, 16);
    for (const { name, options } of kept) assert.ok(options?.protect && options.retainOnDelete, name);
  });

  it("with Pulumi's state lost, adopts all that the clouds give a name once, and makes no secret anew", async () => {
    const before = await captureProduction("global");
    const after = await captureProduction("global", lostState);
    const random = /^(random|tls):|SharedSecrets|RepositoryCipher|CertificateAuthority/;
    assert.deepEqual(
      after.map(({ name }) => name),
      before.filter(({ type }) => !random.test(type)).map(({ name }) => name),
    );
    const named =
      /(s3\/bucket|kms\/(alias|key|replicaKey|keyRing|cryptoKey)|storage\/bucket|manager\/secret|iam\/(role|openIdConnectProvider)|account|iAMCustomRole):/;
    for (const { type, name, options } of after) {
      assert.equal(options?.import !== undefined, named.test(type), `${type} ${name}`);
    }
  });

  it("wrong credentials are refused before they can drop anything from the state", async () => {
    const [aws] = (await captureProduction("global")).filter(({ type }) => type === "pulumi:providers:aws");
    assert.equal(aws?.inputs["allowedAccountIds"], '["123456789012"]');
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

  it("takes no secret out in plain text", async () => {
    const captured = await captureProduction("global", lostState);
    const plain = JSON.stringify(captured, (key, value: unknown) => (key === "(secret)" ? undefined : value));
    for (const text of ["a passphrase", "password", "the authority's key", "<key "]) {
      assert.ok(!plain.includes(text), text);
    }
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
