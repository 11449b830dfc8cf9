import assert from "node:assert/strict";
import type { ReportViolation, ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import fc from "fast-check";
import { parseExceptions } from "../../domain/exceptions";
import { policiesOf } from "../../policies/pack";
import type { Rule } from "../../policies/rule";
import { rules } from "../../policies/rules";

const named = (name: string, exceptions = "") => {
  const policy = policiesOf(rules, parseExceptions(exceptions), () => ({})).find((one) => one.name === name);
  assert.ok(policy, name);
  return policy;
};

const bucket = (protect: boolean) =>
  ({ type: "aws:s3/bucket:Bucket", name: "vault", props: {}, opts: { protect } }) as unknown as Parameters<
    Extract<ResourceValidationPolicy["validateResource"], (...rest: never[]) => unknown>
  >[0];

const reportsOf = async (run: (report: ReportViolation) => unknown): Promise<string[]> => {
  const reports: string[] = [];
  await run((message) => reports.push(typeof message === "string" ? message : JSON.stringify(message)));
  return reports;
};

describe("the policy pack", () => {
  it("has every rule, and each stops a run", () => {
    const policies = policiesOf(rules, [], () => ({}));
    assert.deepEqual(
      policies.map(({ name }) => name),
      rules.map(({ name }) => name),
    );
    for (const { name, enforcementLevel } of policies) assert.equal(enforcementLevel, "mandatory", name);
  });

  it("hands a resource to its rule, and the rule's words to the engine", async () => {
    const { validateResource } = named("vaults-protected") as ResourceValidationPolicy;
    assert.ok(typeof validateResource === "function");
    assert.deepEqual(await reportsOf((report) => validateResource(bucket(true), report)), []);
    assert.match((await reportsOf((report) => validateResource(bucket(false), report))).join(), /not protected/);
  });

  it("an exception is not enforced, and says its reason in each run", async () => {
    const policy = named("vaults-protected", "vaults-protected because this environment is thrown away every week");
    assert.equal(policy.enforcementLevel, "advisory");
    const said = await reportsOf((report) => (policy as StackValidationPolicy).validateStack({} as never, report));
    assert.match(said.join(), /vaults-protected is switched off, because this environment is thrown away every week/);
  });

  it("refuses an exception of a rule that there isn't", () => {
    assert.throws(
      () => named("vaults-protected", "vault-protected because of a spelling mistake"),
      /"vault-protected", which is not a rule/,
    );
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
