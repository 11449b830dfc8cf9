import assert from "node:assert/strict";
import fc from "fast-check";
import type { BaseBackup, Restorable, Window } from "../../domain/archive";
import { type Choice, parseTarget, planRestore, type Question } from "../../domain/pointInTime";
import type { RepositoryName } from "../../domain/repository";
import { renderPosition, segmentBytes, segmentName } from "../../domain/wal";

describe("where a restore ends, as an operator writes it", () => {
  const good: [text: string, kind: string, asPostgresTakesIt: string][] = [
    ["2026-11-24T16:52:55Z", "time", "2026-11-24 16:52:55.000000+00"],
    ["2026-11-24 16:52:55.912205+00", "time", "2026-11-24 16:52:55.912205+00"],
    ["2026-11-24 17:52:55.5+01", "time", "2026-11-24 16:52:55.500000+00"],
    ["2026-11-24T11:22:55-0530", "time", "2026-11-24 16:52:55.000000+00"],
    ["2026-11-25 00:10 +01:00", "time", "2026-11-24 23:10:00.000000+00"],
    ["2026-11-24 16:52 UTC", "time", "2026-11-24 16:52:00.000000+00"],
    ["1/2a000110", "lsn", "1/2A000110"],
    ["before_migration", "name", "before_migration"],
    ["latest", "end", ""],
  ];
  for (const [text, kind, value] of good) {
    it(`${text} is a ${kind}`, () => {
      const target = parseTarget(text);
      assert.deepEqual([target.kind, target.text], [kind, value]);
    });
  }

  // A moment without a zone may mean two, and one that is mistyped must not be taken for a restore point's name.
  const bad = ["", "2026-11-24 16:52:55", "2026-13-24T16:52:55Z", "2026-02-30T10:00:00Z", "yesterday evening"];
  for (const text of [...bad, "24.11.2026", "1/", "G/0", "'; DROP TABLE users", "x".repeat(64)]) {
    it(`"${text}" is none`, () => {
      assert.throws(() => parseTarget(text), /is no point to restore to. It must be/);
    });
  }
});

/** Moments and numbers of segments are the same here: the archive gets one segment in each second. */
const backup = (at: number, timeline = 1): BaseBackup => ({
  label: `20261124-${String(at).padStart(6, "0")}F`,
  type: "full",
  references: [],
  startedAt: at - 1,
  stoppedAt: at,
  timeline,
  first: at - 1,
  last: at,
  stop: at * segmentBytes + 1000,
  bytes: 1,
  damagedPages: false,
});

const window = (
  repository: RepositoryName,
  backups: [BaseBackup, ...BaseBackup[]],
  end: number,
  more: Partial<Window> = {},
): Window => ({
  repository,
  archiveId: "17-1",
  timeline: 1,
  current: true,
  backups,
  from: { lsn: renderPosition(backups[0].stop), time: backups[0].stoppedAt },
  to: {
    segment: segmentName({ timeline: 1, number: end }),
    lsn: renderPosition((end + 1) * segmentBytes),
    time: end,
  },
  ...more,
});

const restorable = (...windows: Window[]): Restorable => ({
  windows,
  gaps: [],
  unusable: [],
  missingHistories: [],
  newest: undefined,
  end: undefined,
});

const at = (seconds: number) => parseTarget(new Date(seconds * 1000).toISOString());
const lsn = (segment: number) => parseTarget(renderPosition(segment * segmentBytes + 5000));

const s3 = restorable(
  window("s3", [backup(100), backup(200)], 300),
  window("s3", [backup(400)], 500),
  window("s3", [backup(100)], 260, { timeline: 7, current: false }),
);
const gcs = restorable(window("gcs", [backup(150)], 480));

const ask = (more: Partial<Question> & Pick<Question, "target">): Choice =>
  planRestore({ restorable: new Map([["s3", s3]]), now: 1000, ...more });

const label = (choice: Choice) => (choice.kind === "go" ? choice.order.backup.label : choice.why);

