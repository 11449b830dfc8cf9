import assert from "node:assert/strict";
import { dnsFailover, type DnsFailoverArgs } from "../../components/dnsFailover";
import { Duration } from "../../domain/duration";
import { type Captured, capture } from "../support/capture";

const args: DnsFailoverArgs = {
  provider: "route53",
  zone: { domain: "marimo-erp.com" },
  name: "api.marimo-erp.com",
  ttl: Duration.seconds(60),
  addresses: { primary: "203.0.113.10", secondary: "198.51.100.10" },
  health: { host: "198.51.100.11", port: 8009 },
};

const declare = (change: Partial<DnsFailoverArgs> = {}) => capture(() => dnsFailover("dns", { ...args, ...change }));

const countsOf = (captured: Captured[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { type } of captured) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
};

const inputsOf = (captured: Captured[], name: string): Record<string, unknown> => {
  const found = captured.find((resource) => resource.name === name);
  assert.ok(found, name);
  return found.inputs;
};

describe("DNS failover on Route 53", () => {
  it("is a zone, a check, its inversion and two records", async () => {
    assert.deepEqual(countsOf(await declare()), {
      "aws:route53/healthCheck:HealthCheck": 2,
      "aws:route53/record:Record": 2,
      "aws:route53/zone:Zone": 1,
      "marimo:dr:Route53Failover": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("checks the secondary region alone, as fast as can be", async () => {
    const { tags, ...check } = inputsOf(await declare(), "dns-writable");
    assert.deepEqual(check, {
      ...{ type: "HTTP", ipAddress: "198.51.100.11", port: 8009, resourcePath: "/dr/writable" },
      ...{ requestInterval: 10, failureThreshold: 3 },
    });
    assert.ok(tags);
  });

  it("inverts that very check, so that two checks never disagree", async () => {
    const { tags, ...check } = inputsOf(await declare(), "dns-not-writable");
    assert.deepEqual(check, {
      ...{ type: "CALCULATED", childHealthchecks: ["dns-writable-id"], childHealthThreshold: 1 },
      invertHealthcheck: true,
    });
    assert.ok(tags);
  });

  it("leads to the primary by the inverted check, to the secondary by the check", async () => {
    const captured = await declare({ zone: { id: "Z1" } });
    const record = { zoneId: "Z1", name: "api.marimo-erp.com", type: "A", ttl: 60 };
    assert.deepEqual(inputsOf(captured, "dns-primary"), {
      ...record,
      ...{ setIdentifier: "primary", records: ["203.0.113.10"], healthCheckId: "dns-not-writable-id" },
      failoverRoutingPolicies: [{ type: "PRIMARY" }],
    });
    assert.deepEqual(inputsOf(captured, "dns-secondary"), {
      ...record,
      ...{ setIdentifier: "secondary", records: ["198.51.100.10"], healthCheckId: "dns-writable-id" },
      failoverRoutingPolicies: [{ type: "SECONDARY" }],
    });
  });

  it("makes no zone where one exists", async () => {
    assert.equal(countsOf(await declare({ zone: { id: "Z1" } }))["aws:route53/zone:Zone"], undefined);
  });

  it("leads to names by CNAME, and checks the name", async () => {
    const addresses = { primary: "a.example.com", secondary: "b.example.com" };
    const captured = await declare({ addresses, health: { host: "b.example.com", port: 8009 } });
    assert.equal(inputsOf(captured, "dns-primary")["type"], "CNAME");
    const check = inputsOf(captured, "dns-writable");
    assert.deepEqual([check["fqdn"], check["ipAddress"]], ["b.example.com", undefined]);
  });
});

describe("DNS failover on Cloud DNS", () => {
  const provider = "cloud-dns";

  it("is a zone, a check and a record", async () => {
    assert.deepEqual(countsOf(await declare({ provider })), {
      "gcp:compute/healthCheck:HealthCheck": 1,
      "gcp:dns/managedZone:ManagedZone": 1,
      "gcp:dns/recordSet:RecordSet": 1,
      "marimo:dr:CloudDnsFailover": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("checks from outside, within the limits of such checks", async () => {
    const check = inputsOf(await declare({ provider }), "dns-writable");
    assert.equal((check["sourceRegions"] as string[]).length, 3);
    assert.ok((check["checkIntervalSec"] as number) >= 30);
    assert.ok((check["timeoutSec"] as number) <= (check["checkIntervalSec"] as number));
    assert.deepEqual(check["httpHealthCheck"], {
      ...{ portSpecification: "USE_FIXED_PORT", port: 8009, requestPath: "/dr/writable" },
    });
  });

  it("leads to the secondary while it is healthy, else to the primary, which is not checked", async () => {
    assert.deepEqual(inputsOf(await declare({ provider, zone: { id: "marimo" } }), "dns-record"), {
      ...{ managedZone: "marimo", name: "api.marimo-erp.com.", type: "A", ttl: 60 },
      routingPolicy: {
        healthCheck: "dns-writable-id",
        primaryBackup: {
          primary: { externalEndpoints: ["198.51.100.10"] },
          backupGeos: [{ location: "europe-west1", rrdatas: ["203.0.113.10"] }],
        },
      },
    });
  });
});
