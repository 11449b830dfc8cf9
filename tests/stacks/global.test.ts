import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isSecret, output, runtime } from "@pulumi/pulumi";
import { parse } from "yaml";
import { isGlobal, loadGlobal } from "../../config";
import { regionKeys } from "../../config/keys";
import { global } from "../../stacks/global";
import { capture } from "../support/capture";
import { assertGolden } from "../support/golden";

const use = (configuration: Record<string, string> = {}) => {
  runtime.setAllConfig({ "marimo-dr:role": "global", ...configuration });
  process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(["marimo-dr:repositoryCipher", "marimo-dr:sharedSecrets"]);
};

const production = (): Record<string, string> => {
  const file = readFileSync(join(__dirname, "../../Pulumi.global.yaml"), "utf8");
  return (parse(file) as { config: Record<string, string> }).config;
};

/** What the configuration gets from the escrow when Pulumi's state is lost. */
const lost = {
  "marimo-dr:adopt": "true",
  "marimo-dr:adoptKeyId": "mrk-1234",
  "marimo-dr:adoptSecretArn":
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:marimo-production/shared-secrets-a",
  "marimo-dr:repositoryCipher": "the passphrase, of more than 32 characters",
  "marimo-dr:sharedSecrets": JSON.stringify({
    ...{
      superuser: "the superuser's password",
      replication: "the replication password",
      rewind: "the rewind password",
    },
    authority: { key: "the authority's key", certificate: "the authority's certificate" },
  }),
};

describe("the stack global", () => {
  beforeEach(() => {
    use();
  });

  it("declares what the golden file holds: production on AWS and Google Cloud", async () => {
    use(production());
    assertGolden("global", await capture(() => global(loadGlobal())));
  });

  it("alone, without clouds, makes what the regions hold alike and nothing else", async () => {
    assertGolden("global-alone", await capture(() => global(loadGlobal())));
  });

  it("all that can't be made again is protected, and outlives the stack", async () => {
    use(production());
    const stateful =
      /^aws:(s3|kms|secretsmanager\/secret:)|^gcp:(storage\/bucket:|kms\/(keyRing|cryptoKey):|secretmanager\/secret:)/;
    const kept = (await capture(() => global(loadGlobal()))).filter(({ type }) => stateful.test(type));
    assert.equal(kept.length, 16);
    for (const { name, options } of kept) assert.ok(options?.protect && options.retainOnDelete, name);
  });

  it("with Pulumi's state lost, adopts all that the clouds give a name once, and makes no secret anew", async () => {
    use(production());
    const before = await capture(() => global(loadGlobal()));
    use({ ...production(), ...lost });
    const after = await capture(() => global(loadGlobal()));
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
    use(production());
    const [aws] = (await capture(() => global(loadGlobal()))).filter(({ type }) => type === "pulumi:providers:aws");
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
    use({ ...production(), ...lost });
    const captured = await capture(() => global(loadGlobal()));
    const plain = JSON.stringify(captured, (key, value: unknown) => (key === "(secret)" ? undefined : value));
    for (const text of ["the passphrase", "password", "the authority's key", "<key "]) {
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
