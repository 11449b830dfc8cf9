import assert from "node:assert/strict";
import fc from "fast-check";
import { readPlan } from "../../domain/plan";
import { type Finding, renderReview, review } from "../../domain/review";
import type { Captured } from "../support/capture";
import { captureProduction, type Production } from "../support/production";

interface State {
  type: string;
  inputs: Record<string, unknown>;
  protect?: boolean;
  retainOnDelete?: boolean;
}
interface Step {
  op: string;
  urn: string;
  oldState?: State;
  newState?: State;
}

const stateOf = ({ type, inputs, options }: Captured): State => ({
  type,
  inputs,
  ...(options?.protect && { protect: true }),
  ...(options?.retainOnDelete && { retainOnDelete: true }),
});

/** The plan that leads from one declaration to another one, in the form of `pulumi preview --json`. */
const planOf = (before: readonly Captured[], after: readonly Captured[]): Step[] => {
  const urn = ({ type, name }: Captured) => `urn:pulumi:primary::marimo-dr::marimo:dr:Parent$${type}::${name}`;
  const [olds, news] = [before, after].map((all) => new Map(all.map((one) => [urn(one), stateOf(one)])));
  return [...new Set([...(olds?.keys() ?? []), ...(news?.keys() ?? [])])].map((urn) => {
    const [oldState, newState] = [olds?.get(urn), news?.get(urn)];
    const same = JSON.stringify(oldState) === JSON.stringify(newState);
    const op = oldState && newState ? (same ? "same" : "update") : newState ? "create" : "delete";
    return { op, urn, ...(oldState && { oldState }), ...(newState && { newState }) };
  });
};

const reviewed = (steps: readonly Step[]): Finding[] => review(readPlan(JSON.stringify({ steps })));

const said = (findings: readonly Finding[]): string[] =>
  findings.map(({ weight, about, text }) => `${weight} ${about}: ${text}`);

const changing = async (
  stack: Production,
  changes: Record<string, string>,
  from: Record<string, string> = {},
): Promise<string[]> =>
  said(reviewed(planOf(await captureProduction(stack, from), await captureProduction(stack, changes))));

const edited = async (stack: Production, name: string, change: (step: Step & { newState: State }) => void) => {
  const captured = await captureProduction(stack);
  const steps = JSON.parse(JSON.stringify(planOf(captured, captured))) as Step[];
  const step = steps.find(({ urn }) => urn.endsWith(`::${name}`));
  assert.ok(step?.newState, name);
  step.op = "update";
  change(step as Step & { newState: State });
  return said(reviewed(steps));
};

