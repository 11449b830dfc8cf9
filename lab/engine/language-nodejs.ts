/**
 * Stand-in for Pulumi's language host `pulumi-language-nodejs`, for machines where the official one can't be had.
 * It starts the same `@pulumi/pulumi/cmd/run` with the same arguments and environment; what it leaves out are
 * the commands that write programs and packages, `packagemanager`, debuggers, and the pipes of synchronous invokes.
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/language_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { version } from "@pulumi/pulumi/version";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { engineAddress, serve, unary } from "./server";
import { fromStruct, type Values } from "./values";

/** `cmd/run` exits with this status when it has told the user already what was wrong. */
const exitedAfterMessage = 32;

const running = new Set<ReturnType<typeof spawn>>();

/** Splits like a shell: blanks separate, quotes keep together. */
export function splitArguments(text: string): string[] {
  const words = text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

function programOf(info: proto.ProgramInfo | undefined): proto.ProgramInfo {
  if (info) return info;
  throw new Error("The engine sent no ProgramInfo; this language host needs Pulumi 3.100 or newer.");
}

export function runArguments(request: proto.RunRequest, engine: string): string[] {
  const info = programOf(request.getInfo());
  const named = {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    "root-directory": info.getRootDirectory(),
    stack: request.getStack(),
    pwd: info.getProgramDirectory(),
  };
  const flags = Object.entries(named).flatMap(([name, value]) => (value === "" ? [] : [`--${name}`, value]));
  if (request.getDryrun()) flags.push("--dry-run");
  return [...flags, "--parallel", String(request.getParallel()), info.getEntryPoint(), ...request.getArgsList()];
}

export function runEnvironment(request: proto.RunRequest, options: Values): Record<string, string> {
  // Node's SDK has kept the old form of the keys, <namespace>:config:<name>.
  const entries = [...request.getConfigMap().entries()].map(([key, value]) => [key.replace(":", ":config:"), value]);
  return {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(entries)),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    ...(options["typescript"] !== false && { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(typeof options["tsconfig"] === "string" && { PULUMI_NODEJS_TSCONFIG_PATH: options["tsconfig"] }),
  };
}

function locateRun(programDirectory: string, script = "run"): string | undefined {
  try {
    return createRequire(join(programDirectory, "index.js")).resolve(`@pulumi/pulumi/cmd/${script}`);
  } catch {
    return undefined;
  }
}

async function run(request: proto.RunRequest): Promise<proto.RunResponse> {
  const info = programOf(request.getInfo());
  const options = fromStruct(info.getOptions());
  const response = new proto.RunResponse();
  const script = locateRun(info.getProgramDirectory());
  if (script === undefined) {
    return response.setError(
      `@pulumi/pulumi was not found from ${info.getProgramDirectory()}. Have you run npm install there?`,
    );
  }
  const nodeArguments = splitArguments(typeof options["nodeargs"] === "string" ? options["nodeargs"] : "");
  const code = await execute(
    [...nodeArguments, script, ...runArguments(request, engineAddress() ?? "")],
    runEnvironment(request, options),
  );
  if (code === 0) return response;
  if (code === exitedAfterMessage) return response.setBail(true);
  return response.setError(
    typeof code === "number"
      ? `Program exited with non-zero exit code: ${code}`
      : `Program exited unexpectedly: signal ${code}`,
  );
}

/** Runs node to its end. Returns its exit status, or the signal that ended it. */
function execute(args: string[], environment: Record<string, string>): Promise<number | string> {
  return new Promise((resolve, reject) => {
    const program = spawn("node", args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...environment },
    });
    running.add(program);
    program.once("error", reject);
    program.once("exit", (code, signal) => {
      running.delete(program);
      resolve(code ?? signal ?? "unknown");
    });
  });
}

/** Runs a policy pack, and passes on what it says: its first line is the port at which it serves. Other plugins aren't needed. */
function runPlugin(call: grpc.ServerWritableStream<proto.RunPluginRequest, proto.RunPluginResponse>): void {
  const { request } = call;
  const info = programOf(request.getInfo());
  const options = fromStruct(info.getOptions());
  const script = locateRun(info.getProgramDirectory(), "run-policy-pack");
  if (request.getKind() !== "analyzer" || script === undefined) {
    call.emit(
      "error",
      new Error(`This language host runs policy packs with @pulumi/pulumi, and no ${request.getKind()}.`),
    );
    return;
  }
  const nodeArguments = splitArguments(typeof options["nodeargs"] === "string" ? options["nodeargs"] : "");
  const plugin = spawn("node", [...nodeArguments, script, ...request.getArgsList(), info.getProgramDirectory()], {
    cwd: request.getPwd(),
    stdio: ["ignore", "pipe", "pipe"],
    env: Object.fromEntries(request.getEnvList().map((line) => line.split(/=(.*)/s, 2) as [string, string])),
  });
  running.add(plugin);
  plugin.stdout.on("data", (data: Buffer) => call.write(new proto.RunPluginResponse().setStdout(data)));
  plugin.stderr.on("data", (data: Buffer) => call.write(new proto.RunPluginResponse().setStderr(data)));
  plugin.once("error", (error) => call.emit("error", error));
  plugin.once("close", (code) => {
    running.delete(plugin);
    call.write(new proto.RunPluginResponse().setExitcode(code ?? 1));
    call.end();
  });
  call.once("cancelled", () => plugin.kill("SIGINT"));
}

function stopPrograms(): void {
  for (const program of running) program.kill("SIGINT");
}

const about = unary((): proto.AboutResponse => {
  return new proto.AboutResponse().setExecutable(process.execPath).setVersion(process.version);
});

/** The packages are installed by npm in the checkout; all there is to do is to say when they are not. */
function installDependencies(call: grpc.ServerWritableStream<proto.InstallDependenciesRequest, unknown>): void {
  const directory = programOf(call.request.getInfo()).getProgramDirectory();
  if (locateRun(directory) === undefined) call.emit("error", new Error(`Run "npm ci" in ${directory} first.`));
  else call.end();
}

if (require.main === module) {
  process.once("exit", stopPrograms);
  serve(LanguageRuntimeService, () => ({
    handshake: unary(() => new proto.LanguageHandshakeResponse()),
    getPluginInfo: unary(() => new PluginInfo().setVersion(version)),
    // Plugins are found on PATH, where the lab or their owner put them: nothing is to be downloaded.
    getRequiredPackages: unary(() => new proto.GetRequiredPackagesResponse()),
    getRequiredPlugins: unary(() => new proto.GetRequiredPluginsResponse()),
    getProgramDependencies: unary(() => new proto.GetProgramDependenciesResponse()),
    runtimeOptionsPrompts: unary(() => new proto.RuntimeOptionsResponse()),
    template: unary(() => new proto.TemplateResponse()),
    about,
    installDependencies,
    run: unary(run),
    runPlugin,
    cancel: unary(() => {
      stopPrograms();
      return new Empty();
    }),
  }));
}
