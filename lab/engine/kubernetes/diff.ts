import type { Change, Difference } from "../provider";
import { isObject, unknown, type Value, type Values } from "../values";
import { annotationOf, apiVersionOf, at, idOf, isNothing, kindOf, nameOf, prune } from "./object";

export interface DiffSettings {
  /** Whether data of a ConfigMap or Secret may change in place; otherwise they are replaced. */
  readonly mutableConfigMaps: boolean;
  readonly mutableSecrets: boolean;
}

type Path = readonly (string | number)[];

const specOf = (...fields: string[]): string[] => fields.map((field) => `spec.${field}`);

/**
 * Fields that the API server doesn't let change, as the official provider lists them.
 * https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/provider/diff.go
 */
const immutableFields: Readonly<Record<string, readonly string[]>> = {
  "apps/v1/StatefulSet": specOf(
    ...["podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates"],
  ),
  "apps/v1/Deployment": specOf("selector"),
  "apps/v1/DaemonSet": specOf("selector"),
  "batch/v1/Job": specOf("completions", "parallelism", "selector", "template"),
  "v1/PersistentVolumeClaim": specOf("accessModes", "selector", "storageClassName", "volumeName"),
  "v1/ResourceQuota": specOf("scopes"),
  "v1/Secret": ["type"],
  "v1/Service": specOf("clusterIP"),
  "rbac.authorization.k8s.io/v1/RoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": ["roleRef"],
  "storage.k8s.io/v1/StorageClass": ["parameters", "provisioner"],
};

function replacingFields(object: Values, settings: DiffSettings): string[] {
  const kind = `${apiVersionOf(object)}/${kindOf(object)}`;
  const fields = ["metadata.name", "metadata.namespace", ...(immutableFields[kind] ?? [])];
  const frozen = object["immutable"] === true;
  if (kind === "v1/Secret" && (frozen || !settings.mutableSecrets)) fields.push("data", "stringData");
  if (kind === "v1/ConfigMap" && (frozen || !settings.mutableConfigMaps)) fields.push("data", "binaryData");
  // Nearly everything in a Pod is immutable; images could change in place, which the official provider doesn't do either.
  if (kind === "v1/Pod") fields.push("spec");
  return fields;
}

/**
 * What an update would change: the new inputs against the live object, as far as the old inputs spoke of it. A change
 * that somebody made by hand and that a refresh saw shows up as well.
 */
export function diffObjects(
  oldInputs: Values,
  live: Values,
  news: Values,
  { settings, ignored = [] }: { settings: DiffSettings; ignored?: readonly string[] },
): Difference {
  const differences = compare(prune(live, oldInputs), news, live, []);
  const replacing = replacingFields(news, settings);
  const changes = new Map<string, Change>();
  for (const { path, kind } of differences) {
    const dotted = path.join(".");
    if (ignored.some((prefix) => covers(prefix, pathText(path)))) continue;
    changes.set(pathText(path), { kind, replace: replacing.some((field) => covers(field, dotted)) });
  }
  const replaced = [...changes.values()].some(({ replace }) => replace);
  const autonamed = annotationOf(news, "autonamed") === "true";
  return { changes, deleteBeforeReplace: replaced && !autonamed && idOf(news) === idOf(live) && nameOf(news) !== "" };
}

/** Whether a field is, contains or lies within another. */
function covers(field: string, path: string): boolean {
  return path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`) || field.startsWith(`${path}.`);
}

/** Pulumi's notation of a property path, for example `metadata.annotations["a.b/c"]` or `spec.ports[0].port`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (/[."[\]]/.test(step)) return `${text}["${step.replaceAll('"', '\\"')}"]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

interface Changed {
  readonly path: Path;
  readonly kind: Change["kind"];
}

function compare(old: Value | undefined, wanted: Value | undefined, live: Value | undefined, path: Path): Changed[] {
  if (old === undefined) {
    // What the server would drop anyway is no addition.
    const idle = wanted === undefined || wanted === null || (live === undefined && isEmpty(wanted));
    return idle ? [] : [{ path, kind: "add" }];
  }
  if (wanted === undefined || wanted === null) return isNothing(old) ? [] : [{ path, kind: "delete" }];
  if (wanted === unknown) return [{ path, kind: "update" }];
  if (isObject(old) && isObject(wanted)) {
    const keys = [...new Set([...Object.keys(old), ...Object.keys(wanted)])];
    return keys.flatMap((key) => compare(old[key], wanted[key], at(live, key), [...path, key]));
  }
  if (Array.isArray(old) && Array.isArray(wanted)) {
    const indices = Array.from({ length: Math.max(old.length, wanted.length) }, (_, index) => index);
    return indices.flatMap((index) => compare(old[index], wanted[index], at(live, index), [...path, index]));
  }
  return old === wanted || sameQuantity(old, wanted, path) ? [] : [{ path, kind: "update" }];
}

function isEmpty(value: Value): boolean {
  return (typeof value === "object" || typeof value === "string") && isNothing(value);
}

const quantityFields = new Set(["requests", "limits", "capacity", "hard", "default", "defaultRequest", "min", "max"]);

/** The server rewrites `1000m` as `1`, which is no change. */
function sameQuantity(one: Value, other: Value, path: Path): boolean {
  const field = path.at(-1);
  const isQuantity = field === "sizeLimit" || path.some((step) => typeof step === "string" && quantityFields.has(step));
  const value = quantity(one);
  return isQuantity && value !== undefined && value === quantity(other);
}

const binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function quantity(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return undefined;
  const [, digits, suffix = ""] = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(value) ?? [];
  if (digits === undefined) return undefined;
  if (binary.includes(suffix)) return Number(digits) * 1024 ** (binary.indexOf(suffix) + 1);
  if (suffix === "") return Number(digits);
  const exponent = decimal[suffix];
  return exponent === undefined ? undefined : Number(`${digits}e${exponent}`);
}
