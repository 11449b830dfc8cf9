import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import { paths } from "../../lab/paths";
import { sharedSecrets } from "../../lab/pulumi";
import { command, type Outcome, succeed } from "./region";

describe("pulumi preview of the production configuration, without a cluster that answers", function () {
  this.timeout("5m");
  let folder: string;

  const pulumi = (...args: string[]): Promise<Outcome> =>
    command("env", [
      `PULUMI_BACKEND_URL=${pathToFileURL(join(folder, "state")).href}`,
      "KUBECONFIG=/nowhere",
      ...["pulumi", "-C", folder, "--non-interactive", ...args],
    ]);

  before(async () => {
    folder = mkdtempSync(join(paths.lab, "preview-"));
    mkdirSync(join(folder, "state"));
    const project = parse(readFileSync(join(paths.root, "Pulumi.yaml"), "utf8")) as Record<string, unknown>;
    writeFileSync(join(folder, "Pulumi.yaml"), stringify({ ...project, main: `${paths.root}/` }));
    copyFileSync(join(paths.root, "Pulumi.primary.yaml"), join(folder, "Pulumi.primary.yaml"));
    await succeed(pulumi("stack", "init", "primary"));
    // The lab's stand-in for AWS makes no cluster, and has no escrow; tests/policies and tests/engine preview these.
    for (const [key, value] of [
      ["cluster", "existing"],
      ["secretsFrom", "configuration"],
    ] as const) {
      await succeed(pulumi("config", "set", "--stack", "primary", key, value));
    }
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("without the secrets that it needs, says which and how to set it", async () => {
    const { code, output } = await pulumi("preview", "--stack", "primary");
    assert.notEqual(code, 0);
    assert.match(output, /repositoryCipher is not set.*pulumi config set --secret marimo-dr:repositoryCipher/);
  });

  it("with them, shows the whole region", async () => {
    const passphrase = "a passphrase of more than 32 characters";
    const secret = ["config", "set", "--secret", "--stack", "primary"];
    await succeed(pulumi(...secret, "repositoryCipher", passphrase));
    await succeed(pulumi(...secret, "sharedSecrets", await sharedSecrets()));
    const output = await succeed(pulumi("preview", "--stack", "primary"));
    assert.match(output, /kubernetes:apps\/v1:StatefulSet postgres-members-set create/);
    assert.match(output, /\+ 4\d to create/);
    assert.ok(!output.includes(passphrase));
  });
});
