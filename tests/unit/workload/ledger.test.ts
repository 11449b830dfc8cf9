import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clock, Ledger, parseLedger, readLedger } from "../../../lab/workload/ledger";

const start = '{"type":"start","run":"b2a9b0a6-7d5b-4b8e-9d0a-0d6f0c1b2a3c","at":1}\n';
const acknowledged = '{"type":"acknowledged","first":1,"rows":2,"sent":2,"at":3,"server":"10.1.0.1"}\n';

describe("ledger", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ledger-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("reads back what was written, before it is closed", () => {
    const path = join(folder, "ledger.jsonl");
    const ledger = new Ledger(path);
    ledger.append({ type: "start", run: "b2a9b0a6-7d5b-4b8e-9d0a-0d6f0c1b2a3c", at: 1 });
    ledger.append({ type: "acknowledged", first: 1, rows: 3, sent: 2, at: 3, server: "10.1.0.1" });
    ledger.append({ type: "unknown", first: 4, rows: 1, sent: 4, at: 5, reason: "gone" });
    const { acknowledged, unknown, entries } = readLedger(path);
    ledger.close();
    assert.deepEqual(acknowledged, [{ type: "acknowledged", first: 1, rows: 3, sent: 2, at: 3, server: "10.1.0.1" }]);
    assert.deepEqual(
      unknown.map(({ first }) => first),
      [4],
    );
    assert.equal(entries.length, 3);
  });

  it("refuses a file that exists: another run's acknowledgements must not be mixed with this one's", () => {
    const path = join(folder, "ledger.jsonl");
    new Ledger(path).close();
    assert.throws(() => new Ledger(path), /EEXIST/);
  });

  it("leaves out a last line that its writer did not live to finish", () => {
    assert.equal(parseLedger(start + acknowledged + '{"type":"acknow').acknowledged.length, 1);
  });

  for (const [title, text, message] of [
    ["damage within", start + "{}\n" + acknowledged, /line 2 .* damaged/],
    ["no start", acknowledged, /line 1 .* not a start/],
    ["nothing", "", /line 1 .* not a start/],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.throws(() => parseLedger(text), message);
    });
  }

  it("names the file that cannot be read", () => {
    assert.throws(() => readLedger(join(folder, "missing")), /missing cannot be read/);
  });

  it("has a clock that agrees with the machine's and does not step back", () => {
    const first = clock();
    assert.ok(Math.abs(first - Date.now()) < 1000);
    assert.ok(clock() >= first);
  });
});
