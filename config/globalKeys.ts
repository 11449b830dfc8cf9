import { z } from "zod";
import { longestTtl } from "../domain/dns";
import { port } from "../domain/patroni";
import { choice, key, optionalText, regionKeys, whole } from "./keys";
import { vaultKeys } from "./vaultKeys";

// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
const domain = /^([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

const addressOrName = (region: string, example: string) =>
  key(
    z.union([z.literal(""), z.ipv4(), z.string().regex(domain)]).transform((value) => value || undefined),
    `the IPv4 address or the name of the region ${region}, or nothing`,
    example,
    { default: "" },
  );

/** Every key that the stack global reads, without the project's prefix. `Pulumi.yaml` describes the same keys. */
export const globalKeys = {
  role: key(z.literal("global"), "global for the stack of what outlives the regions", "global"),
  dnsProvider: choice(["none", "route53", "cloud-dns"], "none"),
  dnsZone: optionalText(domain, "the domain of a zone that the stack makes, or nothing", "marimo-erp.com"),
  dnsZoneId: optionalText(
    /^[A-Za-z0-9-]{1,63}$/,
    "the ID (Route 53) or the name (Cloud DNS) of a zone that exists, or nothing",
    "Z0123456789EXAMPLE",
  ),
  dnsName: optionalText(
    domain,
    "the name that leads to the region that takes writes, or nothing",
    "api.marimo-erp.com",
  ),
  dnsTtl: whole(1, longestTtl.seconds, 60, "seconds"),
  primaryAddress: addressOrName("primary", "203.0.113.10"),
  secondaryAddress: addressOrName("secondary", "198.51.100.10"),
  healthAddress: addressOrName("secondary, where it differs for checks", "198.51.100.11"),
  healthPort: key(
    z
      .string()
      .regex(/^[0-9]+$/)
      .transform(Number)
      .pipe(z.number().min(1).max(65535)),
    "a port from 1 to 65535",
    String(port.writable),
    { default: String(port.writable) },
  ),
  ...vaultKeys,
  policyExceptions: regionKeys.policyExceptions,
} as const;

export type GlobalValues = { [K in keyof typeof globalKeys]: z.output<(typeof globalKeys)[K]["type"]> };
