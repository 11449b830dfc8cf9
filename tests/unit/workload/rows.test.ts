import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { rowChunks } from "../../../lab/workload/rows";
import {
  linesPerOrder,
  rowCounts,
  scaleLimits,
  type TableName,
  tableNames,
  tables,
} from "../../../lab/workload/schema";

const counts = rowCounts(0.002);
const text = (table: TableName, seed = 1): string => [...rowChunks(table, counts, seed)].join("");
const rows = (table: TableName): string[][] =>
  text(table)
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
/** Columns, counted by the names before a type; commas inside `numeric(12,2)` are none. */
const columns = (table: TableName): number => tables[table].columns.replaceAll(/\([^)]*\)/g, "").split(",").length;

describe("rows of the workload", () => {
  for (const table of tableNames) {
    it(`${table}: as many rows and columns as the schema says`, () => {
      const made = rows(table);
      assert.equal(made.length, counts[table]);
      assert.deepEqual([...new Set(made.map((row) => row.length))], [columns(table)]);
    });
    it(`${table}: the same for the same seed, others for another`, () => {
      assert.equal(text(table), text(table));
      assert.notEqual(text(table), text(table, 2));
    });
  }

  it("are the same on every machine and in every version", () => {
    // Compare only figures of the same rows: a change here makes new measurements incomparable with old ones.
    const hash = createHash("sha256");
    for (const table of tableNames) hash.update(text(table));
    assert.equal(hash.digest("hex").slice(0, 16), "c3da6faef9c2da90");
  });

  it("refer to rows that exist", () => {
    const orders = new Set(rows("orders").map(([id]) => id));
    const products = new Set(rows("products").map(([id]) => id));
    const lines = rows("order_lines");
    assert.ok(lines.every(([order]) => orders.has(order)));
    assert.ok(lines.every(([, , product]) => products.has(product)));
    assert.equal(
      new Set(lines.map(([order, position]) => `${order ?? ""}/${position ?? ""}`)).size,
      counts.orders * linesPerOrder,
    );
  });

  it("have a realistic entropy: they compress 2 to 4 times", () => {
    // Not a proof for zstd on heap files, which the loader's figures are for; it finds rows that became filler.
    const all = tableNames.map((table) => text(table)).join("");
    const ratio = all.length / deflateSync(all, { level: 3 }).length;
    assert.ok(ratio > 2 && ratio < 4, `compresses ${ratio.toFixed(2)} times`);
  });
});

describe("rowCounts", () => {
  for (const scale of [0, -1, NaN, Infinity, scaleLimits.most * 1.01, scaleLimits.least / 2]) {
    it(`refuses a scale of ${scale}`, () => {
      assert.throws(() => rowCounts(scale), /out of range.*0\.001 to 5/);
    });
  }
  it("grows with the scale", () => {
    assert.equal(rowCounts(1).orders, tables.orders.rows);
    assert.equal(rowCounts(0.5).orders, tables.orders.rows / 2);
    assert.ok(tableNames.every((table) => rowCounts(scaleLimits.least)[table] > 0));
  });
});
