import { Struct } from "google-protobuf/google/protobuf/struct_pb";

/** A property value as it travels between engine and provider. */
export type Value = null | boolean | number | string | Value[] | Values;
export interface Values {
  [key: string]: Value;
}

// The marks that Pulumi's wire format uses: @pulumi/pulumi/runtime/rpc, which is too slow to import into a plugin.
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
/** Stands for a value that is only known after an update. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isObject(value: Value | undefined): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSecret(value: Value | undefined): value is Values {
  return isObject(value) && value[signature] === secretSignature;
}

export function secret(value: Value): Value {
  return isSecret(value) ? value : { [signature]: secretSignature, value };
}

/** The same value without the marks of secrets. */
export function plain(value: Value): Value {
  if (isSecret(value)) return plain(value["value"] ?? null);
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? plainObject(value) : value;
}

export function plainObject(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, plain(value)]));
}

export function containsUnknown(value: Value): boolean {
  return some(value, (leaf) => leaf === unknown);
}

export function containsSecret(value: Value): boolean {
  return some(value, isSecret);
}

function some(value: Value, matches: (value: Value) => boolean): boolean {
  if (matches(value)) return true;
  if (Array.isArray(value)) return value.some((item) => some(item, matches));
  return isObject(value) && Object.values(value).some((item) => some(item, matches));
}

/** Whether two values say the same; the order of keys doesn't matter. */
export function equal(one: Value | undefined, other: Value | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => equal(item, other[index]));
  }
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    return (
      keys.length === Object.keys(other).length && keys.every((key) => key in other && equal(one[key], other[key]))
    );
  }
  return one === other;
}

export function fromStruct(struct: Struct | undefined): Values {
  return struct?.toJavaScript() ?? {};
}

export function toStruct(values: Values): Struct {
  return Struct.fromJavaScript(values);
}
