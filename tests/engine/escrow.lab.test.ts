/**
 * A region that takes its secrets from the escrow, by the real engine. AWS' protocol is spoken by a server of this test, and
 * Google Cloud is as good as dead: nobody is logged in.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../lab/paths";
import { type ProductionProject, productionProject } from "../../lab/stage/production";
import { awsSecretManager } from "../support/secretManagers";

const document = JSON.stringify({
  repositoryCipher: "the passphrase of the repositories, out of the escrow",
  sharedSecrets: JSON.stringify({
    ...{
      superuser: "the superuser's password",
      replication: "the replication password",
      rewind: "the rewind password",
    },
    authority: { key: "the authority's key", certificate: "the authority's certificate" },
  }),
});

describe("a region with secretsFrom escrow", function () {
  this.timeout("3m");
  let folder: string;
  let production: ProductionProject;
  let aws: { url: string; close: () => void };
  let awsLives = true;

  before(async () => {
    aws = await awsSecretManager(
      () => (awsLives ? { text: document } : { refused: "InternalServiceError" }),
      "123456789012",
    );
    folder = mkdtempSync(join(paths.lab, "escrow-"));
    production = await productionProject(folder);
    for (const key of ["repositoryCipher", "sharedSecrets"]) {
      await pulumi("config", "rm", key, "--stack", "primary");
    }
    await pulumi("config", "set", "secretsFrom", "escrow", "--stack", "primary");
  });

  after(() => {
    aws.close();
    rmSync(folder, { recursive: true });
  });

  const pulumi = async (...args: string[]): Promise<{ code: number | undefined; output: string }> => {
    const { execa } = await import("execa");
    const env = {
      ...production.environment,
      ...{ AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret", AWS_EC2_METADATA_DISABLED: "true" },
      ...{ AWS_ENDPOINT_URL_SECRETS_MANAGER: aws.url, METADATA_SERVER_DETECTION: "none", HOME: folder },
    };
    const options = { env, extendEnv: false, reject: false, all: true, stdin: "ignore" } as const;
    const { exitCode, all } = await execa("pulumi", production.pulumi(...args), options);
    return { code: exitCode, output: all };
  };

  it("takes them from the cloud that lives, shows none, and says which one is dead", async () => {
    awsLives = true;
    const { code, output } = await pulumi("preview", "--stack", "primary", "--diff");
    assert.equal(code, 0, output);
    assert.match(output, /The escrow was read, but not everywhere[^]*Google Cloud project example-project/);
    assert.match(output, /stringData *: \[secret\]/);
    assert.doesNotMatch(output, /password, out|superuser's password|authority's key|out of the escrow/);
  });

  it("with both dead: a preview shows all else, and says that the values are unknown", async () => {
    awsLives = false;
    const { code, output } = await pulumi("preview", "--stack", "primary", "--diff");
    assert.equal(code, 0, output);
    assert.match(
      output,
      /can't be read anywhere[^]*AWS eu-central-1[^]*AWS eu-west-1[^]*Google Cloud[^]*This preview goes on/,
    );
    assert.match(output, /kubernetes:apps\/v1:StatefulSet/);
  });

  it("with both dead: up changes nothing, and says what to do", async () => {
    awsLives = false;
    const { code, output } = await pulumi("up", "--yes", "--skip-preview", "--stack", "primary");
    assert.notEqual(code, 0, output);
    assert.match(
      output,
      /error: the escrow can't be read anywhere[^]*Log in to one that lives[^]*secretsFrom configuration/,
    );
    assert.doesNotMatch(output, /at .*\.ts:\d+/);
    const { output: state } = await pulumi("stack", "export", "--stack", "primary");
    assert.doesNotMatch(state, /marimo:dr|kubernetes:/);
  });
});
