import assert from "node:assert/strict";
import fc from "fast-check";
import { moveTables, parseTableName, restoredSchema } from "../../domain/extract";
import { databaseNames, neededBytes, parseArchiveHeader, rowFaults, stampOf, versionFault } from "../../domain/load";

/** As `pg_restore --list` of PostgreSQL 17.12 begins. */
const list = (version: string) => `;
; Archive created at 2026-11-24 17:22:40 UTC
;     dbname: marimo_erp
;     TOC Entries: 21
;     Compression: none
;     Dump Version: 1.16-0
;     Format: CUSTOM
;     Integer: 4 bytes
;     Offset: 8 bytes
;     Dumped from database version: ${version}
;     Dumped by pg_dump version: 17.12 (Debian 17.12-0+deb13u1)
;
`;

describe("a dump before it is restored", () => {
  it("tells from which server it is", () => {
    assert.deepEqual(parseArchiveHeader(list("16.4 (Debian 16.4-1)")), {
      database: "marimo_erp",
      dumpedFrom: "16.4 (Debian 16.4-1)",
      major: 16,
      format: "CUSTOM",
    });
    assert.throws(() => parseArchiveHeader("something else"), /names no version/);
  });

  it("of an older server or the same version it is taken, of a newer one it is refused", () => {
    const fault = (version: string) => versionFault(parseArchiveHeader(list(version)), 17);
    assert.equal(fault("9.6.24"), undefined);
    assert.equal(fault("17.12"), undefined);
    assert.match(fault("18.1") ?? "", /taken from PostgreSQL 18.1, and this server is 17/);
  });

  it("needs room beside what is there", () => {
    assert.equal(neededBytes(1000, 1), 1200);
    assert.equal(neededBytes(undefined, 1000), 4800);
  });
});

describe("what was restored, beside what was dumped", () => {
  const manifest = { tables: { "public.users": 10, "public.orders": 5, "marimo_dr.heartbeat": 1 } };
  it("is the same", () => {
    assert.deepEqual(rowFaults(manifest, { "public.users": 10, "public.orders": 5 }), []);
  });
  it("differs in a table's rows, or lacks a table; the fence's own doesn't count", () => {
    assert.deepEqual(rowFaults(manifest, { "public.users": 9, "marimo_dr.heartbeat": 7 }), [
      "public.users has 9 rows and not 10",
      "public.orders is missing",
    ]);
  });
});

describe("names of databases and schemas", () => {
  const now = new Date("2026-11-24T16:52:55.912Z");
  it("carry the moment", () => {
    const { incoming, before, restorePoint } = databaseNames("marimo_erp", stampOf(now));
    assert.deepEqual(
      [incoming, before, restorePoint, restoredSchema(now)],
      [
        "marimo_erp_restore_20261124_165255",
        "marimo_erp_before_20261124_165255",
        "before_restore_20261124_165255",
        "restored_20261124_165255",
      ],
    );
  });
});

describe("a table as an operator names it", () => {
  it("with or without its schema", () => {
    assert.deepEqual(parseTableName("users"), { schema: "public", table: "users" });
    assert.deepEqual(parseTableName("sales.orders"), { schema: "sales", table: "orders" });
  });
  it("nothing else ever gets into SQL", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const { schema, table } = parseTableName(text);
          assert.match(
            moveTables([{ schema, table }], "restored_1"),
            /ALTER TABLE "[A-Za-z0-9_$]+"\."[A-Za-z0-9_$]+" SET/,
          );
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }),
    );
    for (const bad of ['users"; DROP TABLE x', "a.b.c", "", ".users", "x".repeat(64)]) {
      assert.throws(() => parseTableName(bad), /is no table/);
    }
  });
});
