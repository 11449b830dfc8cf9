import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { parse, stringify } from "yaml";
import { port } from "../domain/patroni";
import { applicationImages } from "./applicationImage";
import { authorityFile } from "./certificates";
import { dnsName, dnsZone } from "./dns";
import { postgresImage } from "./images";
import { currentParts, engine, type PulumiProgram } from "./parts";
import { paths } from "./paths";
import { run, type RunOptions } from "./process";
import { regionAddresses, type RegionName } from "./kind";
import { labSecrets } from "./secrets";
import { stores } from "./stores";

/** Of `aws` the lab always uses the stand-in: the official plugin would change a real cloud. */
type StandIn = Exclude<PulumiProgram, "pulumi"> | "pulumi-resource-aws";

/** The lab's stand-ins, for programs of Pulumi that aren't there. */
const standIns: Record<StandIn, string> = {
  "pulumi-language-nodejs": "language-nodejs.ts",
  "pulumi-resource-kubernetes": "kubernetes/main.ts",
  "pulumi-resource-random": "random.ts",
  "pulumi-resource-tls": "tls.ts",
  "pulumi-resource-aws": "aws.ts",
};

/** The stand-ins that take the place of official programs in this lab. */
export function standInsInUse(): StandIn[] {
  const official: readonly string[] = currentParts().officialPulumi;
  return (Object.keys(standIns) as StandIn[]).filter((program) => !official.includes(program));
}

/** Puts a program into the lab's folder on PATH. The rename lets a running one finish undisturbed. */
export function installProgram(name: string, source: string): void {
  mkdirSync(paths.bin, { recursive: true });
  const partial = join(paths.bin, `${name}.partial`);
  copyFileSync(source, partial);
  chmodSync(partial, 0o755);
  renameSync(partial, join(paths.bin, name));
}

