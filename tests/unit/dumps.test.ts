import assert from "node:assert/strict";
import fc from "fast-check";
import {
  expiredDumps,
  filesOf,
  findDumps,
  type FolderFile,
  futureDumps,
  isWhole,
  lagLimit,
  nameDump,
  neededBytes,
  orderSources,
  parseChecksum,
  parseDumpFile,
  parseMeta,
  renderChecksum,
  renderMeta,
  type SeenMember,
} from "../../domain/dumps";
import { Duration } from "../../domain/duration";
import { renderLsn } from "../../domain/fence";
import { evidenceName, type JobResult, keepResult } from "../../domain/jobs";
import { parseOffSite } from "../../domain/offSite";
import { identityAnnotations } from "../../domain/repository";

const day = 86_400_000;
const now = new Date("2026-11-24T02:00:00Z");
const daysAgo = (days: number) => new Date(now.getTime() - days * day);

const wholeDump = (time: Date, modified = time): FolderFile[] =>
  Object.values(filesOf(nameDump(time))).map((file) => ({ file, bytes: 7, modified }));

const second = fc
  .date({ min: new Date("2000-01-01"), max: new Date("2100-01-01"), noInvalidDate: true })
  .map((date) => {
    date.setUTCMilliseconds(0);
    return date;
  });

describe("a dump's name", () => {
  it("is what operators know", () => {
    assert.equal(nameDump(new Date("2024-01-15T12:00:00.999Z")), "marimo_backup_20240115_120000");
    assert.deepEqual(filesOf("marimo_backup_20240115_120000"), {
      checksum: "marimo_backup_20240115_120000.sha256",
      meta: "marimo_backup_20240115_120000.meta",
      dump: "marimo_backup_20240115_120000.dump.gz",
    });
  });

  it("tells its time, for every second", () => {
    fc.assert(
      fc.property(second, (time) => {
        const { dump } = filesOf(nameDump(time));
        assert.deepEqual(parseDumpFile(dump), { name: nameDump(time), time, part: "dump" });
      }),
    );
  });

  it("is no other file's", () => {
    for (const file of [
      "marimo_backup_latest.dump.gz",
      "marimo_backup_20240231_120000.dump.gz",
      "marimo_backup_20240115_126100.dump.gz",
      ".marimo_backup_20240115_120000.dump.gz.partial",
      "marimo_backup_20240115_120000.dump",
      "marimo_backup_20240115_120000.dump.sha256",
      "lost+found",
    ]) {
      assert.equal(parseDumpFile(file), undefined, file);
    }
  });
});

