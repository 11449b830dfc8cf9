import assert from "node:assert/strict";
import fc from "fast-check";
import { globalKeys } from "../../config/globalKeys";
import { type Key, regionKeys } from "../../config/keys";
import { ConfigurationError, parseRegion } from "../../config/parse";
import { parseGlobal } from "../../config/parseGlobal";

type Values = Record<string, string | undefined>;

const good: Values = {
  role: "global",
  dnsProvider: "route53",
  dnsZone: "marimo-erp.com",
  dnsName: "api.marimo-erp.com",
  primaryAddress: "203.0.113.10",
  secondaryAddress: "198.51.100.10",
};

const parse = (values: Values) => parseGlobal({ project: "marimo-dr", stack: "global", values, isSecret: () => false });

const faultsOf = (reading: () => unknown): readonly string[] => {
  try {
    reading();
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.faults;
  }
  return [];
};

/** What Pulumi hands to every stack: the defaults of all keys that Pulumi.yaml describes. */
const defaults = Object.fromEntries(
  Object.entries<Key<unknown>>({ ...regionKeys, ...globalKeys }).map(([name, key]) => [name, key.default ?? ""]),
);

describe("configuration of the stack global", () => {
  it("declares no DNS unless it is told to", () => {
    assert.equal(parse({ role: "global" }).dnsProvider, "none");
  });

  it("lets resolvers keep an answer for a minute at most", () => {
    assert.equal(parse(good).dnsTtl, 60);
  });

  it("lives with the defaults of the regions' keys, which Pulumi hands to it, and the regions with its own", () => {
    parse({ ...defaults, ...good });
    const region = faultsOf(() =>
      parseRegion({ project: "p", stack: "s", values: defaults, isSecret: () => true }),
    ).join("\n");
    assert.match(region, /p:role is not set/);
    assert.doesNotMatch(region, /dns|global, and not/);
  });

  it("takes names, a zone that exists, and Cloud DNS", () => {
    parse({ ...good, primaryAddress: "a.example.com", secondaryAddress: "b.example.com" });
    parse({ ...good, dnsZone: undefined, dnsZoneId: "Z0123456789EXAMPLE" });
    parse({ ...good, dnsProvider: "cloud-dns", dnsZone: undefined, dnsZoneId: "marimo-erp" });
  });

  // Each: the change to a good configuration, and what the one message must tell (key, value, limit, remedy).
  const bad: [string, Values, RegExp][] = [
    ["misspelt key", { dnsTTL: "30" }, /dnsTTL is not a key of this program.*config rm marimo-dr:dnsTTL/],
    [
      "a region's key",
      { postgresMembers: "3" },
      /postgresMembers is a key of the regions' stacks, and not of this one/,
    ],
    ["a provider that there isn't", { dnsProvider: "bind" }, /dnsProvider is "bind".*none, route53, cloud-dns/],
    ["a long time to live", { dnsTtl: "300" }, /dnsTtl is "300".*seconds from 1 to 60/],
    ["no such port", { healthPort: "65536" }, /healthPort is "65536".*a port from 1 to 65535/],
    ["no name", { dnsName: undefined }, /dnsName is not set, but dnsProvider is route53.*set marimo-dr:dnsName/],
    ["one region only", { secondaryAddress: undefined }, /secondaryAddress is not set.*--stack global/],
    ["an address with a port", { primaryAddress: "203.0.113.10:80" }, /primaryAddress is "203.0.113.10:80"/],
    ["no address at all", { primaryAddress: "203.0.113.999" }, /primaryAddress is "203.0.113.999".*IPv4 address/],
    ["no zone", { dnsZone: undefined }, /dnsZone is not set, but .* dnsZoneId names no zone that exists/],
    ["two zones", { dnsZoneId: "Z1" }, /dnsZone is "marimo-erp.com" and .*dnsZoneId is "Z1".*config rm/],
    [
      "a zone's name for its ID",
      { dnsZone: undefined, dnsZoneId: "marimo-erp" },
      /dnsZoneId is "marimo-erp".*a Z, then/,
    ],
    [
      "a name outside of the zone",
      { dnsName: "api.notmarimo-erp.com" },
      /dnsName is .*outside of the zone.*'api.marimo-/,
    ],
    ["one address for both", { secondaryAddress: "203.0.113.10" }, /can't take over from itself/],
    [
      "an address and a name",
      { secondaryAddress: "b.example.com" },
      /one name has addresses or another name, not both/,
    ],
    [
      "a check elsewhere on Cloud DNS",
      { dnsProvider: "cloud-dns", healthAddress: "198.51.100.11" },
      /healthAddress is "198.51.100.11".*the very address.*config rm marimo-dr:healthAddress/,
    ],
    [
      "names on Cloud DNS",
      { dnsProvider: "cloud-dns", primaryAddress: "a.example.com", secondaryAddress: "b.example.com" },
      /Cloud DNS checks addresses only/,
    ],
    [
      "names for the zone itself",
      { dnsName: "marimo-erp.com", primaryAddress: "a.example.com", secondaryAddress: "b.example.com" },
      /dnsName is the zone itself/,
    ],
  ];
  for (const [title, change, message] of bad) {
    it(`refuses: ${title}`, () => {
      const faults = faultsOf(() => parse({ ...good, ...change }));
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", message);
    });
  }

  it("refuses its own key in a region's stack", () => {
    const values = { ...defaults, dnsProvider: "route53" };
    const faults = faultsOf(() => parseRegion({ project: "p", stack: "s", values, isSecret: () => true }));
    assert.match(faults.join("\n"), /p:dnsProvider is a key of the stack global, and not of this one/);
  });

  it("reads or refuses any text, and never crashes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(globalKeys)), fc.string(), (name, value) => {
        faultsOf(() => parse({ ...good, [name]: value }));
      }),
    );
  });
});
