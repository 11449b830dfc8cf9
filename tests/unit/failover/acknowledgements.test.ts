import assert from "node:assert/strict";
import fc from "fast-check";
import {
  acceptedTwice,
  type Acknowledgement,
  acknowledgementsOf,
  gapOfChange,
  longestGap,
  regionOf,
} from "../../../lab/failover/acknowledgements";
import { flipSeconds } from "../../../lab/failover/answers";
import { type RegionName, regionNames } from "../../../lab/kind";

const ack = (at: number, region: RegionName, rows = 1): Acknowledgement => ({ at, region, rows });

describe("regionOf", () => {
  it("tells a region by its pods' addresses", () => {
    assert.equal(regionOf("10.232.0.7"), "primary");
    assert.equal(regionOf("10.234.255.1"), "secondary");
  });
  it("refuses an address of no region: it would count for nobody", () => {
    assert.throws(() => regionOf("10.236.0.1"), /10\.236\.0\.1.*no region's pods/);
  });
});

describe("acknowledgementsOf", () => {
  it("are in the order in which they were heard of", () => {
    const commit = (at: number, server: string) =>
      ({ type: "acknowledged", first: 1, rows: 2, sent: 1, at, server }) as const;
    assert.deepEqual(acknowledgementsOf({ acknowledged: [commit(9, "10.234.0.1"), commit(3, "10.232.0.1")] }), [
      ack(3, "primary", 2),
      ack(9, "secondary", 2),
    ]);
  });
});

describe("gaps", () => {
  const change = [ack(0, "primary"), ack(5000, "primary"), ack(5100, "primary"), ack(7200, "secondary")];
  it("the gap of a change is the one between the regions, not the longest", () => {
    assert.equal(gapOfChange(change, "secondary"), 2.1);
  });
  it("the longest gap is looked for between all", () => {
    assert.equal(longestGap(change.map(({ at }) => at)), 5);
    assert.equal(longestGap([]), 0);
  });
  for (const [title, acknowledgements] of [
    ["nobody changed", change.slice(0, 3)],
    ["nothing was before", change.slice(3)],
    ["nothing was acknowledged", []],
  ] as const) {
    it(`a change has no gap when ${title}`, () => {
      assert.throws(() => gapOfChange(acknowledgements, "secondary"), /no change to region secondary/);
    });
  }
});

describe("acceptedTwice", () => {
  for (const [title, acknowledgements, to, expected] of [
    ["one after the other", [ack(1, "primary"), ack(2, "secondary")], "secondary", 0],
    ["the old one goes on", [ack(1, "primary"), ack(2, "secondary"), ack(3, "primary", 3)], "secondary", 3],
    ["only the new one", [ack(1, "secondary"), ack(2, "secondary")], "secondary", 0],
    ["a stranger while nothing was to change", [ack(1, "secondary"), ack(2, "primary", 2)], "secondary", 2],
    ["the new one never came", [ack(1, "primary"), ack(2, "primary")], "secondary", 0],
    ["the new one came before its time", [ack(1, "primary"), ack(2, "secondary"), ack(3, "primary")], "primary", 1],
  ] as const) {
    it(`${title}: ${expected}`, () => {
      assert.equal(acceptedTwice(acknowledgements, to), expected);
    });
  }

  it("property: 0 exactly when every other region's acknowledgement comes before the first of the new one", () => {
    const history = fc.array(
      fc.record({ at: fc.nat(1000), region: fc.constantFrom(...regionNames), rows: fc.integer({ min: 1, max: 3 }) }),
    );
    fc.assert(
      fc.property(history, fc.constantFrom(...regionNames), (acknowledgements, to) => {
        const apart = acknowledgements.every(
          (one) => one.region === to || acknowledgements.every(({ region, at }) => region !== to || at >= one.at),
        );
        assert.equal(acceptedTwice(acknowledgements, to) === 0, apart);
      }),
    );
  });
});

describe("flipSeconds", () => {
  const changes = [
    { at: 1000, address: "10.0.0.1" },
    { at: 9000, address: "10.0.0.2" },
  ];
  it("counts from the region's first acknowledgement to the answer", () => {
    assert.equal(flipSeconds(changes, "10.0.0.2", 7500), 1.5);
  });
  it("is 0 when the name led there before", () => {
    assert.equal(flipSeconds(changes, "10.0.0.2", 9500), 0);
  });
  it("does not exist while the name leads elsewhere", () => {
    assert.throws(() => flipSeconds(changes, "10.0.0.1", 0), /leads to 10\.0\.0\.2, not to 10\.0\.0\.1/);
    assert.throws(() => flipSeconds([], "10.0.0.1", 0), RangeError);
  });
});
