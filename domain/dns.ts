import { isIPv4 } from "node:net";
import { Duration } from "./duration";
import type { Address } from "./patroni";

/** The stack of a region: `primary` is the design's region A, `secondary` its region B, whichever of them takes writes. */
export type RegionStack = "primary" | "secondary";

/** Where each region tells whether it takes writes: 200 when it does, else 503. */
export const writablePath = "/dr/writable";

/** What the regions answer there. */
export type Writable = Readonly<Record<RegionStack, boolean>>;

/**
 * Which region the name must lead to. Only one region takes writes; should ever both say so, the secondary has been promoted,
 * and the primary doesn't know it yet. It follows that the primary need not be asked.
 */
export const wantedAnswer = ({ secondary }: Writable): RegionStack => (secondary ? "secondary" : "primary");

/** A record that is the answer only while its check is healthy. Both records have the one check, of the secondary region. */
export interface FailoverRecord {
  readonly failover: "PRIMARY" | "SECONDARY";
  readonly answer: RegionStack;
  /** Healthy when the secondary region is not writable. */
  readonly inverted: boolean;
}

/**
 * Route 53 answers with a healthy PRIMARY record, else with a healthy SECONDARY one, else with the PRIMARY:
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html
 * A check of the primary region instead would lead to the secondary whenever the primary is down, promoted or not.
 */
export const route53Records: readonly FailoverRecord[] = [
  { failover: "PRIMARY", answer: "primary", inverted: true },
  { failover: "SECONDARY", answer: "secondary", inverted: false },
];

/**
 * Cloud DNS can't invert a check. It answers with the active endpoint while that is healthy, else with the backup; so the
 * secondary region is the active one, healthy only after its promotion. The backup has no check: where all endpoints that have
 * one are unhealthy, Cloud DNS takes all for healthy, and would lead to the secondary while nobody takes writes.
 * https://cloud.google.com/dns/docs/routing-policies-overview#failover-policy
 */
export const cloudDnsPolicy: Readonly<Record<"active" | "backup", RegionStack>> = {
  active: "secondary",
  backup: "primary",
};

/** How a provider checks an endpoint. */
export interface Checking {
  readonly interval: Duration;
  /** How long one check waits. */
  readonly timeout: Duration;
  /** Checks in a row that must pass, or fail, before the endpoint counts as healthy, or as unhealthy. */
  readonly passes: number;
  readonly failures: number;
}

export type DnsProvider = "route53" | "cloud-dns";

export const checking: Readonly<Record<DnsProvider, Checking>> = {
  // The fast interval; a connection in 4 s and an answer in 2 s; one threshold for both directions:
  // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
  route53: { interval: Duration.seconds(10), timeout: Duration.seconds(6), passes: 3, failures: 3 },
  // The least that checks from outside take: https://cloud.google.com/compute/docs/reference/rest/v1/healthChecks
  // One pass is enough: a region says 200 only after it has won the writer's lease.
  "cloud-dns": { interval: Duration.seconds(30), timeout: Duration.seconds(5), passes: 1, failures: 3 },
};

/** The longest time to live that the plan's time for a lost region leaves room for. */
export const longestTtl = Duration.seconds(60);

/**
 * How long a client may be led to the wrong region, at worst, after the secondary one began to take writes, or ceased to: the
 * provider must see it, and resolvers must forget. Clients that keep addresses for longer than the TTL are not counted.
 */
export const worstFlip = (provider: DnsProvider, ttl: Duration): { toSecondary: Duration; toPrimary: Duration } => {
  const { interval, timeout, passes, failures } = checking[provider];
  const after = (checks: number) => Duration.seconds(interval.seconds * checks + timeout.seconds + ttl.seconds);
  return { toSecondary: after(passes), toPrimary: after(failures) };
};

/** Type of the record that leads to an address or a name. */
export const recordType = (addressOrName: string): "A" | "CNAME" => (isIPv4(addressOrName) ? "A" : "CNAME");

/** One name that leads to the region that takes writes. */
export interface Failover {
  /** A zone that exists, or the domain of one to make. */
  readonly zone: { readonly id: string } | { readonly domain: string };
  /** Without a dot at the end. */
  readonly name: string;
  readonly ttl: Duration;
  /** Public address, or name, of each region. */
  readonly addresses: Readonly<Record<RegionStack, string>>;
  /** Where the secondary region answers `writablePath`. */
  readonly health: Address;
}
