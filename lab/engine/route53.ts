import { isIPv4 } from "node:net";
import { isObject, type Value, type Values } from "./values";

/** A health check, as far as the lab has them: of a URL, or healthy when another check is not. */
export type Check = { readonly url: string } | { readonly notHealthy: string };

/** One of two records of a name. */
export interface FailoverRecord {
  readonly setIdentifier: string;
  readonly failover: "PRIMARY" | "SECONDARY";
  readonly address: string;
  /** Id of its check. */
  readonly check: string;
}

const refused = (what: string, value: unknown, known: string): Error =>
  new Error(`${what} is ${JSON.stringify(value)}: this stand-in of the "aws" plugin knows ${known}.`);

/** What a HealthCheck's inputs ask for. Interval and threshold are the DNS server's own. */
export function checkOf(inputs: Values): Check {
  const { type, ipAddress, port, resourcePath, childHealthchecks, childHealthThreshold, invertHealthcheck } = inputs;
  if (type === "HTTP" && isAddress(ipAddress) && invertHealthcheck === undefined) {
    return { url: `http://${ipAddress}:${Number(port)}${plainPath(resourcePath)}` };
  }
  const [child, ...more] = Array.isArray(childHealthchecks) ? childHealthchecks : [];
  if (type === "CALCULATED" && typeof child === "string" && more.length === 0) {
    if (childHealthThreshold === 1 && invertHealthcheck === true) return { notHealthy: child };
  }
  throw refused("a HealthCheck", inputs, "HTTP of an ipAddress, and CALCULATED as the inversion of one other");
}

/** What a Record's inputs ask for. */
export function recordOf(inputs: Values): FailoverRecord {
  const { type, records, failoverRoutingPolicies } = inputs;
  const [address, ...more] = Array.isArray(records) ? records : [];
  const [policy] = Array.isArray(failoverRoutingPolicies) ? failoverRoutingPolicies : [];
  const failover = isObject(policy) ? policy["type"] : undefined;
  if (type !== "A" || !isAddress(address) || more.length > 0) {
    throw refused("a Record", inputs, "the type A with one address");
  }
  if (failover !== "PRIMARY" && failover !== "SECONDARY") {
    throw refused("failoverRoutingPolicies", failoverRoutingPolicies, "one of the type PRIMARY or SECONDARY");
  }
  return { setIdentifier: textOf(inputs, "setIdentifier"), failover, address, check: textOf(inputs, "healthCheckId") };
}

export function textOf(values: Values, name: string): string {
  const value = values[name];
  if (typeof value === "string") return value;
  throw refused(name, value, "text there");
}

function isAddress(value: Value | undefined): value is string {
  return typeof value === "string" && isIPv4(value);
}

/** What needs no quoting inside of Lua inside of a DNS record. */
function plainPath(value: Value | undefined): string {
  if (typeof value === "string" && /^\/[A-Za-z0-9/._-]*$/.test(value)) return value;
  throw refused("resourcePath", value, "paths of letters, digits and /._-");
}

/**
 * Whether a URL is up. PowerDNS checks it at each address that it is asked about, and names all of them when none is up; the
 * second one, where nothing listens, tells "up" (one address) from "down" (both). Until the first check it is down.
 */
const up =
  "function(url, address) return #ifurlup(url, {address, '127.0.0.1'}, {selector='all', backupSelector='all'}) == 1 end";

function healthy(id: string, checks: ReadonlyMap<string, Check>): string {
  const check = checks.get(id);
  if (!check) throw new Error(`There is no health check ${id}.`);
  if ("notHealthy" in check) return `not ${healthy(check.notHealthy, checks)}`;
  return `up('${check.url}', '${new URL(check.url).hostname}')`;
}

/**
 * Route 53's rule as the content of a Lua record: PRIMARY while it is healthy, else SECONDARY while it is, else PRIMARY.
 * A record that is alone is the answer.
 */
export function renderAnswer(records: readonly FailoverRecord[], checks: ReadonlyMap<string, Check>): string {
  const primary = records.find(({ failover }) => failover === "PRIMARY");
  const secondary = records.find(({ failover }) => failover === "SECONDARY");
  const alone = primary ?? secondary;
  if (!primary || !secondary) return `A ";return '${alone?.address ?? ""}'"`;
  const leads = `${healthy(primary.check, checks)} or not ${healthy(secondary.check, checks)}`;
  return `A ";local up = ${up} if ${leads} then return '${primary.address}' else return '${secondary.address}' end"`;
}
