import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { parse } from "yaml";
import { isObject, type Value, type Values } from "../values";

/** Everything needed to talk to one API server. */
export interface Connection {
  readonly server: string;
  /** The context's namespace. */
  readonly namespace: string;
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  readonly insecure: boolean;
}

export interface Selection {
  readonly context?: string | undefined;
  readonly cluster?: string | undefined;
}

/** The text of a kubeconfig that is given as text or as a path; without either, of the ambient one. */
export function readKubeconfig(textOrPath: string): Values {
  const paths = textOrPath === "" ? ambientPaths() : [textOrPath];
  const found = paths.filter((path) => !path.includes("\n") && existsSync(path));
  if (textOrPath !== "" && found.length === 0)
    return parseConfig(
      textOrPath,
      `the provider's kubeconfig ${textOrPath.includes("\n") ? "" : JSON.stringify(textOrPath)}`,
    );
  if (found.length === 0) throw new Error(`no kubeconfig found at ${paths.join(", ")}`);
  return merge(found.map((path) => parseConfig(readFileSync(path, "utf8"), path)));
}

function ambientPaths(): string[] {
  const fromEnvironment = (process.env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  return fromEnvironment.length > 0 ? fromEnvironment : [join(homedir(), ".kube", "config")];
}

function parseConfig(text: string, origin: string): Values {
  const config = parse(text) as Value;
  if (isObject(config)) return config;
  // A path that doesn't exist lands here too: a single word is valid YAML.
  throw new Error(`${origin} is neither a file that exists nor the text of a kubeconfig`);
}

/** Like kubectl: lists are joined, the first file that sets something wins. */
function merge(configs: readonly Values[]): Values {
  const lists = ["clusters", "users", "contexts"].map((name) => [
    name,
    configs.flatMap((config) => list(config, name)),
  ]);
  return { ...Object.assign({}, ...configs.toReversed()), ...Object.fromEntries(lists) } as Values;
}

function list(config: Values, name: string): Values[] {
  const items = config[name];
  return Array.isArray(items) ? items.filter(isObject) : [];
}

function named(config: Values, section: string, kind: string, name: string): Values {
  const item = list(config, section).find((candidate) => candidate["name"] === name);
  if (!item) throw new Error(`the kubeconfig has no ${kind} named "${name}"`);
  const content = item[kind];
  return isObject(content) ? content : {};
}

function textOf(values: Values, key: string): string | undefined {
  const value = values[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The PEM text that is either inline in base64, or in a file. */
function pem(values: Values, key: string): string | undefined {
  const data = textOf(values, `${key}-data`);
  if (data !== undefined) return Buffer.from(data, "base64").toString();
  const path = textOf(values, key);
  return path === undefined ? undefined : readFileSync(path, "utf8");
}

/** The cluster that a kubeconfig's context points to: two configurations with the same one mean the same cluster. */
export function activeCluster(config: Values, selection: Selection): Values {
  const context = contextOf(config, selection);
  return named(config, "clusters", "cluster", selection.cluster ?? textOf(context, "cluster") ?? "");
}

function contextOf(config: Values, { context }: Selection): Values {
  const name = context ?? textOf(config, "current-context");
  if (name === undefined) throw new Error("the kubeconfig has no current-context and no context is configured");
  return named(config, "contexts", "context", name);
}

/** @throws Error if the kubeconfig lacks what the selection names, or logs in by a way this stand-in doesn't know */
export function connectionOf(config: Values, selection: Selection): Connection {
  const context = contextOf(config, selection);
  const cluster = activeCluster(config, selection);
  const userName = textOf(context, "user");
  const user = userName === undefined ? {} : named(config, "users", "user", userName);
  for (const method of ["exec", "auth-provider"]) {
    if (method in user)
      throw new Error(`user "${userName ?? ""}" logs in by ${method}, which the lab's stand-in can't do`);
  }
  const defined = {
    ca: pem(cluster, "certificate-authority"),
    certificate: pem(user, "client-certificate"),
    key: pem(user, "client-key"),
    token: textOf(user, "token"),
  };
  return {
    server: textOf(cluster, "server") ?? "",
    namespace: textOf(context, "namespace") ?? "default",
    insecure: cluster["insecure-skip-tls-verify"] === true,
    ...(Object.fromEntries(Object.entries(defined).filter(([, value]) => value !== undefined)) as typeof defined &
      object),
  } as Connection;
}
