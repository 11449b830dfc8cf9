import assert from "node:assert/strict";
import fc from "fast-check";
import { Duration } from "../../domain/duration";
import { gcsRules, s3Rules } from "../../domain/lifecycle";
import {
  defaultTimes,
  folderRules,
  isTakenPath,
  leaseVersions,
  longestLock,
  maxVersions,
  replicationOf,
  softDelete,
  type VaultTimes,
  vaultFolders,
} from "../../domain/vault";

const days = (min: number, max: number) => fc.integer({ min, max }).map((n) => Duration.days(n));

/** Times that the configuration lets through: the lock is at most the retention. */
const times: fc.Arbitrary<VaultTimes> = days(7, 3650).chain((retention) =>
  fc.record({
    retention: fc.constant(retention),
    dumps: days(1, 3650),
    undelete: days(1, 365),
    lock: days(1, Math.min(retention.days, longestLock.days)),
  }),
);
const paths = fc.stringMatching(/^(\/[a-zA-Z0-9._-]{1,10}){1,3}$/).filter((path) => !isTakenPath(path));

/** A store in miniature: the day on which a version is gone for good, by the rules that apply to its name. */
const gone = (
  rules: ReturnType<typeof s3Rules>,
  name: string,
  { deletedOn, lock }: { deletedOn: number | undefined; lock: number },
) => {
  const matching = rules.filter(({ filter }) => name.startsWith(filter.prefix ?? ""));
  const first = (days: (number | undefined)[]) => Math.min(Infinity, ...days.filter((day) => day !== undefined));
  const expires = first(matching.map(({ expiration }) => expiration?.days));
  const notCurrent = Math.min(expires, deletedOn ?? Infinity);
  const reclaimed =
    notCurrent + first(matching.map(({ noncurrentVersionExpiration }) => noncurrentVersionExpiration?.noncurrentDays));
  return Math.max(reclaimed, lock);
};

