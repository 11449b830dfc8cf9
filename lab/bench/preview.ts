import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { paths } from "../paths";
import { run } from "../process";
import { timeEach } from "../stage/statistics";

const STACK = "primary";
const empty = join(paths.lab, "bench", "empty-program");

const preview = (project: string, stack: string) =>
  run("pulumi", ["-C", project, "--non-interactive", "preview", "--stack", stack], { log: "bench-preview" });

/**
 * Times `pulumi preview` of the program and of an empty one, in turns.
 *
 * @returns seconds of each round
 */
export async function previews(rounds: number): Promise<{ program: number[]; emptyProgram: number[] }> {
  await makeEmptyProgram();
  try {
    const program: number[] = [];
    const emptyProgram: number[] = [];
    for (let round = 0; round < rounds; round++) {
      emptyProgram.push(...(await timeEach(1, () => preview(empty, "empty"))));
      program.push(...(await timeEach(1, () => preview(paths.pulumiProject, STACK))));
    }
    return { program, emptyProgram };
  } finally {
    await run("pulumi", ["-C", empty, "--non-interactive", "stack", "rm", "empty", "--yes"], { log: "bench-preview" });
    await rm(empty, { recursive: true });
  }
}

/** A program without a resource, run in the same way as the product's. */
async function makeEmptyProgram(): Promise<void> {
  const { runtime } = parse(readFileSync(join(paths.root, "Pulumi.yaml"), "utf8")) as { runtime: unknown };
  await mkdir(empty, { recursive: true });
  await writeFile(join(empty, "Pulumi.yaml"), stringify({ name: "empty", runtime, main: "index.ts" }));
  await writeFile(join(empty, "index.ts"), "export {};\n");
  await run("pulumi", ["-C", empty, "--non-interactive", "stack", "init", "empty"], { log: "bench-preview" });
}
