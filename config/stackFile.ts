import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parse, parseDocument } from "yaml";
import { ConfigurationError } from "./parse";
import { type Key, regionKeys, type RegionValues } from "./keys";

/**
 * A stack's configuration as it lies in its file, read and written without the engine: `dr` must work where Pulumi's state is
 * gone. Encrypted values stay what they are.
 */
export interface StackFile {
  readonly stack: string;
  readonly file: string;
  /** Those that are secret are left out. */
  readonly values: RegionValues;
}

const fileOf = (project: string, stack: string): string => join(project, `Pulumi.${stack}.yaml`);

const projectName = (project: string): string => {
  const { name } = parse(readFileSync(join(project, "Pulumi.yaml"), "utf8")) as { name: string };
  return name;
};

type Given = Readonly<Record<string, string | number | boolean | undefined>>;

const configIn = (file: string): Given =>
  (parse(readFileSync(file, "utf8")) as { config?: Given } | null)?.config ?? {};

/**
 * The name that leads to the region that takes writes, as the file of the stack global has it. It is asked for as it stands there:
 * that it is a name is found out by asking.
 * @returns `undefined` where there is no such file or name
 */
export const readDnsName = (project: string): string | undefined => {
  const file = fileOf(project, "global");
  if (!existsSync(file)) return undefined;
  const name = configIn(file)[`${projectName(project)}:dnsName`];
  return name === undefined || name === "" ? undefined : String(name);
};

/**
 * The keys that aren't secret.
 * @throws ConfigurationError naming every fault
 */
export const readStackFile = (project: string, stack: string): StackFile => {
  const file = fileOf(project, stack);
  const prefix = projectName(project);
  const config = configIn(file);
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, spec] of Object.entries(regionKeys) as [string, Key<unknown>][]) {
    if (spec.secret) continue;
    // Pulumi writes numbers and booleans as text or as they are.
    const given = config[`${prefix}:${name}`];
    const value = given === undefined || given === "" ? spec.default : String(given);
    const parsed = spec.type.safeParse(value);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(`${prefix}:${name} in ${file} is "${value ?? ""}". It must be ${spec.limit}`);
  }
  if (faults.length > 0) throw new ConfigurationError(faults);
  return { stack, file, values: values as RegionValues };
};

/** Writes keys into the stack's file; comments and all else stay. */
export const writeStackFile = (project: string, stack: string, values: Readonly<Record<string, string>>): void => {
  const file = fileOf(project, stack);
  const prefix = projectName(project);
  const document = parseDocument(readFileSync(file, "utf8"));
  for (const [name, value] of Object.entries(values)) {
    document.setIn(["config", `${prefix}:${name}`], value);
  }
  const partial = `${file}.partial`;
  writeFileSync(partial, document.toString({ lineWidth: 0 }));
  renameSync(partial, file);
};

/** A path as a stack's file has it, seen from the project's folder. */
export const kubeconfigPath = (project: string, path: string): string =>
  path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(project, path);
