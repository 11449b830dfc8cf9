import type { ComponentResourceOptions } from "@pulumi/pulumi";
import type { DnsProvider, Failover } from "../domain/dns";
import { CloudDnsFailover } from "./cloudDnsFailover";
import { Route53Failover } from "./route53Failover";

export interface DnsFailoverArgs extends Failover {
  readonly provider: DnsProvider;
}

/** A name that leads to the region that takes writes, and follows it by itself. `docs/dns.md` compares the providers. */
export const dnsFailover = (
  name: string,
  { provider, ...failover }: DnsFailoverArgs,
  opts?: ComponentResourceOptions,
): Route53Failover | CloudDnsFailover => {
  const Provided = { route53: Route53Failover, "cloud-dns": CloudDnsFailover }[provider];
  return new Provided(name, failover, opts);
};
