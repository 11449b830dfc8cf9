import assert from "node:assert/strict";
import type { ReportViolation, ResourceValidationArgs, StackValidationArgs } from "@pulumi/policy";
import fc from "fast-check";
import { parseExceptions } from "../../domain/exceptions";
import { policiesOf } from "../../policies/pack";
import type { Rule, StackFiles } from "../../policies/rule";
import { rules } from "../../policies/rules";

const bucket = (protect: boolean) => ({
  type: "aws:s3/bucket:Bucket",
  name: "vault",
  urn: "urn:pulumi:primary::marimo-dr::aws:s3/bucket:Bucket::vault",
  props: { forceDestroy: true },
  opts: { protect },
});

/** What the pack reports of an unprotected bucket that is emptied when it is deleted, by policy, with the stack's exceptions. */
const reports = async (policyExceptions?: string): Promise<Record<string, string[]>> => {
  const files: StackFiles = { primary: { role: "primary", ...(policyExceptions && { policyExceptions }) } };
  const said: Record<string, string[]> = {};
  for (const policy of policiesOf(rules, files)) {
    const report: ReportViolation = (message) => {
      (said[policy.name] ??= []).push(typeof message === "string" ? message : JSON.stringify(message));
    };
    const resource = bucket(false) as unknown as ResourceValidationArgs;
    if ("validateStack" in policy) {
      await policy.validateStack({ resources: [resource] } as unknown as StackValidationArgs, report);
    } else for (const validate of [policy.validateResource].flat()) await validate?.(resource, report);
  }
  return said;
};

describe("the policy pack", () => {
  it("has every rule, and each stops a run", () => {
    const policies = policiesOf(rules, {});
    assert.deepEqual(
      policies.map(({ name }) => name),
      [...rules.map(({ name }) => name), "exceptions-said", "exceptions-known"],
    );
    for (const { name, enforcementLevel } of policies) {
      assert.equal(enforcementLevel, name === "exceptions-said" ? "advisory" : "mandatory", name);
    }
  });

  it("hands resources to the rules, and their words to the engine", async () => {
    const said = await reports();
    assert.deepEqual(Object.keys(said), [
      ...["vaults-protected", "vaults-never-force-destroyed", "vaults-versioned", "vaults-locked"],
    ]);
    assert.match(said["vaults-protected"]?.join() ?? "", /not protected/);
  });

  it("an exception is not enforced, and says its reason in each run", async () => {
    const { "exceptions-said": reasons, ...others } = await reports(
      "vaults-protected because this environment is thrown away every week; vaults-locked because it holds no real data",
    );
    assert.deepEqual(Object.keys(others), ["vaults-never-force-destroyed", "vaults-versioned"]);
    assert.match(reasons?.[0] ?? "", /vaults-protected is switched off.*thrown away every week/);
    assert.equal(reasons?.length, 2);
  });

  it("refuses an exception of a rule that there isn't", async () => {
    const said = await reports("vault-protected because of a spelling mistake");
    assert.match(said["exceptions-known"]?.join() ?? "", /"vault-protected", which is not a rule/);
    assert.ok(said["vaults-protected"]);
  });

  it("an exception needs its reason", () => {
    for (const text of [
      "vaults-protected",
      "vaults-protected because",
      "vaults-protected because so",
      "because of that it is",
    ]) {
      assert.throws(() => parseExceptions(text), RangeError, text);
    }
    assert.deepEqual(parseExceptions(""), []);
    assert.deepEqual(parseExceptions("a-b because it is a test; c because it is one too;"), [
      { rule: "a-b", reason: "it is a test" },
      { rule: "c", reason: "it is one too" },
    ]);
  });

  it("no rule crashes on a resource of unknown shape", () => {
    const types = fc.constantFrom(
      ...["aws:s3/bucket:Bucket", "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"],
      ...["gcp:storage/bucket:Bucket", "aws:secretsmanager/secret:Secret", "aws:route53/record:Record"],
      ...["kubernetes:batch/v1:CronJob", "kubernetes:apps/v1:StatefulSet", "kubernetes:core/v1:ConfigMap"],
    );
    const keys = fc.constantFrom(
      "spec",
      "template",
      "rules",
      "rule",
      "containers",
      "replicas",
      "data",
      "filter",
      "lifecycleRules",
    );
    const props = fc.dictionary(keys, fc.jsonValue());
    const check = (rule: Rule, type: string, props: Record<string, unknown>) => {
      const resource = { type, name: "x", props, protect: true };
      if (rule.kind === "resource") rule.check(resource);
      if (rule.kind === "stack") rule.check([resource]);
    };
    fc.assert(
      fc.property(types, props, (type, props) => {
        for (const rule of rules) check(rule, type, props);
      }),
    );
  });
});
