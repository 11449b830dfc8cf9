import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(__dirname, "..", "..");

/** Loads the SDK as a program does, in a process of its own: here other tests have loaded it. */
async function inProgram(code: string): Promise<unknown> {
  const loaded = `const loaded = (name) => Object.keys(require.cache).some((file) => file.includes(name));`;
  const program = `require("./lazySdk"); const pulumi = require("@pulumi/pulumi"); ${loaded} console.log(JSON.stringify(${code}))`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--require", "tsx/cjs", "--eval", program], {
    cwd: root,
  });
  return JSON.parse(stdout);
}

describe("lazySdk", () => {
  it("keeps what serializes functions from being loaded with the SDK", async () => {
    const loaded = `["/typescript/lib/", "/@npmcli/arborist/", "/@pulumi/pulumi/resource"].map(loaded)`;
    assert.deepEqual(await inProgram(loaded), [false, false, true]);
  });

  it("loads it when it is used", async () => {
    const used = `[typeof require("typescript").createSourceFile, typeof require("@npmcli/arborist").Arborist, loaded("/typescript/lib/")]`;
    assert.deepEqual(await inProgram(used), ["function", "function", true]);
  });
});
