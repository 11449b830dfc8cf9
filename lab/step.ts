import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { paths } from "./paths";

/** Something built once and kept in the cache: a folder of files that follows from its inputs alone. */
export interface Step {
  /** Short name, part of the folder's name in the cache. */
  name: string;
  /** What the user reads while it runs. */
  title: string;
  /** How long it takes on two cores, in seconds, measured. */
  expectedSeconds: number;
  /** Hash of all inputs, by `contentKey`. Another key is another output. */
  key: string;
  /** Fills the empty folder `directory`. */
  build(directory: string): Promise<void>;
}

export interface StepResult {
  directory: string;
  /** False when the output was found in the cache. */
  built: boolean;
}

const checksumsFile = "SHA256SUMS";
/** Outputs of one step kept side by side, so that two checkouts of different age don't undo each other's builds. */
const keptOutputs = 3;

/** Hash of strings, and of files and folders (names and contents) named by `{ path }`. */
export async function contentKey(...inputs: (string | { path: string })[]): Promise<string> {
  const hash = createHash("sha256");
  for (const input of inputs) {
    if (typeof input === "string") {
      hash.update(`text ${input.length}\n${input}`);
      continue;
    }
    for (const file of await filesBelow(input.path)) {
      hash.update(`file ${relative(input.path, file)} ${await sha256(file)}\n`);
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/** The file itself, or all files below the folder, sorted by path. */
async function filesBelow(path: string): Promise<string[]> {
  if (statSync(path).isFile()) {
    return [path];
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== "__pycache__")
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

async function checksums(directory: string): Promise<string> {
  const lines: string[] = [];
  for (const file of await filesBelow(directory)) {
    const name = relative(directory, file);
    if (name !== checksumsFile) {
      lines.push(`${await sha256(file)}  ${name}\n`);
    }
  }
  return lines.join("");
}

/** True when every file is there and none differs from when it was built. */
async function isWhole(directory: string): Promise<boolean> {
  const file = join(directory, checksumsFile);
  return existsSync(file) && (await readFile(file, "utf8")) === (await checksums(directory));
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** Removes what interrupted builds left behind, and outputs beyond the newest few. */
function tidy(cache: string, step: Step, keep: string): void {
  const outputs: { directory: string; usedAt: number }[] = [];
  for (const entry of readdirSync(cache)) {
    const partial = /^(.+)-[0-9a-f]{16}\.partial-(\d+)$/.exec(entry);
    if (partial?.[1] === step.name && !isAlive(Number(partial[2]))) {
      rmSync(join(cache, entry), { recursive: true });
    }
    if (/^(.+)-[0-9a-f]{16}$/.exec(entry)?.[1] === step.name && entry !== keep) {
      outputs.push({ directory: join(cache, entry), usedAt: statSync(join(cache, entry)).mtimeMs });
    }
  }
  outputs.sort((a, b) => b.usedAt - a.usedAt);
  for (const { directory } of outputs.slice(keptOutputs - 1)) {
    rmSync(directory, { recursive: true });
  }
}

/** The folder in which the step's output is or will be. */
export function outputOf(step: Pick<Step, "name" | "key">, cache: string = paths.cache): string {
  return join(cache, `${step.name}-${step.key}`);
}

/**
 * Makes sure that the step's output is in the cache: verifies it by checksum, and builds it where it is missing or
 * damaged. The output gets its name only when it is whole, so an interrupted build is never mistaken for a finished one.
 */
export async function ensure(step: Step, cache: string = paths.cache): Promise<StepResult> {
  const directory = outputOf(step, cache);
  mkdirSync(cache, { recursive: true });
  const built = !(await isWhole(directory));
  if (built) {
    const partial = `${directory}.partial-${process.pid}`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    await step.build(partial);
    await writeFile(join(partial, checksumsFile), await checksums(partial));
    // Another checkout may have finished the same step meanwhile; what was here before is damaged or nothing.
    rmSync(directory, { recursive: true, force: true });
    renameSync(partial, directory);
  }
  const now = new Date();
  utimesSync(directory, now, now);
  tidy(cache, step, `${step.name}-${step.key}`);
  return { directory, built };
}
