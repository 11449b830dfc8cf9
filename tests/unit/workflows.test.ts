import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  needs?: string;
  uses?: string;
  with?: { stack?: string };
  steps?: Step[];
  strategy?: { matrix: { stack: string[] } };
  "timeout-minutes"?: number;
}
interface Workflow {
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const root = join(__dirname, "../..");
const folder = join(root, ".github/workflows");
const texts = new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "utf8")]));
const workflow = (file: string): Workflow => parse(texts.get(file) ?? "") as Workflow;
const setup = readFileSync(join(root, ".github/actions/setup/action.yml"), "utf8");

// That GitHub and the clouds accept these files only a real run can show.
describe("workflows", () => {
  it("use what others wrote by its commit, with its version beside it", () => {
    for (const [file, text] of [...texts, ["setup", setup] as const]) {
      for (const [line, name] of text.matchAll(/uses: (\S+).*$/gm)) {
        if (name?.startsWith("./")) assert.ok(existsSync(join(root, name)), `${file}: ${name}`);
        else assert.match(line, /@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, file);
      }
    }
  });

  it("hold no key of a cloud: identities come by OIDC, and a preview's is one of its own", () => {
    for (const [file, text] of [...texts, ["setup", setup] as const]) {
      assert.doesNotMatch(text, /secrets\.|access-key|credentials_json/i, file);
    }
    assert.match(texts.get("preview.yml") ?? "", /AWS_PREVIEW_ROLE/);
    assert.doesNotMatch(texts.get("preview.yml") ?? "", /DEPLOY/);
  });

  it("may do no more than they need, and end by themselves", () => {
    for (const file of texts.keys()) {
      const { permissions, jobs } = workflow(file);
      assert.equal(permissions["contents"], "read", file);
      for (const job of Object.values(jobs)) assert.ok(job.uses ?? job["timeout-minutes"], file);
    }
  });

  it("deploy global first, the region that takes writes last", () => {
    const { jobs } = workflow("deploy.yml");
    assert.deepEqual(
      Object.entries(jobs).map(([name, job]) => [name, job.needs, job.with?.stack]),
      [
        ["global", undefined, "global"],
        ["secondary", "global", "secondary"],
        ["primary", "secondary", "primary"],
      ],
    );
  });

  it("preview and watch all three stacks, under the policies", () => {
    for (const file of ["preview.yml", "drift.yml"]) {
      const [job] = Object.values(workflow(file).jobs);
      assert.deepEqual(job?.strategy?.matrix.stack, ["global", "primary", "secondary"], file);
    }
    for (const file of ["preview.yml", "drift.yml", "deploy-stack.yml"]) {
      const steps = Object.values(workflow(file).jobs).flatMap(({ steps }) => steps ?? []);
      const runs = steps.filter((step) => step.with?.["command"] !== undefined);
      assert.equal(runs.length, 1, file);
      assert.equal(runs[0]?.with?.["policyPacks"], "policies", file);
    }
  });

  it("put no text of a pull request into a shell", () => {
    for (const [file, text] of texts) {
      const steps = Object.values((parse(text) as Workflow).jobs).flatMap(({ steps }) => steps ?? []);
      for (const { run } of steps) assert.doesNotMatch(run ?? "", /\$\{\{/, file);
    }
  });
});
