import assert from "node:assert/strict";
import { MakingProvider, type Made } from "../../lab/engine/made";
import { type Check, checkOf, type FailoverRecord, recordOf, renderAnswer } from "../../lab/engine/route53";
import { unknown, type Values } from "../../lab/engine/values";

const http: Values = { type: "HTTP", ipAddress: "10.0.0.2", port: 8009, resourcePath: "/dr/writable" };
const inversion: Values = {
  ...{ type: "CALCULATED", childHealthchecks: ["one"], childHealthThreshold: 1, invertHealthcheck: true },
};
const failover: Values = {
  ...{ type: "A", records: ["10.0.0.1"], setIdentifier: "primary", healthCheckId: "other" },
  failoverRoutingPolicies: [{ type: "PRIMARY" }],
};

describe("Route 53's resources in the lab", () => {
  it("a health check is a URL, or the inversion of another check", () => {
    assert.deepEqual(checkOf(http), { url: "http://10.0.0.2:8009/dr/writable" });
    assert.deepEqual(checkOf(inversion), { notHealthy: "one" });
  });

  it("a record has one address, a role and a check", () => {
    const record = { setIdentifier: "primary", failover: "PRIMARY", address: "10.0.0.1", check: "other" };
    assert.deepEqual(recordOf(failover), record);
  });

  const unknownTo: [string, () => unknown, RegExp][] = [
    ["a check over TLS", () => checkOf({ ...http, type: "HTTPS" }), /knows HTTP of an ipAddress/],
    ["a check of a name", () => checkOf({ ...http, ipAddress: "b.example.com" }), /knows HTTP of an ipAddress/],
    ["a check that is itself inverted", () => checkOf({ ...http, invertHealthcheck: true }), /knows HTTP/],
    ["a path that ends the quotes", () => checkOf({ ...http, resourcePath: "/' .. os" }), /resourcePath is/],
    ["two of three checks", () => checkOf({ ...inversion, childHealthThreshold: 2 }), /the inversion of one other/],
    ["a calculation that isn't inverted", () => checkOf({ ...inversion, invertHealthcheck: false }), /inversion/],
    ["a name for an answer", () => recordOf({ ...failover, type: "CNAME" }), /the type A with one address/],
    ["two addresses", () => recordOf({ ...failover, records: ["10.0.0.1", "10.0.0.2"] }), /one address/],
    ["weights", () => recordOf({ ...failover, failoverRoutingPolicies: [] }), /PRIMARY or SECONDARY/],
    ["a record without a check", () => recordOf({ ...failover, healthCheckId: null }), /healthCheckId is null/],
  ];
  for (const [title, read, message] of unknownTo) {
    it(`refuses what it can't make real: ${title}`, () => {
      assert.throws(read, message);
    });
  }
});

describe("Route 53's answer as a Lua record", () => {
  const checks = new Map<string, Check>([
    ["b", { url: "http://10.0.0.2:8009/dr/writable" }],
    ["not-b", { notHealthy: "b" }],
  ]);
  const primary: FailoverRecord = { setIdentifier: "a", failover: "PRIMARY", address: "10.0.0.1", check: "not-b" };
  const secondary: FailoverRecord = { setIdentifier: "b", failover: "SECONDARY", address: "10.0.0.2", check: "b" };

  it("is Route 53's rule, in whatever order the records were made", () => {
    const up = "up('http://10.0.0.2:8009/dr/writable', '10.0.0.2')";
    const rule = `if not ${up} or not ${up} then return '10.0.0.1' else return '10.0.0.2' end"`;
    const answer = renderAnswer([primary, secondary], checks);
    assert.ok(answer.endsWith(rule), answer);
    assert.equal(renderAnswer([secondary, primary], checks), answer);
  });

  it("is the one record that is there", () => {
    assert.equal(renderAnswer([secondary], checks), `A ";return '10.0.0.2'"`);
  });

  it("needs the checks that the records name", () => {
    assert.throws(() => renderAnswer([primary, secondary], new Map()), /no health check not-b/);
  });
});

describe("A provider of resources that are made real", () => {
  const calls: string[] = [];
  let there = true;
  const thing: Made = {
    ...{ required: ["name"], optional: ["size"], identity: ["name"], outputs: ["place"] },
    put: (inputs, id) => {
      calls.push(`put ${JSON.stringify(inputs)} ${id ?? "new"}`);
      return Promise.resolve({ id: "1", outputs: id === undefined ? { place: "here" } : {} });
    },
    exists: () => Promise.resolve(there),
    remove: (id) => Promise.resolve(void calls.push(`remove ${id}`)),
  };
  const provider = new MakingProvider("test", "1.0.0", new Map([["test:index:Thing", thing]]));
  const resource = { urn: "urn", type: "test:index:Thing", name: "thing" };
  const real = { preview: false, timeout: 0 };

  beforeEach(() => {
    calls.length = 0;
    there = true;
  });

  it("refuses a type that it doesn't know, and an input", () => {
    assert.throws(() => provider.check({ ...resource, type: "test:index:Other" }, {}), /Unknown resource type/);
    const { failures } = provider.check(resource, { size: 1, colour: "red" });
    assert.deepEqual(
      failures?.map(({ property }) => property),
      ["name", "colour"],
    );
  });

  it("makes nothing in a preview, and nothing of what isn't known yet", async () => {
    const inputs = { name: "a" };
    assert.equal((await provider.create(resource, inputs, { ...real, preview: true })).state["place"], unknown);
    assert.equal((await provider.create(resource, { name: unknown }, real)).state["place"], unknown);
    assert.deepEqual(calls, []);
    assert.deepEqual((await provider.create(resource, inputs, real)).state, { name: "a", place: "here" });
  });

  it("changes what is there, and replaces it only for what makes it another", async () => {
    const replaced = (news: Values) =>
      [...provider.diff(resource, {}, news, { name: "a", size: 1 }, []).changes].map(([name, change]) => [
        ...[name, change.replace],
      ]);
    assert.deepEqual(replaced({ name: "a", size: 2 }), [["size", false]]);
    assert.deepEqual(replaced({ name: "b", size: 1 }), [["name", true]]);
    const state = { name: "a", size: 1, place: "here" };
    assert.deepEqual(await provider.update(resource, state, { name: "a" }, real, "1"), { name: "a", place: "here" });
    assert.deepEqual(calls, ['put {"name":"a"} 1']);
  });

  it("says when it is gone", async () => {
    const state = { name: "a" };
    assert.equal((await provider.read(resource, "1", state, state))?.id, "1");
    there = false;
    assert.equal(await provider.read(resource, "1", state, state), undefined);
  });
});
