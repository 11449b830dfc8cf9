import { isObject, type Values } from "../values";
import { listAt, textAt } from "./object";

/** Who made the changes that count as Pulumi's own: the name under which it creates, and `kubectl apply`. */
const adopted = new Set(["kubectl", "before-first-apply", "pulumi-kubernetes", "pulumi-resource-kubernetes"]);

/**
 * The JSON patch that hands the fields of the managers above over to the one that applies, as the official provider
 * does; nothing if there are none. Without it an apply could never remove a field that the creation set.
 */
export function takeOver(live: Values, manager: string): Values[] | undefined {
  const entries = listAt(live, "metadata", "managedFields");
  const isOurs = (entry: Values): boolean => entry["manager"] === manager && entry["operation"] === "Apply";
  const isAdopted = (entry: Values): boolean =>
    adopted.has(textAt(entry, "manager") ?? "") && entry["operation"] === "Update" && !entry["subresource"];
  const taken = entries.filter(isAdopted);
  const [first] = taken;
  if (!first) return undefined;
  const merged = [...entries.filter(isOurs), ...taken].map((entry) => entry["fieldsV1"]).filter(isObject);
  const own: Values = { ...first, manager, operation: "Apply", fieldsV1: merged.reduce(union, {}) };
  const value = [...entries.filter((entry) => !isOurs(entry) && !isAdopted(entry)), own];
  const resourceVersion = textAt(live, "metadata", "resourceVersion") ?? "";
  return [
    { op: "replace", path: "/metadata/managedFields", value },
    // Refused if somebody changed the object in between.
    { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
  ];
}

function union(one: Values, other: Values): Values {
  const merged = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const existing = merged[key];
    merged[key] = isObject(existing) && isObject(value) ? union(existing, value) : value;
  }
  return merged;
}
