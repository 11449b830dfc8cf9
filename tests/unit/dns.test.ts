import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checking,
  cloudDnsPolicy,
  type DnsProvider,
  recordType,
  type RegionStack,
  route53Records,
  wantedAnswer,
  type Writable,
  worstFlip,
} from "../../domain/dns";
import { Duration } from "../../domain/duration";
import { scenarioObjectives } from "../../domain/objectives";

// The design's truth table.
const table: [Writable, RegionStack][] = [
  [{ primary: true, secondary: false }, "primary"],
  [{ primary: false, secondary: true }, "secondary"],
  [{ primary: false, secondary: false }, "primary"],
  [{ primary: true, secondary: true }, "secondary"],
];

/** Route 53's rule for failover records, as its documentation has it, on the records that are declared. */
const route53Answer = ({ secondary }: Writable): RegionStack => {
  const healthy = route53Records.filter(({ inverted }) => secondary !== inverted);
  const candidates = healthy.length > 0 ? healthy : route53Records;
  const chosen = candidates.find(({ failover }) => failover === "PRIMARY") ?? candidates[0];
  assert.ok(chosen);
  return chosen.answer;
};

/** Cloud DNS' rule: the active endpoint while it is healthy, else the backup. */
const cloudDnsAnswer = (writable: Writable): RegionStack =>
  writable[cloudDnsPolicy.active] ? cloudDnsPolicy.active : cloudDnsPolicy.backup;

describe("DNS: which region the name leads to", () => {
  for (const [writable, answer] of table) {
    it(`${JSON.stringify(writable)}: ${answer}`, () => {
      assert.equal(wantedAnswer(writable), answer);
      assert.equal(route53Answer(writable), answer);
      assert.equal(cloudDnsAnswer(writable), answer);
    });
  }

  it("exactly one of Route 53's two records is healthy, whatever the check says", () => {
    for (const secondary of [true, false]) {
      assert.equal(route53Records.filter(({ inverted }) => secondary !== inverted).length, 1);
    }
  });

  it("an address gets an A record, a name a CNAME", () => {
    fc.assert(fc.property(fc.ipV4(), (address) => recordType(address) === "A"));
    fc.assert(fc.property(fc.domain(), (domain) => recordType(domain) === "CNAME"));
  });
});

describe("DNS: how long a flip takes at worst", () => {
  it("is what the providers' documents say, with the longest time to live", () => {
    const ttl = Duration.seconds(60);
    const seconds = (provider: DnsProvider) => Object.values(worstFlip(provider, ttl)).map((time) => time.seconds);
    assert.deepEqual(seconds("route53"), [96, 96]);
    assert.deepEqual(seconds("cloud-dns"), [95, 155]);
  });

  it("is a small part of the plan's time for a lost region, and never less than the time to live", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("route53" as const, "cloud-dns" as const),
        fc.integer({ min: 1, max: 60 }),
        (p, n) => {
          for (const time of Object.values(worstFlip(p, Duration.seconds(n)))) {
            assert.ok(time.seconds > n + checking[p].interval.seconds);
            assert.ok(time.seconds < scenarioObjectives.datacenterOutage.rto.seconds / 10);
          }
        },
      ),
    );
  });
});
