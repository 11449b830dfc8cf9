import { containsSecret, isObject, isSecret, secret, type Value, type Values } from "../values";

/** The value at a path; a number is an index of an array. */
export function at(value: Value | undefined, ...path: (string | number)[]): Value | undefined {
  return path.reduce<Value | undefined>((current, step) => {
    if (Array.isArray(current)) return typeof step === "number" ? current[step] : undefined;
    return isObject(current) ? current[step] : undefined;
  }, value);
}

export function textAt(value: Value | undefined, ...path: (string | number)[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" && found !== "" ? found : undefined;
}

export function numberAt(value: Value | undefined, ...path: (string | number)[]): number {
  const found = at(value, ...path);
  return typeof found === "number" ? found : 0;
}

export function objectAt(value: Value | undefined, ...path: (string | number)[]): Values {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

export function listAt(value: Value | undefined, ...path: (string | number)[]): Values[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter(isObject) : [];
}

export const apiVersionOf = (object: Values): string => textAt(object, "apiVersion") ?? "";
export const kindOf = (object: Values): string => textAt(object, "kind") ?? "";
export const nameOf = (object: Values): string => textAt(object, "metadata", "name") ?? "";
export const namespaceOf = (object: Values): string => textAt(object, "metadata", "namespace") ?? "";
export const annotationOf = (object: Values, name: string): string | undefined =>
  textAt(object, "metadata", "annotations", `pulumi.com/${name}`);

export function withMetadata(object: Values, metadata: Values): Values {
  return { ...object, metadata: { ...objectAt(object, "metadata"), ...metadata } };
}

/** Pulumi's id of an object. */
export function idOf(object: Values): string {
  const namespace = namespaceOf(object);
  return namespace === "" ? nameOf(object) : `${namespace}/${nameOf(object)}`;
}

/** `ConfigMapPatch` and the like: fields of an object that somebody else owns. */
export function isPatchType(type: string): boolean {
  return type.endsWith("Patch");
}

/** The least that names an object, from a type token `kubernetes:<group>/<version>:<Kind>` and an id. */
export function referenceOf(type: string, id: string): Values {
  const [, groupVersion = "", kind = ""] = type.split(":");
  const [name = "", namespace] = id.split("/").reverse();
  return {
    apiVersion: groupVersion.replace(/^core\//, ""),
    kind: isPatchType(type) ? kind.slice(0, -"Patch".length) : kind,
    metadata: { name, ...(namespace !== undefined && { namespace }) },
  };
}

/** Kinds of Kubernetes itself that live in no namespace, for when no API server can be asked. */
const clusterKinds = new Set([
  ...["APIService", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "ComponentStatus", "CSIDriver"],
  ...[
    "CSINode",
    "CustomResourceDefinition",
    "FlowSchema",
    "GatewayClass",
    "IngressClass",
    "MutatingWebhookConfiguration",
  ],
  ...["Namespace", "Node", "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration", "RuntimeClass"],
  ...[
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
  ],
  ...["VolumeAttachment"],
]);

export function isClusterKind(kind: string): boolean {
  return clusterKinds.has(kind);
}

const readOnlyMetadata = [
  ...["creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields"],
  ...["resourceVersion", "uid"],
];

/** The form in which the API server keeps an input: text of a Secret in base64, nothing read-only. */
export function normalize(object: Values): Values {
  const metadata = Object.entries(objectAt(object, "metadata")).filter(([key]) => !readOnlyMetadata.includes(key));
  const normal = { ...object, metadata: Object.fromEntries(metadata) };
  const { stringData, ...rest } = normal as Values;
  if (kindOf(object) !== "Secret" || apiVersionOf(object) !== "v1" || !isObject(stringData)) return normal;
  const encoded = Object.entries(stringData).map(([key, text]) => [
    key,
    Buffer.from(text as string).toString("base64"),
  ]);
  return { ...rest, data: { ...objectAt(rest, "data"), ...(Object.fromEntries(encoded) as Values) } };
}

/** The live object in the shape of the inputs: what the program says nothing of is left out. */
export function prune(live: Values, inputs: Values): Values {
  const kept = Object.entries(inputs).flatMap(([key, input]): [string, Value][] => {
    const value = live[key];
    // The server drops what means nothing, for example `hostNetwork: false`: that isn't a change.
    if (value === undefined) return isNothing(input) ? [[key, input]] : [];
    return [[key, pruneValue(value, input)]];
  });
  return Object.fromEntries(kept);
}

function pruneValue(live: Value, input: Value): Value {
  if (isObject(live) && isObject(input)) return prune(live, input);
  if (!Array.isArray(live) || !Array.isArray(input)) return live;
  // As the official provider does: items that somebody added behind the program's own are not the program's.
  return live.slice(0, input.length).map((item, index) => pruneValue(item, input[index] ?? null));
}

/** A value that an API server may leave out because it says what leaving out says. */
export function isNothing(value: Value): boolean {
  if (Array.isArray(value)) return value.every(isNothing);
  return isObject(value) ? Object.values(value).every(isNothing) : !value;
}

/** Marks as secret what is secret in the inputs, and the content of every Secret. */
export function markSecrets(object: Values, inputs: Values): Values {
  if (object["kind"] === "Secret") {
    const hidden = Object.entries(object).filter(([key]) => key === "data" || key === "stringData");
    return { ...object, ...Object.fromEntries(hidden.map(([key, value]) => [key, secret(value)])) };
  }
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => {
      const input = inputs[key];
      if (input === undefined) return [key, value];
      if (isObject(value) && isObject(input) && !isSecret(input)) return [key, markSecrets(value, input)];
      return [key, containsSecret(input) ? secret(value) : value];
    }),
  );
}
