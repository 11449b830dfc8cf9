import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import { labEnvironment } from "../../lab/environment";
import { paths } from "../../lab/paths";

export interface Outcome {
  readonly code: number;
  /** Standard output and standard error. */
  readonly output: string;
}

/** The API server to test against: KUBECONFIG, or the lab's first region. */
const kubeconfig = process.env["KUBECONFIG"] ?? paths.kubeconfig;

/** Milliseconds after which a command counts as hanging. */
const commandTimeout = 120_000;

function execute(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { env, timeout: commandTimeout, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}

/** A stack of its own state, in a namespace of its own, that the plain pulumi CLI runs. */
export class TestStack {
  readonly namespace = `engine-test-${process.pid}-${Date.now().toString(36)}`;
  private readonly folder = mkdtempSync(join(tmpdir(), "engine-test-"));
  private readonly environment: NodeJS.ProcessEnv = {
    ...labEnvironment(),
    KUBECONFIG: kubeconfig,
    PULUMI_HOME: join(this.folder, "home"),
    PULUMI_BACKEND_URL: pathToFileURL(join(this.folder, "state")).href,
    PULUMI_CONFIG_PASSPHRASE: "test",
  };
  private config: Record<string, unknown> = { namespace: this.namespace, manifests: [] };

  async create(): Promise<void> {
    for (const folder of ["state", "home"]) mkdirSync(join(this.folder, folder));
    const options = { typescript: false, nodeargs: "--require tsx/cjs" };
    const project = {
      name: "engine-test",
      runtime: { name: "nodejs", options },
      main: join(__dirname, "program", "index.ts"),
    };
    writeFileSync(join(this.folder, "Pulumi.yaml"), stringify(project));
    await this.succeed(this.pulumi("stack", "init", "test"));
    await this.succeed(this.kubectl("create", "namespace", this.namespace));
  }

  async remove(): Promise<void> {
    await this.succeed(this.kubectl("delete", "namespace", this.namespace, "--wait=false"));
    rmSync(this.folder, { recursive: true });
  }

  /** Sets the program's configuration; what isn't named stays. */
  configure(config: Record<string, unknown>): void {
    this.config = { ...this.config, ...config };
    const keyed = Object.entries(this.config).map(([name, value]) => [`engine-test:${name}`, value]);
    const file = join(this.folder, "Pulumi.test.yaml");
    // `stack init` has left the salt of its passphrase there, which must stay.
    const existing = parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, stringify({ ...existing, config: Object.fromEntries(keyed) as unknown }));
  }

  pulumi(...args: string[]): Promise<Outcome> {
    return execute("pulumi", this.pulumiArguments(args), this.environment);
  }

  /** The same without waiting, as a process group of its own. */
  start(...args: string[]): ChildProcess {
    const options = { env: this.environment, detached: true, stdio: "ignore" } as const;
    return spawn("pulumi", this.pulumiArguments(args), options);
  }

  async up(): Promise<string> {
    return this.succeed(this.pulumi("up", "--yes", "--skip-preview"));
  }

  kubectl(...args: string[]): Promise<Outcome> {
    return execute("kubectl", ["--kubeconfig", kubeconfig, "--namespace", this.namespace, ...args], this.environment);
  }

  async get(kind: string, name: string, jsonPath: string): Promise<string> {
    return this.succeed(this.kubectl("get", kind, name, "--output", `jsonpath={${jsonPath}}`));
  }

  async succeed(command: Promise<Outcome>): Promise<string> {
    const { code, output } = await command;
    if (code !== 0) throw new Error(`exit status ${code}:\n${output}`);
    return output;
  }

  private pulumiArguments(args: readonly string[]): string[] {
    const stack = args[0] === "stack" && args[1] === "init" ? [] : ["--stack", "test"];
    return ["-C", this.folder, ...args, ...stack, "--non-interactive", "--color", "never"];
  }
}
