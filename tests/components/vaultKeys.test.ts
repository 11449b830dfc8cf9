import assert from "node:assert/strict";
import { VaultKeys } from "../../components/vaultKeys";
import { capture } from "../support/capture";
import { countTypes, isComponent, named } from "../support/captured";

const declare = (adopt = false) =>
  capture(
    () =>
      new VaultKeys("keys", {
        adopt,
        environment: "production",
        aws: { region: "eu-central-1", replicaRegion: "eu-west-1", adoptKeyId: adopt ? "mrk-1" : undefined },
        gcp: { project: "example", projectNumber: "42", location: "EUR4" },
      }),
  );

describe("VaultKeys", () => {
  it("declares exactly these kinds", async () => {
    assert.deepEqual(countTypes(await declare()), {
      "aws:kms/alias:Alias": 1,
      "aws:kms/key:Key": 1,
      "aws:kms/replicaKey:ReplicaKey": 1,
      "gcp:kms/cryptoKey:CryptoKey": 1,
      "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": 1,
      "gcp:kms/keyRing:KeyRing": 1,
      "marimo:dr:VaultKeys": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("keys turn once a year, and wait as long as can be before they are deleted", async () => {
    const captured = await declare();
    const { inputs } = named(captured, "keys-aws");
    assert.deepEqual(
      [
        inputs["multiRegion"],
        inputs["enableKeyRotation"],
        inputs["rotationPeriodInDays"],
        inputs["deletionWindowInDays"],
      ],
      [true, true, 365, 30],
    );
    const replica = named(captured, "keys-aws-replica").inputs;
    assert.deepEqual([replica["region"], replica["deletionWindowInDays"]], ["eu-west-1", 30]);
    const google = named(captured, "keys-gcp").inputs;
    assert.deepEqual([google["rotationPeriod"], google["destroyScheduledDuration"]], ["31536000s", "10368000s"]);
  });

  it("Google's key lies where its bucket does, and only the store may use it", async () => {
    const captured = await declare();
    assert.equal(named(captured, "keys-gcp-ring").inputs["location"], "eur4");
    assert.equal(
      named(captured, "keys-gcp-store").inputs["member"],
      "serviceAccount:service-42@gs-project-accounts.iam.gserviceaccount.com",
    );
  });

  it("every key is protected, outlives its stack, and is adopted by the name or ID that it has", async () => {
    const lasting = (await declare(true)).filter((one) => !isComponent(one) && one.name !== "keys-gcp-store");
    for (const { name, options } of lasting) assert.ok(options?.protect && options.retainOnDelete, name);
    assert.deepEqual(Object.fromEntries(lasting.map(({ name, options }) => [name, options?.import])), {
      "keys-aws": "mrk-1",
      "keys-aws-alias": "alias/marimo-production-vault",
      "keys-aws-replica": "mrk-1@eu-west-1",
      "keys-gcp": "projects/example/locations/eur4/keyRings/marimo-production-vault/cryptoKeys/vault",
      "keys-gcp-ring": "projects/example/locations/eur4/keyRings/marimo-production-vault",
    });
  });
});
