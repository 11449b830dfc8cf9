import assert from "node:assert/strict";
import fc from "fast-check";
import { Cidr, eksSubnets, gkeRanges, networkPrefixes, parseNetwork, zoneCount } from "../../domain/network";

const network = parseNetwork("10.64.0.0/16");

/** Every network that a cluster may have below 10.0.0.0/8. */
const networks = fc
  .integer(networkPrefixes)
  .chain((prefix) =>
    fc.integer({ min: 0, max: 2 ** (prefix - 8) - 1 }).map((index) => Cidr.parse("10.0.0.0/8").part(prefix - 8, index)),
  );

const apart = (ranges: readonly Cidr[]): boolean =>
  ranges.every((one, index) => ranges.slice(index + 1).every((other) => !one.contains(other) && !other.contains(one)));

describe("a cluster's network", () => {
  it("of EKS: a quarter for each zone, and a little one for what faces the Internet", () => {
    assert.deepEqual(
      eksSubnets(network).map(({ inner, outer }) => [String(inner), String(outer)]),
      [
        ["10.64.0.0/18", "10.64.192.0/22"],
        ["10.64.64.0/18", "10.64.196.0/22"],
        ["10.64.128.0/18", "10.64.200.0/22"],
      ],
    );
  });

  it("of GKE: pods, nodes and Services", () => {
    const { pods, nodes, services } = gkeRanges(network);
    assert.deepEqual([pods, nodes, services].map(String), ["10.64.0.0/17", "10.64.128.0/18", "10.64.192.0/20"]);
  });

  it("has no address twice, none outside, and subnets that the clouds take, whatever its size", () => {
    fc.assert(
      fc.property(networks, (network) => {
        const subnets = eksSubnets(network).flatMap(({ inner, outer }) => [inner, outer]);
        assert.equal(subnets.length, 2 * zoneCount);
        const { pods, nodes, services } = gkeRanges(network);
        for (const ranges of [subnets, [pods, nodes, services]]) {
          assert.ok(apart(ranges), ranges.join());
          for (const range of ranges) {
            assert.ok(network.contains(range), `${range.toString()} in ${network.toString()}`);
            // https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
            assert.ok(range.prefix <= 28, range.toString());
          }
        }
        // EKS wants six free addresses in each subnet, and recommends sixteen: of little use to pods, so far more.
        for (const { inner } of eksSubnets(network)) assert.ok(inner.size >= 1024);
      }),
    );
  });

  it("is read as it is written", () => {
    fc.assert(
      fc.property(networks, (network) => {
        assert.deepEqual(parseNetwork(network.toString()), network);
      }),
    );
  });

  it("refuses what is none", () => {
    for (const text of [
      "",
      "10.64.0.0",
      "10.64.0.0/33",
      "10.64.0.256/16",
      "10.64.1.0/16",
      "10.64.0.0/15",
      "10.64.0.0/21",
    ]) {
      assert.throws(() => parseNetwork(text), RangeError, text);
    }
    assert.throws(() => parseNetwork("100.64.0.0/16"), /not a private range/);
    assert.throws(() => network.part(2, 4), /no part 4/);
  });
});
