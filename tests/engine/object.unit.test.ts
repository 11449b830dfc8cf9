import assert from "node:assert/strict";
import { takeOver } from "../../lab/engine/kubernetes/managers";
import { markSecrets, normalize, prune, referenceOf } from "../../lab/engine/kubernetes/object";
import { isSecret, plainObject, secret, type Values } from "../../lab/engine/values";

describe("Pruning", () => {
  it("keeps of the live object what the program speaks of", () => {
    const live = { a: 1, b: { c: 2, d: 3 }, list: [{ x: 1, y: 2 }, { x: 9 }], status: {} };
    assert.deepEqual(prune(live, { b: { c: 0 }, list: [{ x: 0 }] }), { b: { c: 2 }, list: [{ x: 1 }] });
  });

  it("drops what somebody removed, but not what says nothing", () => {
    assert.deepEqual(prune({}, { a: 1, off: false, none: {} }), { off: false, none: {} });
  });
});

describe("Normal form", () => {
  it("has text of a Secret in base64, which wins over data", () => {
    const object = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {},
      data: { a: "x", b: "y" },
      stringData: { a: "hello" },
    };
    assert.deepEqual(normalize(object)["data"], { a: "aGVsbG8=", b: "y" });
    assert.equal(normalize(object)["stringData"], undefined);
  });

  it("has no read-only metadata", () => {
    const metadata = { name: "a", uid: "1", resourceVersion: "2", managedFields: [] };
    assert.deepEqual(normalize({ metadata })["metadata"], { name: "a" });
  });
});

describe("Secrets", () => {
  it("cover all data of a Secret, whatever the program says", () => {
    const marked = markSecrets({ kind: "Secret", data: { a: "b" } }, {});
    assert.ok(isSecret(marked["data"]));
  });

  it("stay where the inputs have them, and nowhere else", () => {
    const inputs: Values = { spec: { open: "1", hidden: secret("2"), list: [{ value: secret("3") }] } };
    const marked = markSecrets({ spec: { open: "1", hidden: "2", list: [{ value: "3" }] } }, inputs)["spec"] as Values;
    assert.deepEqual(
      Object.entries(marked).map(([key, value]) => [key, isSecret(value)]),
      [
        ["open", false],
        ["hidden", true],
        ["list", true],
      ],
    );
    assert.deepEqual(plainObject(marked), { open: "1", hidden: "2", list: [{ value: "3" }] });
  });
});

describe("Reference", () => {
  it("comes from a type token and an id", () => {
    assert.deepEqual(referenceOf("kubernetes:core/v1:ConfigMapPatch", "n/a"), {
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "n" } },
    });
    assert.equal(referenceOf("kubernetes:apps/v1:StatefulSet", "a")["apiVersion"], "apps/v1");
  });
});

describe("Field managers", () => {
  const entry = (manager: string, operation: string, fieldsV1: Values, more: Values = {}): Values => ({
    ...{ manager, operation, apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1 },
    ...more,
  });
  const live = (...managedFields: Values[]): Values => ({ metadata: { resourceVersion: "7", managedFields } });

  it("hand over what the creation set, and leave others alone", () => {
    const patch = takeOver(
      live(
        entry("mine", "Apply", { "f:data": { "f:a": {} } }),
        entry("pulumi-kubernetes", "Update", { "f:data": { "f:b": {} } }),
        entry("kubectl-edit", "Update", { "f:data": { "f:c": {} } }),
      ),
      "mine",
    );
    const value = patch?.[0]?.["value"] as Values[];
    assert.deepEqual(
      value.map(({ manager, operation, fieldsV1 }) => [manager, operation, fieldsV1]),
      [
        ["kubectl-edit", "Update", { "f:data": { "f:c": {} } }],
        ["mine", "Apply", { "f:data": { "f:a": {}, "f:b": {} } }],
      ],
    );
    assert.equal(patch?.[1]?.["value"], "7");
  });

  it("need nothing where only the own manager or a controller wrote", () => {
    const status = entry("pulumi-kubernetes", "Update", {}, { subresource: "status" });
    assert.equal(takeOver(live(entry("mine", "Apply", {}), status), "mine"), undefined);
  });
});