/** A program of one file, in a folder on PATH. */
function writeLauncher(folder: string, program: string, bundle: string, ...flags: string[]): void {
  const command = [process.execPath, `${join(paths.engine, bundle)}.js`, ...flags].map((word) => `"${word}"`).join(" ");
  writeFileSync(join(folder, program), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
}

/** Bundles programs into one file each: the engine starts plugins one after the other, and sources load four times as long. */
async function bundle(programs: Readonly<Record<string, string>>): Promise<void> {
  await build({
    entryPoints: Object.entries(programs).map(([out, file]) => ({ in: join(paths.root, "lab", "engine", file), out })),
    outdir: paths.engine,
    bundle: true,
    platform: "node",
    target: "node20",
    logLevel: "warning",
  });
}

/** Launchers of the stand-ins for those of Pulumi's programs that the machine doesn't have. */
export async function writeLaunchers(): Promise<void> {
  mkdirSync(paths.bin, { recursive: true });
  const missing = standInsInUse();
  await bundle(Object.fromEntries(missing.map((program) => [program, standIns[program]])));
  for (const program of missing) writeLauncher(paths.bin, program, program);
}

/** Plugins of the clouds that answer previews alone, in a folder that comes first on PATH. */
export async function writePreviewLaunchers(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await bundle({ previews: "previews.ts" });
  for (const cloud of ["aws", "gcp"])
    writeLauncher(folder, `pulumi-resource-${cloud}`, "previews", `--plugin=${cloud}`);
}

/** Pulumi's project folder of the lab: the product's own project, whose program lies two folders up. */
function writeProject(): void {
  mkdirSync(paths.pulumiProject, { recursive: true });
  mkdirSync(paths.pulumiState, { recursive: true });
  const project = parse(readFileSync(join(paths.root, "Pulumi.yaml"), "utf8")) as Record<string, unknown>;
  const main = join("..", "..") + "/";
  writeFileSync(join(paths.pulumiProject, "Pulumi.yaml"), stringify({ ...project, main }));
}

/** What the lab configures of a region's stack; with `shared`, from the stack `global`, of one of two. */
export async function stackConfiguration(
  region: RegionName,
  shared?: string,
): Promise<{ plain: Record<string, string>; secret: Record<string, string> }> {
  const secrets = labSecrets();
  const other = regionAddresses[region === "primary" ? "secondary" : "primary"];
  return {
    plain: {
      role: region === "primary" ? "primary" : "standby",
      region,
      kubeconfig: paths.kubeconfig,
      kubeContext: region,
      // Two members beside Kubernetes' own pods, on two cores.
      postgresCpu: "350m",
      postgresImage: (await postgresImage(engine())).images[0] ?? "",
      s3Bucket: stores.s3.bucket,
      s3Region: "us-east-1",
      s3Endpoint: stores.s3.host,
      s3UriStyle: "path",
      s3KeyType: "shared",
      gcsBucket: stores.gcs.bucket,
      gcsEndpoint: stores.gcs.host,
      gcsKeyType: "token",
      storeCa: readFileSync(authorityFile, "utf8"),
      ...(shared !== undefined && {
        otherRegion: `${other.host}:${port.replicationNode}`,
        replicationHost: regionAddresses[region].host,
        replicationService: "NodePort",
      }),
    },
    secret: {
      s3AccessKey: secrets.s3AccessKey,
      s3SecretKey: secrets.s3SecretKey,
      gcsKey: secrets.gcsToken,
      repositoryCipher: secrets.repositoryCipher,
      ...(shared !== undefined && { sharedSecrets: shared }),
    },
  };
}

function pulumi(args: readonly string[], options: Partial<RunOptions> = {}): Promise<string> {
  return run("pulumi", ["-C", paths.pulumiProject, "--non-interactive", ...args], { log: "pulumi-stack", ...options });
}

/** Which keys the stack's file has. */
function configured(stack: string): ReadonlySet<string> {
  const file = join(paths.pulumiProject, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) return new Set();
  const { config } = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
  return new Set(Object.keys(config ?? {}).map((key) => key.split(":")[1] ?? key));
}

/** Whether the lab's regions already hold the same secrets, which must not change under a running database. */
export const isConfiguredAsPair = (region: RegionName): boolean => configured(region).has("sharedSecrets");

/** What the lab configures of the stack `global`. */
export const globalConfiguration: Record<string, string> = {
  role: "global",
  dnsProvider: "route53",
  dnsZone,
  dnsName,
  primaryAddress: regionAddresses.primary.address,
  secondaryAddress: regionAddresses.secondary.address,
  healthPort: String(port.writableNode),
};

/** Makes the stack `global` if it is missing, and sets all that the lab configures. */
export async function configureGlobal(): Promise<void> {
  writeProject();
  await pulumi(["stack", "select", "--create", "--stack", "global"]);
  const settings = Object.entries(globalConfiguration).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
  await pulumi(["config", "set-all", "--stack", "global", ...settings]);
}

/** Brings up the stack `global`, and returns what it has for both regions. */
export async function sharedSecrets(): Promise<string> {
  await configureGlobal();
  const stack = ["--stack", "global"];
  await pulumi(["up", "--yes", "--skip-preview", ...stack]);
  return pulumi(["stack", "output", "--show-secrets", ...stack, "sharedSecrets"], { secretOutput: true });
}

/**
 * Makes the region's stack if it is missing, and sets all that the lab configures; other keys are left as they are, and so is
 * the role where it is set: a region may have been promoted. With `shared`, from `sharedSecrets`, it is one of two regions.
 */
export async function configureStack(region: RegionName, shared?: string): Promise<void> {
  writeProject();
  await pulumi(["stack", "select", "--create", "--stack", region]);
  const { plain, secret } = await stackConfiguration(region, shared);
  const hasRole = configured(region).has("role");
  const settings = Object.entries(plain)
    .filter(([key]) => key !== "role" || !hasRole)
    .flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
  await pulumi(["config", "set-all", "--stack", region, ...settings]);
  // On standard input: arguments can be read by everybody on the machine, and stand in the log.
  for (const [key, value] of Object.entries(secret)) {
    await pulumi(["config", "set", "--stack", region, "--secret", key], { input: value });
  }
}

/** Lets the region's stack declare the application tier, of stand-ins. They take next to nothing of the lab's two cores. */
export async function configureApplication(region: RegionName): Promise<void> {
  const [apiGatewayImage = "", authServiceImage = ""] = (await applicationImages(engine())).images;
  const settings = Object.entries({ apiGatewayImage, authServiceImage, applicationCpu: "10m" });
  const args = settings.flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
  await pulumi(["config", "set-all", "--stack", region, ...args]);
}
