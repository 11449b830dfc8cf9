import assert from "node:assert/strict";
import { secret } from "@pulumi/pulumi";
import { SecretEscrow } from "../../components/secretEscrow";
import { capture } from "../support/capture";
import { countTypes, isComponent, named } from "../support/captured";

const declare = (adopt = false) =>
  capture(
    () =>
      new SecretEscrow("escrow", {
        adopt,
        environment: "production",
        secrets: { repositoryCipher: secret("the passphrase"), sharedSecrets: secret('{"superuser":"the password"}') },
        aws: {
          region: "eu-central-1",
          replicaRegion: "eu-west-1",
          keyArn: "the key",
          replicaKeyArn: "its replica",
          adoptSecretArn: adopt ? "the ARN" : undefined,
        },
        gcp: { project: "example" },
      }),
  );

describe("SecretEscrow", () => {
  it("declares a copy in each cloud", async () => {
    assert.deepEqual(countTypes(await declare()), {
      "aws:secretsmanager/secret:Secret": 1,
      "aws:secretsmanager/secretVersion:SecretVersion": 1,
      "gcp:secretmanager/secret:Secret": 1,
      "gcp:secretmanager/secretVersion:SecretVersion": 1,
      "marimo:dr:SecretEscrow": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("both hold the same document, as a secret, by configuration key", async () => {
    const captured = await declare();
    const document = {
      "(secret)": '{"repositoryCipher":"the passphrase","sharedSecrets":"{\\"superuser\\":\\"the password\\"}"}',
    };
    assert.deepEqual(named(captured, "escrow-aws-version").inputs["secretString"], document);
    assert.deepEqual(named(captured, "escrow-gcp-version").inputs["secretData"], document);
    const plain = JSON.stringify(captured, (key, value: unknown) => (key === "(secret)" ? undefined : value));
    assert.doesNotMatch(plain, /the pass(phrase|word)/);
  });

  it("AWS' copy can be read in a second region, with that region's key", async () => {
    const { inputs } = named(await declare(), "escrow-aws");
    assert.deepEqual(inputs["replicas"], [{ region: "eu-west-1", kmsKeyId: "its replica" }]);
    assert.equal(inputs["recoveryWindowInDays"], 30);
  });

  it("is protected, outlives its stack, and is adopted", async () => {
    const captured = await declare(true);
    for (const one of captured.filter((one) => !isComponent(one))) assert.ok(one.options?.retainOnDelete, one.name);
    assert.deepEqual(named(captured, "escrow-aws").options, {
      protect: true,
      retainOnDelete: true,
      import: "the ARN",
      ignoreChanges: ["recoveryWindowInDays"],
    });
    assert.equal(
      named(captured, "escrow-gcp").options?.import,
      "projects/example/secrets/marimo-production-shared-secrets",
    );
  });
});
