import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(__dirname, "..", "..", "..");

/**
 * Regression: a lab that was interrupted before kind was built could not be taken down (`spawn kind ENOENT`), and had podman been
 * there without the lab's configuration, its clean-up would have been the machine's own containers'.
 *
 * A copy of the lab in a folder of its own, and a PATH without any program: whatever it calls is not there. What it does not prove:
 * the states in between, with containers; those are tried by hand.
 */
describe("a lab that was interrupted early", function () {
  this.timeout("2m");

  let checkout: string;
  const lab = () => join(checkout, ".lab");
  beforeEach(() => {
    checkout = mkdtempSync(join(tmpdir(), "marimo-dr-half-"));
    for (const folder of ["lab", "domain", "images", "config"])
      cpSync(join(root, folder), join(checkout, folder), { recursive: true });
    for (const name of ["node_modules", "package.json", "Pulumi.yaml"])
      symlinkSync(join(root, name), join(checkout, name));
    mkdirSync(lab());
  });
  afterEach(() => {
    rmSync(checkout, { recursive: true });
  });

  const run = async (...args: string[]): Promise<string> => {
    const { execa } = await import("execa");
    const { all, exitCode } = await execa(
      process.execPath,
      ["--require", "tsx/cjs", join(checkout, "lab", "cli.ts"), ...args],
      {
        cwd: checkout,
        env: { HOME: checkout, PATH: join(checkout, "nothing"), MARIMO_DR_CACHE: join(checkout, "cache") },
        extendEnv: false,
        reject: false,
        all: true,
      },
    );
    assert.equal(exitCode, 0, all);
    return all;
  };
  const keepReport = () => {
    mkdirSync(join(lab(), "reports"));
    writeFileSync(join(lab(), "reports", "rebuild.json"), "{}");
  };

  it("before its parts were chosen: down removes it, and with --reports what was measured in it", async () => {
    keepReport();
    await run("down", "--reports");
    assert.ok(!existsSync(lab()));
  });

  it("before anything was built: status shows what is missing, logs are none, down keeps the reports alone", async () => {
    writeFileSync(join(lab(), "parts.json"), JSON.stringify({ engine: "podman", officialPulumi: [] }));
    keepReport();
    const shown = await run("status");
    for (const part of ["region primary", "region secondary", "store s3", "DNS"]) {
      assert.match(shown, new RegExp(`${part} +│ missing`));
    }
    await run("logs");
    await run("down");
    assert.deepEqual(readdirSync(lab()), ["reports"]);
  });
});
