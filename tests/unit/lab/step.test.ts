import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contentKey, ensure, outputOf, type Step } from "../../../lab/step";

describe("a cached step", () => {
  let cache: string;
  let builds: number;

  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), "marimo-step-"));
    builds = 0;
  });
  afterEach(() => {
    rmSync(cache, { recursive: true });
  });

  function step(key = "0123456789abcdef", name = "thing"): Step {
    return {
      name,
      title: "A thing",
      expectedSeconds: 1,
      key,
      build: (directory) => {
        builds += 1;
        mkdirSync(join(directory, "deep"));
        writeFileSync(join(directory, "deep", "file"), `built ${builds} times`);
        return Promise.resolve();
      },
    };
  }

  const fileOf = (directory: string): string => join(directory, "deep", "file");

  it("is built once", async () => {
    assert.deepEqual(await ensure(step(), cache), { directory: outputOf(step(), cache), built: true });
    assert.equal((await ensure(step(), cache)).built, false);
    assert.equal(builds, 1);
  });

  it("is built anew when its key changes, and the old output stays for the checkout that wants it", async () => {
    await ensure(step(), cache);
    await ensure(step("fedcba9876543210"), cache);
    assert.equal(builds, 2);
    assert.equal((await ensure(step(), cache)).built, false);
  });

  it("keeps no more than three outputs of a step, and none of another step's is touched", async () => {
    await ensure(step("0123456789abcdef", "thing-two"), cache);
    for (const digit of ["1", "2", "3", "4", "5"]) {
      await ensure(step(digit.repeat(16)), cache);
    }
    assert.equal(readdirSync(cache).filter((entry) => /^thing-\d{16}$/.test(entry)).length, 3);
    assert.ok(existsSync(outputOf(step("0123456789abcdef", "thing-two"), cache)));
    assert.ok(existsSync(outputOf(step("5".repeat(16)), cache)));
  });

  const damages: [string, (directory: string) => void][] = [
    [
      "changed",
      (directory) => {
        writeFileSync(fileOf(directory), "built 0 times");
      },
    ],
    [
      "truncated",
      (directory) => {
        truncateSync(fileOf(directory), 3);
      },
    ],
    [
      "missing",
      (directory) => {
        rmSync(fileOf(directory));
      },
    ],
    [
      "joined by a file that nobody built",
      (directory) => {
        writeFileSync(join(directory, "extra"), "");
      },
    ],
    [
      "without its checksums",
      (directory) => {
        rmSync(join(directory, "SHA256SUMS"));
      },
    ],
  ];
  for (const [name, damage] of damages) {
    it(`is rebuilt when a file is ${name}`, async () => {
      const { directory } = await ensure(step(), cache);
      damage(directory);
      assert.equal((await ensure(step(), cache)).built, true);
      assert.equal(readFileSync(fileOf(directory), "utf8"), "built 2 times");
      assert.equal(existsSync(join(directory, "extra")), false);
    });
  }

  it("leaves no output behind when it fails, and succeeds at the next try", async () => {
    const failing: Step = {
      ...step(),
      build: async (directory) => {
        await step().build(directory);
        throw new Error("no disk");
      },
    };
    await assert.rejects(ensure(failing, cache), /no disk/);
    assert.equal(existsSync(outputOf(failing, cache)), false);
    assert.equal((await ensure(step(), cache)).built, true);
  });

  it("removes what a killed build left behind, but not what a living one is at", async () => {
    const dead = join(cache, `thing-${"a".repeat(16)}.partial-999999999`);
    const alive = join(cache, `thing-${"a".repeat(16)}.partial-${process.ppid}`);
    mkdirSync(dead);
    mkdirSync(alive);
    await ensure(step(), cache);
    assert.equal(existsSync(dead), false);
    assert.equal(existsSync(alive), true);
  });
});

describe("contentKey", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "marimo-key-"));
    writeFileSync(join(folder, "a"), "1");
    writeFileSync(join(folder, "b"), "2");
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("depends on contents and names alone", async () => {
    const key = await contentKey("x", { path: folder });
    assert.equal(await contentKey("x", { path: folder }), key);
    assert.match(key, /^[0-9a-f]{16}$/);
    writeFileSync(join(folder, "b"), "3");
    assert.notEqual(await contentKey("x", { path: folder }), key);
    writeFileSync(join(folder, "b"), "2");
    assert.equal(await contentKey("x", { path: folder }), key);
    writeFileSync(join(folder, "c"), "");
    assert.notEqual(await contentKey("x", { path: folder }), key);
  });

  it("tells where one input ends and the next begins", async () => {
    assert.notEqual(await contentKey("ab", "c"), await contentKey("a", "bc"));
  });
});
