import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { labEnvironment } from "../environment";
import { paths } from "../paths";
import { run } from "../process";
import { writePreviewLaunchers } from "../pulumi";

export const productionStacks = ["global", "primary", "secondary"] as const;

/** What Pulumi runs: the program, its policies, and what both import. */
const sources = [
  ...["index.ts", "lazySdk.ts", "package.json", "tsconfig.json", "Pulumi.yaml"],
  ...["components", "config", "domain", "policies", "stacks"],
];

/** A copy of the repository's project, with the stacks' files of production, for previews: no cloud and no cluster answers. */
export interface ProductionProject {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Arguments of `pulumi` for a command in this project. */
  readonly pulumi: (...args: string[]) => string[];
}

/** Makes the project in an empty folder, with a Pulumi state of its own, and with secrets in the place of the escrow's. */
export async function productionProject(folder: string): Promise<ProductionProject> {
  const [bin, state] = [join(folder, "bin"), join(folder, "state")];
  const environment = {
    ...labEnvironment(),
    PATH: [bin, labEnvironment()["PATH"] ?? ""].join(delimiter),
    PULUMI_BACKEND_URL: pathToFileURL(state).href,
    KUBECONFIG: "/nowhere",
  };
  const project = join(folder, "project");
  const pulumi = (...args: string[]) => ["-C", project, "--non-interactive", "--color", "never", ...args];
  const succeed = (args: string[], input?: string) =>
    run("pulumi", args, { log: "production", env: environment, ...(input !== undefined && { input }) });

  mkdirSync(state, { recursive: true });
  await writePreviewLaunchers(bin);
  copyProgram(project);
  for (const stack of productionStacks) {
    cpSync(join(paths.root, `Pulumi.${stack}.yaml`), join(project, `Pulumi.${stack}.yaml`));
    await succeed(pulumi("stack", "init", "--no-select", stack));
  }
  const secrets = await makeSecrets(join(folder, "secrets"), environment);
  for (const stack of ["primary", "secondary"]) {
    await succeed(pulumi("config", "set", "--stack", stack, "secretsFrom", "configuration"));
    for (const [key, value] of Object.entries(secrets)) {
      await succeed(pulumi("config", "set", "--secret", "--stack", stack, key), value);
    }
  }
  return { folder: project, environment, pulumi };
}

/** The program, without what it is not made of: a change of it changes nothing in the repository. */
function copyProgram(folder: string): void {
  mkdirSync(folder);
  for (const source of sources) cpSync(join(paths.root, source), join(folder, source), { recursive: true });
  symlinkSync(join(paths.root, "node_modules"), join(folder, "node_modules"));
}

/** What regions hold alike, made as in production: by a stack `global`, here one that touches no cloud. */
async function makeSecrets(folder: string, env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  mkdirSync(folder);
  const project = readFileSync(join(paths.root, "Pulumi.yaml"), "utf8");
  writeFileSync(join(folder, "Pulumi.yaml"), `${project}main: ${paths.root}/\n`);
  const pulumi = (...args: string[]) =>
    run("pulumi", ["-C", folder, "--non-interactive", ...args], { log: "production", env, secretOutput: true });
  await pulumi("stack", "init", "secrets");
  await pulumi("config", "set", "role", "global");
  await pulumi("up", "--yes", "--skip-preview");
  const sharedSecrets = await pulumi("stack", "output", "--show-secrets", "sharedSecrets");
  return { sharedSecrets, repositoryCipher: "of previews, which write no repository" };
}