describe("what a vault keeps, and for how long", () => {
  it("the defaults, as one reads them", () => {
    const read = folderRules("/marimo", defaultTimes).map(
      ({ prefix, expireAfter, reclaimAfter }) =>
        `${prefix} ${expireAfter?.days ?? "never"} ${reclaimAfter?.days ?? "never"}`,
    );
    assert.deepEqual(read, [
      "marimo/archive/ never 30",
      "marimo/backup/ never 30",
      "marimo/lease/ never 1",
      "dumps/ 90 30",
      "state/ never 365",
    ]);
  });

  it("folders never overlap, so no rule of one holds for another", () => {
    fc.assert(
      fc.property(paths, (path) => {
        const prefixes = Object.values(vaultFolders(path));
        for (const one of prefixes) {
          for (const other of prefixes) if (one !== other) assert.ok(!other.startsWith(one), `${one} ${other}`);
        }
      }),
    );
    for (const path of ["/dumps", "/state/marimo", "/evidence/a/b"]) assert.ok(isTakenPath(path), path);
    for (const path of ["/marimo", "/dumps2", "/a/dumps"]) assert.ok(!isTakenPath(path), path);
  });

  it("in S3 a backup goes only when pgBackRest deleted it, and can be had back for the whole time", () => {
    fc.assert(
      fc.property(paths, times, fc.integer({ min: 0, max: 4000 }), (path, times, deletedOn) => {
        const rules = s3Rules(folderRules(path, times));
        const lock = times.lock?.days ?? 0;
        for (const folder of [vaultFolders(path).archive, vaultFolders(path).backup]) {
          assert.equal(gone(rules, `${folder}x`, { deletedOn: undefined, lock }), Infinity);
          assert.ok(gone(rules, `${folder}x`, { deletedOn, lock }) >= deletedOn + times.undelete.days);
        }
      }),
    );
  });

  it("what pgBackRest expires after its retention is reclaimed on time: the lock is over by then", () => {
    fc.assert(
      fc.property(paths, times, (path, times) => {
        const rules = s3Rules(folderRules(path, times));
        const deletedOn = times.retention.days;
        const name = `${vaultFolders(path).backup}x`;
        assert.equal(gone(rules, name, { deletedOn, lock: times.lock?.days ?? 0 }), deletedOn + times.undelete.days);
      }),
    );
  });

  it("a dump lives as long as it should, and evidence for ever, even deleted", () => {
    fc.assert(
      fc.property(paths, times, fc.integer({ min: 0, max: 4000 }), (path, times, deletedOn) => {
        const rules = s3Rules(folderRules(path, times));
        assert.equal(gone(rules, "dumps/x", { deletedOn: undefined, lock: 0 }), times.dumps.days + times.undelete.days);
        assert.equal(gone(rules, "evidence/x", { deletedOn, lock: 0 }), Infinity);
      }),
    );
  });

  it("nothing expires without a folder, in either store", () => {
    fc.assert(
      fc.property(paths, times, (path, times) => {
        const rules = folderRules(path, times);
        for (const { filter, expiration, noncurrentVersionExpiration } of s3Rules(rules)) {
          if (expiration?.days !== undefined || noncurrentVersionExpiration) assert.ok(filter.prefix);
        }
        for (const { action, condition } of gcsRules(rules)) {
          if (action.type === "Delete") {
            assert.ok(condition.matchesPrefixes?.every((prefix) => prefix.endsWith("/")));
            assert.ok(condition.withState, "a rule without a state would take the last version with the first");
          }
        }
      }),
    );
  });

  it("both stores keep a folder for the same time", () => {
    fc.assert(
      fc.property(paths, times, (path, times) => {
        const rules = folderRules(path, times);
        const inS3 = s3Rules(rules).flatMap(({ filter, expiration, noncurrentVersionExpiration }) =>
          filter.prefix === undefined
            ? []
            : [[filter.prefix, expiration?.days, noncurrentVersionExpiration?.noncurrentDays]],
        );
        const inGcs = new Map<string, { age?: number; old?: number }>();
        for (const { action, condition } of gcsRules(rules)) {
          if (action.type !== "Delete") continue;
          const [prefix = ""] = condition.matchesPrefixes ?? [];
          const entry = inGcs.get(prefix) ?? {};
          if (condition.withState === "LIVE" && condition.age !== undefined) entry.age = condition.age;
          if (condition.withState === "ARCHIVED" && condition.daysSinceNoncurrentTime !== undefined)
            entry.old = condition.daysSinceNoncurrentTime;
          inGcs.set(prefix, entry);
        }
        assert.deepEqual(
          [...inGcs].map(([prefix, { age, old }]) => [prefix, age, old]),
          inS3,
        );
      }),
    );
  });

  it("stores take whole days, one or more", () => {
    fc.assert(
      fc.property(paths, times, (path, times) => {
        for (const { expireAfter, reclaimAfter } of folderRules(path, times)) {
          for (const time of [expireAfter, reclaimAfter]) {
            if (time) assert.ok(Number.isInteger(time.days) && time.days >= 1);
          }
        }
      }),
    );
  });

  it("versions of the lease stay below what S3 can bear, up to the longest lock and not far beyond", () => {
    assert.equal(longestLock.days, 55);
    assert.ok(leaseVersions(longestLock) <= maxVersions);
    assert.ok(leaseVersions(Duration.days(longestLock.days + 1)) > maxVersions);
    assert.equal(leaseVersions(undefined), 51_840);
    assert.equal(leaseVersions(defaultTimes.lock), 552_960);
  });

  it("soft delete is within Google's limits, and as long as the undelete time where it can", () => {
    assert.deepEqual(
      [1, 7, 30, 90, 91].map((n) => softDelete(Duration.days(n)).days),
      [7, 7, 30, 90, 90],
    );
  });

  it("turbo replication where there are two regions, and nowhere else", () => {
    assert.equal(replicationOf("EUR4"), "ASYNC_TURBO");
    assert.equal(replicationOf("europe-west3"), "DEFAULT");
    assert.equal(replicationOf("EU"), "DEFAULT");
  });
});
