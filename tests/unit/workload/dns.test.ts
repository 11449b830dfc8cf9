import assert from "node:assert/strict";
import { remembering } from "../../../lab/workload/dns";

describe("a name that is remembered", () => {
  it("is asked for again when its time to live is over, and not before", async () => {
    let now = 100;
    let address = "10.0.0.1";
    let asked = 0;
    const known = remembering(
      () => {
        asked += 1;
        return Promise.resolve({ address, ttl: 60 });
      },
      () => now,
    );
    assert.equal(await known(), "10.0.0.1");
    address = "10.0.0.2";
    now = 159.9;
    assert.equal(await known(), "10.0.0.1");
    assert.equal(asked, 1);
    now = 160;
    assert.equal(await known(), "10.0.0.2");
    assert.equal(asked, 2);
  });

  it("is asked for each time where the answer may not be kept", async () => {
    let asked = 0;
    const known = remembering(
      () => Promise.resolve({ address: String((asked += 1)), ttl: 0 }),
      () => 0,
    );
    assert.deepEqual([await known(), await known()], ["1", "2"]);
  });

  it("is asked for again after a question that failed", async () => {
    let asked = 0;
    const known = remembering(() =>
      (asked += 1) === 1 ? Promise.reject(new Error("no answer")) : Promise.resolve({ address: "10.0.0.1", ttl: 60 }),
    );
    await assert.rejects(known(), /no answer/);
    assert.equal(await known(), "10.0.0.1");
  });
});
