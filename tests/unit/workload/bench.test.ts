import assert from "node:assert/strict";
import fc from "fast-check";
import { median, summary } from "../../../lab/stage/statistics";
import { rate } from "../../../lab/bench/throughput";
import { humanTime } from "../../../lab/stage/tables";

describe("median", () => {
  for (const [values, expected] of [
    [[3], 3],
    [[3, 1], 2],
    [[9, 1, 3], 3],
    [[4, 1, 3, 2], 2.5],
  ] as const) {
    it(`of ${values.join(", ")} is ${expected}`, () => {
      assert.equal(median(values), expected);
    });
  }
  it("of nothing does not exist", () => {
    assert.throws(() => median([]), RangeError);
  });
  it("property: as many values lie above as below", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const above = values.filter((value) => value > middle).length;
        const below = values.filter((value) => value < middle).length;
        assert.ok(above <= values.length / 2 && below <= values.length / 2);
      }),
    );
  });
});

describe("summary", () => {
  it("has the samples as they came, and what is said of them", () => {
    assert.deepEqual(summary([3, 1, 8]), { samples: [3, 1, 8], minimum: 1, median: 3, maximum: 8 });
  });
  it("of nothing does not exist", () => {
    assert.throws(() => summary([]), RangeError);
  });
});

describe("rate", () => {
  it("counts what lies within the window, its end left out", () => {
    assert.equal(rate([999, 1000, 1500, 2999, 3000], { from: 1000, to: 3000 }), 1.5);
  });
});

describe("humanTime", () => {
  for (const [seconds, text] of [
    [0, "0 s"],
    [41.26, "41.3 s"],
    [60, "1 min"],
    [185.4, "3 min 5 s"],
    [3600, "1 h"],
    [14_461, "4 h 1 min 1 s"],
  ] as const) {
    it(`${seconds} is ${text}`, () => {
      assert.equal(humanTime(seconds), text);
    });
  }
});