describe("with which backup a target is reached", () => {
  it("the newest one that was over before it", () => {
    assert.equal(label(ask({ target: at(150) })), backup(100).label);
    assert.equal(label(ask({ target: at(250) })), backup(200).label);
    assert.equal(label(ask({ target: lsn(250) })), backup(200).label);
    assert.equal(label(ask({ target: at(450) })), backup(400).label);
    assert.equal(label(ask({ target: parseTarget("latest") })), backup(400).label);
  });

  it("not one whose last second it is: the database may not be consistent yet", () => {
    assert.equal(label(ask({ target: at(200) })), backup(100).label);
    assert.equal(label(ask({ target: at(201) })), backup(200).label);
  });

  it("the preferred repository's, and another's where that one has a gap", () => {
    const both = new Map([
      ["s3", s3],
      ["gcs", gcs],
    ] as const);
    const repositoryOf = (choice: Choice) => (choice.kind === "go" ? choice.order.repository : choice.why);
    assert.equal(repositoryOf(ask({ target: at(250), restorable: both })), "s3");
    assert.equal(repositoryOf(ask({ target: at(350), restorable: both })), "gcs");
  });

  it("an operator's own, where it leads there", () => {
    assert.equal(label(ask({ target: at(250), backup: backup(100).label })), backup(100).label);
  });

  it("another history's, where the operator names it", () => {
    const choice = ask({ target: at(250), timeline: 7 });
    assert.equal(choice.kind === "go" && choice.order.timeline, 7);
  });
});

describe("what is refused before anything is touched", () => {
  const nothing = new Map([["s3", restorable()]] as const);
  const cases: [what: string, question: Partial<Question> & Pick<Question, "target">, why: RegExp][] = [
    ["a future time", { target: at(1001) }, /lies in the future: it is 1970-01-01T00:16:40Z now/],
    ["a time before the first backup", { target: at(99) }, /is from before the first backup that can be restored/],
    ["the first backup's own last second", { target: at(100) }, /is from before the first backup/],
    ["a position before the first backup", { target: lsn(50) }, /is from before the first backup/],
    ["a time inside a gap", { target: at(350) }, /lies in a gap of the archive. There is: s3: .*; s3: /],
    ["a backup that was over after the target", { target: at(150), backup: backup(200).label }, /would run past it/],
    [
      "a backup that isn't there",
      { target: at(250), backup: "20200101-000000F" },
      /there is no backup 20200101-000000F/,
    ],
    ["a timeline that no backup leads to", { target: at(250), timeline: 9 }, /no backup leads to timeline 9/],
    [
      "a backup of another timeline",
      { target: at(250), timeline: 7, backup: backup(200).label },
      /leads to timeline 1, and not/,
    ],
    ["a time after the end of a left timeline", { target: at(400), timeline: 7 }, /after the end of the archive/],
    [
      "anything, where no backup is there",
      { target: at(250), restorable: nothing },
      /no repository that answers holds/,
    ],
  ];
  for (const [what, question, why] of cases) {
    it(what, () => {
      const choice = ask(question);
      assert.equal(choice.kind, "refused");
      assert.match(label(choice), why);
    });
  }

  it("a position that only a history has which was left behind, and names it", () => {
    const forked = restorable(
      window("s3", [backup(100)], 200, { timeline: 2 }),
      window("s3", [backup(100)], 260, { timeline: 1, current: false }),
    );
    const choice = ask({ target: lsn(250), restorable: new Map([["s3", forked]]) });
    assert.equal(choice.kind, "refused");
    assert.match(label(choice), /Timeline 1, which was left behind, has it: --timeline 1/);
  });

  it("what isn't archived yet may come", () => {
    assert.equal(ask({ target: at(501) }).kind, "later");
    assert.equal(ask({ target: lsn(501) }).kind, "later");
  });

  it("whatever is asked for: a restore begins before its target, and where the archive goes on to it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1100 }), fc.constantFrom(at, lsn), (moment, kind) => {
        const choice = ask({ target: kind(moment) });
        if (choice.kind !== "go") return;
        const { backup, target } = choice.order;
        const within = s3.windows.some(
          ({ backups, to }) => backups.some((one) => one.label === backup.label) && moment <= to.time,
        );
        assert.ok(backup.stoppedAt < moment || target.kind === "lsn");
        assert.ok(target.kind !== "lsn" || backup.stop < target.position);
        assert.ok(within, `${moment}: ${backup.label}`);
      }),
    );
  });
});