describe("the review of a plan", () => {
  it("of no change finds nothing, and says so", async () => {
    assert.deepEqual(await changing("primary", {}), []);
    const plan = readPlan(JSON.stringify({ steps: planOf(await captureProduction("primary"), []) }));
    assert.match(renderReview(plan, []), /recovery: primary\n\nNothing that this review knows of/);
  });

  it("a promotion: this region takes writes, and backups begin", async () => {
    const findings = await changing("secondary", { "marimo-dr:role": "primary" });
    assert.match(findings[0] ?? "", /^danger RPO: This region becomes the one that takes writes\..*is lost, unless/);
    assert.deepEqual(findings.slice(1), [
      'better RTO: postgres-backup runs here from now on, at "0 2 * * *" UTC.',
      'better RTO: postgres-basebackup-diff runs here from now on, at "0 2 * * 1,2,3,4,5,6" UTC.',
      'better RTO: postgres-basebackup-full runs here from now on, at "0 2 * * 0" UTC.',
    ]);
  });

  it("a demotion: nobody takes writes until the other one does", async () => {
    const [first, ...rest] = await changing("primary", { "marimo-dr:role": "standby" });
    assert.match(first ?? "", /^danger RTO: This region stops taking writes.*nobody takes writes/);
    assert.equal(rest.filter((text) => /no longer runs here/.test(text)).length, 3);
  });

  it("a shorter retention, in each vault, and a longer one", async () => {
    const shorter = await changing("primary", { "marimo-dr:retentionDays": "30" });
    assert.match(shorter[0] ?? "", /^danger RPO: The s3 vault keeps backups for 30 days; it was 90\. Older ones go/);
    assert.match(shorter[1] ?? "", /^danger RPO: The gcs vault keeps backups for 30 days/);
    assert.match((await changing("primary", { "marimo-dr:retentionDays": "180" }))[1] ?? "", /better RPO.*180 days/);
  });

  it("a vault that is left out, and one that comes", async () => {
    const one = { "marimo-dr:repositories": "s3", "marimo-dr:confirmLost": "gcs:1" };
    assert.match(
      (await changing("primary", one))[0] ?? "",
      /^danger RPO: The gcs vault gets no WAL and no backups any more/,
    );
    assert.ok(
      (await changing("primary", {}, one)).some((text) =>
        text.startsWith("better RPO: The gcs vault gets WAL and backups"),
      ),
    );
  });

  it("another bucket is an empty one", async () => {
    const [first] = await changing("primary", { "marimo-dr:s3Bucket": "another-bucket" });
    assert.match(
      first ?? "",
      /^danger RPO: The s3 vault is another bucket: another-bucket instead of example-.*nothing can be restored/,
    );
  });

  it("one member is no second one", async () => {
    const findings = await changing("primary", { "marimo-dr:postgresMembers": "1" });
    assert.ok(findings.some((text) => /^worse RTO: The region has 1 member instead of 2\. When it fails/.test(text)));
  });

  it("a new image restarts the members", async () => {
    const findings = await changing("primary", { "marimo-dr:postgresImage": "registry.example.com/postgres:18-1" });
    assert.ok(findings.some((text) => /^note RTO: Members restart, one after the other/.test(text)));
  });

  it("a region that stands alone is followed no more", async () => {
    const alone = {
      "marimo-dr:otherRegion": "",
      "marimo-dr:replicationService": "none",
      "marimo-dr:replicationHost": "",
    };
    const findings = await changing("primary", alone);
    assert.ok(findings.some((text) => /^worse RPO: The other region no longer reaches this one's leader/.test(text)));
    assert.ok(findings.some((text) => /^worse RPO: This region no longer keeps WAL for the other one/.test(text)));
  });

  it("protection that is taken off a vault", async () => {
    const findings = await edited("global", "vault-s3-bucket", ({ newState }) => delete newState.protect);
    assert.deepEqual(findings, [
      "danger safety: vault-s3-bucket (aws:s3/bucket:Bucket) is no longer protected: the next change may delete it, with all that it holds.",
    ]);
  });

  it("a shorter lock", async () => {
    assert.match(
      (await changing("global", { "marimo-dr:lockDays": "7" }))[0] ?? "",
      /^danger safety: New versions in the S3 vault are locked for 7 days instead of 30/,
    );
  });

  it("DNS that is kept for longer", async () => {
    const dns = {
      "marimo-dr:dnsProvider": "route53",
      "marimo-dr:dnsZoneId": "Z0123456789EXAMPLE",
      "marimo-dr:dnsName": "api.marimo-erp.com",
      "marimo-dr:primaryAddress": "203.0.113.10",
      "marimo-dr:secondaryAddress": "198.51.100.10",
    };
    const findings = await changing("global", dns, { ...dns, "marimo-dr:dnsTtl": "20" });
    assert.equal(
      findings.filter((text) => /^worse RTO: Clients keep dns-\w+'s address for 60 s instead of 20 s/.test(text))
        .length,
      2,
    );
  });

  it("archiving that waits longer, and jobs that are suspended or moved", async () => {
    const slower = await edited("primary", "postgres-settings", ({ newState }) => {
      const { annotations } = newState.inputs["metadata"] as { annotations: { config: string } };
      annotations.config = annotations.config.replace('"archive_timeout":"60s"', '"archive_timeout":"600s"');
    });
    assert.match(
      slower.join(),
      /^worse RPO: When little is written, WAL reaches the vaults after 600s at the latest; it was 60s/,
    );
    const job = (change: Record<string, unknown>) =>
      edited("primary", "postgres-backups-full", ({ newState }) =>
        Object.assign(newState.inputs["spec"] as object, change),
      );
    assert.match((await job({ suspend: true })).join(), /^danger RTO: postgres-basebackup-full is suspended/);
    assert.match(
      (await job({ schedule: "0 4 * * 0" })).join(),
      /^note RTO: .* runs at "0 4 \* \* 0" instead of "0 2 \* \* 0"/,
    );
  });

  it("what is deleted or replaced for good, told once though a replacement has three steps", async () => {
    const captured = await captureProduction("primary");
    const set = planOf(captured, captured).find(({ urn }) => urn.endsWith("::postgres-members-set"));
    assert.ok(set);
    const replaced = ["create-replacement", "replace", "delete-replaced"].map((op) => ({ ...set, op }));
    assert.deepEqual(said(reviewed(replaced)), [
      "danger safety: postgres-members-set (kubernetes:apps/v1:StatefulSet) is replaced: deleted, and made anew without what it held.",
    ]);
    assert.match(said(reviewed(planOf(captured, []))).join("\n"), /postgres-members-set .* is deleted/);
    // The namespace stays where it is: Pulumi only forgets it.
    assert.doesNotMatch(said(reviewed(planOf(captured, []))).join("\n"), /marimo-namespace/);
  });

  it("comes with the gravest first, in a table that a bar doesn't break", () => {
    const finding = (weight: Finding["weight"]): Finding => ({ weight, about: "RPO", text: `a | ${weight}` });
    const text = renderReview({ stack: "primary", changes: [] }, [finding("danger"), finding("better")]);
    assert.match(text, /\| ⛔ \| RPO \| a \\\| danger \|\n\| 🔺 \| RPO \| a \\\| better \|/);
  });

  it("says what is wrong with a plan that is none", () => {
    for (const text of ["", "no JSON", "[]", "{}", '{"steps":[{}]}']) {
      assert.throws(() => readPlan(text), /pulumi preview --json > plan\.json/, text);
    }
  });

  it("lives with settings that the plan doesn't know yet", async () => {
    const findings = await edited("primary", "postgres-settings", ({ newState }) => {
      newState.inputs["metadata"] = { name: "postgres-config", annotations: { config: "[unknown]" } };
    });
    assert.deepEqual(findings, []);
  });

  it("never crashes on resources of unknown shape", () => {
    const op = fc.constantFrom("create", "update", "delete", "replace");
    const type = fc.constantFrom(
      ...["kubernetes:core/v1:ConfigMap", "kubernetes:batch/v1:CronJob", "kubernetes:apps/v1:StatefulSet", "random:x"],
      ...["aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "aws:route53/record:Record"],
    );
    const state = fc.option(
      fc.record({ inputs: fc.dictionary(fc.constantFrom("spec", "metadata", "rule", "data"), fc.jsonValue()) }),
    );
    fc.assert(
      fc.property(op, type, state, state, (op, type, oldState, newState) => {
        const step = {
          op,
          urn: `urn:pulumi:s::p::${type}::x`,
          ...(oldState && { oldState }),
          ...(newState && { newState }),
        };
        review(readPlan(JSON.stringify({ steps: [step] })));
      }),
    );
  });
});
