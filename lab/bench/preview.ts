import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { labEnvironment } from "../environment";
import { paths } from "../paths";
import { run } from "../process";
import { productionProject, productionStacks } from "../stage/production";
import { timeEach } from "../stage/statistics";

/** A program whose preview is timed. */
interface Timed {
  readonly folder: string;
  readonly stack: string;
  readonly environment: NodeJS.ProcessEnv;
}

const pulumi = ({ folder, stack, environment }: Timed, ...args: string[]) =>
  run("pulumi", ["-C", folder, "--non-interactive", ...args, stack], { log: "bench-preview", env: environment });

/** Previews in turns, so that what else the machine does touches all alike. Returns the seconds of each round, by program. */
async function inTurns<Name extends string>(rounds: number, programs: Record<Name, Timed>) {
  const seconds = Object.fromEntries(Object.keys(programs).map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = 0; round < rounds; round++) {
    for (const [name, program] of Object.entries<Timed>(programs)) {
      seconds[name as Name].push(...(await timeEach(1, () => pulumi(program, "preview", "--stack"))));
    }
  }
  return seconds;
}

/** Does `work` with a program without a resource, run in the same way as the product's. */
async function withEmptyProgram<T>(environment: NodeJS.ProcessEnv, work: (empty: Timed) => Promise<T>): Promise<T> {
  const empty = { folder: join(paths.lab, "bench", "empty-program"), stack: "empty", environment };
  const { runtime } = parse(readFileSync(join(paths.root, "Pulumi.yaml"), "utf8")) as { runtime: unknown };
  mkdirSync(empty.folder, { recursive: true });
  writeFileSync(join(empty.folder, "Pulumi.yaml"), stringify({ name: "empty", runtime, main: "index.ts" }));
  writeFileSync(join(empty.folder, "index.ts"), "export {};\n");
  await pulumi(empty, "stack", "init");
  try {
    return await work(empty);
  } finally {
    await pulumi(empty, "stack", "rm", "--yes");
    rmSync(empty.folder, { recursive: true });
  }
}

/** Times `pulumi preview` of the lab's running region and of an empty program. Returns seconds of each round. */
export const previews = (rounds: number): Promise<{ program: number[]; emptyProgram: number[] }> =>
  withEmptyProgram(labEnvironment(), (emptyProgram) => {
    const program = { folder: paths.pulumiProject, stack: "primary", environment: labEnvironment() };
    return inTurns(rounds, { emptyProgram, program });
  });

/** Times `pulumi preview` of the three stacks of production, as a pull request has it, and of an empty program. */
export async function productionPreviews(rounds: number): Promise<Record<string, number[]>> {
  const scratch = mkdtempSync(join(paths.lab, "production-"));
  try {
    const { folder, environment } = await productionProject(scratch);
    return await withEmptyProgram(environment, (empty) => {
      const stacks = productionStacks.map((stack) => [stack, { folder, stack, environment }]);
      return inTurns(rounds, { empty, ...(Object.fromEntries(stacks) as Record<string, Timed>) });
    });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
