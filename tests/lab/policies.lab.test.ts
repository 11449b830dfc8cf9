/**
 * The policies by the engine, on the stacks of production: what a pull request's run shows. The clouds' plugins answer previews
 * alone (lab/engine/previews.ts), so that the clouds accept what is declared this doesn't prove.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../lab/paths";
import { productionProject, productionStacks, type ProductionProject } from "../../lab/stage/production";

describe("pulumi preview of production under the policies", function () {
  this.timeout("5m");
  let folder: string;
  let production: ProductionProject;

  before(async () => {
    folder = mkdtempSync(join(paths.lab, "policies-"));
    production = await productionProject(folder);
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  const preview = async (stack: string): Promise<{ code: number | undefined; output: string }> => {
    const { execa } = await import("execa");
    const { exitCode, all } = await execa(
      "pulumi",
      production.pulumi("preview", "--stack", stack, "--policy-pack", join(production.folder, "policies")),
      { env: production.environment, extendEnv: false, reject: false, all: true, stdin: "ignore" },
    );
    return { code: exitCode, output: all };
  };

  /** Changes a file of the project as a commit would, looks at the preview, and takes the change back. */
  const changed = async (file: string, from: string | RegExp, to: string, stack: string) => {
    const path = join(production.folder, file);
    const before = readFileSync(path, "utf8");
    const after = before.replace(from, to);
    assert.notEqual(after, before, `${file} has no ${String(from)}`);
    writeFileSync(path, after);
    try {
      return await preview(stack);
    } finally {
      writeFileSync(path, before);
    }
  };

  for (const stack of productionStacks) {
    it(`${stack}: as it is, it passes`, async () => {
      const { code, output } = await preview(stack);
      assert.equal(code, 0, output);
      assert.match(output, /\+ \d\d+ to create/);
      assert.match(output, /marimo-dr@v[\d.]+ \(local:/);
    });
  }

  /** The secondary region on a cluster beside the primary one's. */
  const oneRegion: [RegExp, string] = [
    /region: europe-west4\n([^]*?)cluster: gke/,
    "region: eu-central-1\n$1cluster: existing",
  ];

  // Each: what the pull request changes, the stack whose run turns red, and what a newcomer reads there.
  const bad: [string, [string, string | RegExp, string], string, RegExp][] = [
    [
      "protection is removed from the vaults",
      ["components/lasting.ts", "protect: true", "protect: false"],
      "global",
      /vaults-protected[^]*It is not protected, so one `pulumi destroy`[^]*every backup is lost[^]*Give it `protect: true` again/,
    ],
    [
      "backups are kept for a month only",
      ["Pulumi.primary.yaml", "config:", "config:\n  marimo-dr:retentionDays: 30"],
      "primary",
      /retention-as-planned[^]*retentionDays of primary is 30, but the recovery plan promises 90 days[^]*could not be undone[^]*Set it to 90/,
    ],
    [
      "what is deleted from a vault can be had back for a week only",
      ["Pulumi.global.yaml", "config:", "config:\n  marimo-dr:undeleteDays: 7"],
      "global",
      /retention-as-planned[^]*undeleteDays of global is 7[^]*Set it to 30/,
    ],
    [
      "fresh backups are locked for three days only",
      ["Pulumi.global.yaml", "config:", "config:\n  marimo-dr:lockDays: 3"],
      "global",
      /retention-as-planned[^]*lockDays of global is 3[^]*Set it to 30/,
    ],
    [
      "both regions are one",
      ["Pulumi.secondary.yaml", ...oneRegion],
      "secondary",
      /regions-differ[^]*are both in Frankfurt: what takes one of them takes the other too[^]*Give secondary a region elsewhere/,
    ],
  ];
  for (const [title, [file, from, to], stack, message] of bad) {
    it(`red: ${title}`, async () => {
      const { code, output } = await changed(file, from, to, stack);
      assert.notEqual(code, 0, output);
      assert.match(output, message);
      assert.match(output, /mandatory/);
    });
  }

  it("both regions being one turns the runs of all stacks red, whichever a reviewer looks at first", async () => {
    for (const stack of ["global", "primary"]) {
      const { code, output } = await changed("Pulumi.secondary.yaml", ...oneRegion, stack);
      assert.notEqual(code, 0, output);
      assert.match(output, /regions-differ/);
    }
  });
});