describe("dumps in a folder", () => {
  it("are found with what they lack, oldest first", () => {
    const files = [...wholeDump(daysAgo(1)), ...wholeDump(daysAgo(2)).slice(0, 2)];
    const found = findDumps([{ file: "notes.txt", bytes: 1, modified: now }, ...files]);
    assert.deepEqual(
      found.map((dump) => [dump.time, isWhole(dump), dump.bytes]),
      [
        [daysAgo(2), false, 0],
        [daysAgo(1), true, 7],
      ],
    );
  });

  const expired = (files: readonly FolderFile[], days = 30) =>
    expiredDumps(findDumps(files), now, Duration.days(days)).map(({ time }) => time);

  it("go by age, and the newest whole one never", () => {
    assert.deepEqual(expired([...wholeDump(daysAgo(31)), ...wholeDump(daysAgo(29))]), [daysAgo(31)]);
    assert.deepEqual(expired(wholeDump(daysAgo(400))), []);
    // What came after it is not whole, and protects nothing.
    const [checksum] = wholeDump(daysAgo(35));
    assert.ok(checksum);
    assert.deepEqual(expired([...wholeDump(daysAgo(40)), checksum]), [daysAgo(35)]);
  });

  // A dump of last year that an operator copied there to restore it must not be gone in the morning.
  it("stay when somebody brought them lately, however old they are", () => {
    assert.deepEqual(expired([...wholeDump(daysAgo(400), daysAgo(1)), ...wholeDump(daysAgo(0))]), []);
  });

  it("in any mixture: the newest whole one stays, and so does all that is young", () => {
    const dump = fc.record({ age: fc.integer({ min: 0, max: 100 }), parts: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(
        fc.uniqueArray(dump, { selector: ({ age }) => age }),
        fc.integer({ min: 1, max: 60 }),
        (list, days) => {
          const found = findDumps(list.flatMap(({ age, parts }) => wholeDump(daysAgo(age)).slice(0, parts)));
          const gone = expiredDumps(found, now, Duration.days(days));
          assert.ok(!gone.includes(found.filter(isWhole).at(-1) ?? ({} as never)));
          for (const { time } of gone) assert.ok(time < daysAgo(days));
          for (const one of found) {
            if (one.time < daysAgo(days) && !gone.includes(one)) assert.equal(one, found.filter(isWhole).at(-1));
          }
        },
      ),
    );
  });

  it("of the future are noticed, and small differences of clocks are not", () => {
    const soon = new Date(now.getTime() + 600_000);
    const found = findDumps([...wholeDump(soon), ...wholeDump(daysAgo(-1))]);
    assert.deepEqual(
      futureDumps(found, now).map(({ time }) => time),
      [daysAgo(-1)],
    );
  });
});

describe("a checksum's file", () => {
  const sha256 = "0123456789abcdef".repeat(4);

  it("is what sha256sum writes, and is read as it is written", () => {
    assert.equal(renderChecksum(sha256, "x.dump.gz"), `${sha256}  x.dump.gz\n`);
    assert.deepEqual(parseChecksum(renderChecksum(sha256, "x.dump.gz")), { sha256, file: "x.dump.gz" });
    assert.deepEqual(parseChecksum(`${sha256.toUpperCase()} */backups/x.dump.gz`), { sha256, file: "x.dump.gz" });
  });

  it("is refused where it is none", () => {
    for (const text of ["", sha256, `${sha256.slice(1)}  x`, `${sha256}  x\n${sha256}  y\n`]) {
      assert.throws(() => parseChecksum(text), RangeError);
    }
  });
});

describe("a dump's description", () => {
  const meta = {
    timestamp: "2026-11-24T02:00:00.000Z",
    database: "marimo_erp",
    size: 7,
    manifest: {
      tables: { "public.users": 3 },
      sequences: {},
      extensions: { plpgsql: "1.0" },
      roles: [],
      largeObjects: 0,
    },
  };

  it("is read as it is written, and in the older scripts' way", () => {
    assert.deepEqual(parseMeta(renderMeta(meta)), meta);
    assert.equal(parseMeta('{"timestamp": "20240115_120000", "database": "marimo_erp", "size": "12M"}').size, "12M");
  });

  it("is refused where it is none, with what is wrong", () => {
    assert.throws(() => parseMeta('"12M"'), /expected object/);
    assert.throws(() => parseMeta("{"), /is no JSON/);
    assert.throws(() => parseMeta('{"timestamp": "x", "size": 1}'), /database/);
  });
});

it("a dump asks for room by the last one, or by the database", () => {
  assert.equal(neededBytes(2 ** 30, 0), 64 * 2 ** 20 + 1.5 * 2 ** 30);
  assert.equal(neededBytes(undefined, 2 ** 30), 64 * 2 ** 20 + 2 ** 29);
});

describe("the member that is dumped", () => {
  const seen = (member: string, lsn: number, change: Partial<SeenMember<string>> = {}): SeenMember<string> => ({
    member,
    follows: true,
    streams: true,
    lsn: renderLsn(BigInt(lsn)),
    ...change,
  });
  const leader = seen("leader", 10 * lagLimit, { follows: false, streams: false });
  const order = (...members: SeenMember<string>[]) => orderSources(members).map(({ member }) => member);

  it("is the closest standby that streams; the leader where there is none, or it fails", () => {
    assert.deepEqual(order(leader, seen("a", 10 * lagLimit - 2), seen("b", 10 * lagLimit - 1)), ["b", "a", "leader"]);
    assert.deepEqual(order(leader, seen("late", 9 * lagLimit - 1)), ["leader"]);
    assert.deepEqual(order(leader, seen("still", 10 * lagLimit, { streams: false })), ["leader"]);
    assert.deepEqual(order(leader), ["leader"]);
  });

  it("is the standby with most, where nobody leads", () => {
    assert.deepEqual(order(seen("a", 1, { streams: false }), seen("b", 2, { streams: false })), ["b"]);
    assert.deepEqual(order(), []);
  });
});

describe("the off-site place", () => {
  it("is a bucket or a claim", () => {
    assert.equal(parseOffSite(""), undefined);
    assert.deepEqual(parseOffSite("claim:nfs-backups"), { kind: "claim", claim: "nfs-backups" });
    const bucket = { kind: "s3", endpoint: "s3.example.com:9000", bucket: "copies" };
    assert.deepEqual(parseOffSite("https://s3.example.com:9000/copies"), { ...bucket, region: "us-east-1" });
    assert.deepEqual(parseOffSite("https://s3.example.com:9000/copies#fr-par"), { ...bucket, region: "fr-par" });
  });

  it("is refused where it is neither", () => {
    for (const text of [
      "http://a/bucket",
      "https://a",
      "https://a/b/c",
      "https://a/bucket#",
      "claim:",
      "claim:A",
      "/mnt",
    ]) {
      assert.throws(() => parseOffSite(text), RangeError, text);
    }
  });
});

describe("a job's result", () => {
  const result: JobResult = {
    ...{ job: "dump", region: "eu", startedAt: "2026-11-24T02:00:00.123Z", endedAt: "2026-11-24T02:01:00.000Z" },
    ...{ good: true, faults: [], measures: {}, facts: {} },
  };

  it("is evidence under a name of its own", () => {
    assert.equal(evidenceName(result), "dump/20261124T020000Z-eu.json");
  });

  it("remembers the last good one through bad ones", () => {
    const good = keepResult(undefined, result);
    const bad = keepResult(good, { ...result, good: false, endedAt: "2026-11-25T02:01:00.000Z" });
    assert.equal(bad.lastGoodAt, result.endedAt);
    assert.equal(bad.good, false);
    assert.equal(keepResult(undefined, { ...result, good: false }).lastGoodAt, undefined);
  });
});

it("each duty has its own identity where the stack global named them, and one for all elsewhere", () => {
  const named = {
    s3RoleArn: "arn:aws:iam::1:role/marimo-production-archive",
    gcsServiceAccount: "marimo-production-archive@p.iam.gserviceaccount.com",
  };
  assert.deepEqual(Object.values(identityAnnotations(named, "dumps")), [
    "arn:aws:iam::1:role/marimo-production-dumps",
    "marimo-production-dumps@p.iam.gserviceaccount.com",
  ]);
  assert.deepEqual(Object.values(identityAnnotations(named, "archive")), Object.values(named));
  const own = { s3RoleArn: "arn:aws:iam::1:role/backups", gcsServiceAccount: undefined };
  assert.deepEqual(Object.values(identityAnnotations(own, "dumps")), [own.s3RoleArn]);
});
