import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Archive,
  archivesOf,
  helpedBy,
  historiesAmong,
  type Listing,
  noDamage,
  type Restorable,
  restorable,
  segmentsOf,
} from "../../../domain/archive";
import { parseInfo } from "../../../domain/pgbackrestInfo";
import { parseHistory, parsePosition, parseSegment, renderPosition, segmentName } from "../../../domain/wal";
import { id, type Life, live, pathOf, type Step, without } from "./history";

const write = (segments: number): Step => ({ kind: "write", segments });
const full: Step = { kind: "full" };
const diff: Step = { kind: "diff" };
const fork = (late = 0): Step => ({ kind: "fork", late });

const archiveOf = ({ info, listing }: Life, change: (listing: Listing) => Listing = (same) => same): Archive => {
  const [archive, ...more] = archivesOf(info, "s3", change(listing));
  assert.ok(archive && more.length === 0);
  return archive;
};

/** As a reader of `dr restore --list` wants it. */
const windowsOf = ({ windows }: Restorable) =>
  windows.map(({ backups, to, timeline, current }) => [
    backups.map(({ label }) => label).join("+"),
    to.segment.slice(4, 8) + to.segment.slice(20),
    ...(current ? [] : [`left, timeline ${timeline}`]),
  ]);
const gapsOf = ({ gaps }: Restorable) => gaps.map(({ cause, first, last, count }) => [cause, first, last, count]);

const seg = (timeline: number, number: number) => segmentName({ timeline, number });

interface Case {
  readonly title: string;
  readonly life: readonly Step[];
  /** Segments that are gone. @default none */
  readonly gone?: readonly string[];
  /** Segments and labels of backups that are damaged. @default none */
  readonly damaged?: { readonly segments?: readonly string[]; readonly backups?: readonly string[] };
  /** @default none */
  readonly twice?: readonly string[];
  /** Backups, and the last segment: timeline and number. */
  readonly windows: readonly (readonly string[])[];
  readonly gaps?: readonly (readonly [cause: string, first: string, last: string, count: number])[];
  readonly unusable?: readonly (readonly [label: string, why: string])[];
  readonly missingHistories?: readonly number[];
}

const cases: Case[] = [
  {
    title: "one backup, and WAL to the end",
    life: [write(2), full, write(4)],
    windows: [["F0", "00010008"]],
  },
  {
    title: "a full and two differentials reach the same end",
    life: [full, write(2), diff, write(2), diff, write(1)],
    windows: [["F0+F0_D1+F0_D2", "0001000B"]],
  },
  {
    title: "nothing is archived after the backup",
    life: [full],
    windows: [["F0", "00010002"]],
  },
  {
    title: "a segment that is gone ends one window, and the next begins with the backup after it",
    life: [full, write(5), full, write(3)],
    gone: [seg(1, 5)],
    windows: [
      ["F0", "00010004"],
      ["F1", "0001000C"],
    ],
    gaps: [["missing", seg(1, 5), seg(1, 5), 1]],
  },
  {
    title: "two segments in a row are one gap, and what lies behind it without a backup is out of reach",
    life: [full, write(6)],
    gone: [seg(1, 5), seg(1, 6)],
    windows: [["F0", "00010004"]],
    gaps: [["missing", seg(1, 5), seg(1, 6), 2]],
  },
  {
    title: "a damaged segment is as good as none, and said to be damaged",
    life: [full, write(6)],
    gone: [seg(1, 5)],
    damaged: { segments: [seg(1, 6)] },
    windows: [["F0", "00010004"]],
    gaps: [
      ["missing", seg(1, 5), seg(1, 5), 1],
      ["damaged", seg(1, 6), seg(1, 6), 1],
    ],
  },
  {
    title: "two files of one segment: pgBackRest gives none of them",
    life: [full, write(3)],
    twice: [seg(1, 4)],
    windows: [["F0", "00010003"]],
    gaps: [["twice", seg(1, 4), seg(1, 4), 1]],
  },
  {
    title: "a gap in the backup's own WAL makes it useless, and the one before reaches up to it",
    life: [full, write(2), full, write(2)],
    gone: [seg(1, 6)],
    windows: [["F0", "00010005"]],
    gaps: [["missing", seg(1, 6), seg(1, 6), 1]],
    unusable: [["F1", `its own WAL ${seg(1, 6)} is missing`]],
  },
  {
    title: "a damaged full backup takes its differentials with it, and the WAL before the next full is out of reach",
    life: [full, write(1), diff, write(1), full, write(1)],
    damaged: { backups: ["F0"] },
    windows: [["F2", "00010009"]],
    unusable: [
      ["F0", "it has a damaged file"],
      ["F0_D1", "it has files in F0, which has a damaged file"],
    ],
  },
  {
    title: "a damaged differential is alone in it",
    life: [full, write(1), diff, write(1), diff, write(1)],
    damaged: { backups: ["F0_D1"] },
    windows: [["F0+F0_D2", "00010009"]],
    unusable: [["F0_D1", "it has a damaged file"]],
  },
  {
    title: "every backup is damaged: nothing can be restored, and no segment is missed",
    life: [full, write(3)],
    gone: [seg(1, 4)],
    damaged: { backups: ["F0"] },
    windows: [],
    unusable: [["F0", "it has a damaged file"]],
  },
  {
    title: "WAL before the oldest backup is no gap: it has expired",
    life: [write(9), full, write(2)],
    gone: [1, 3, 4, 9].map((number) => seg(1, number)),
    windows: [["F0", "0001000D"]],
  },
  {
    title: "a rebuilt database goes on along the next timeline, from the segment of the fork",
    life: [full, write(3), fork(), write(3), fork(), write(1)],
    windows: [["F0", "00030009"]],
  },
  {
    title: "a crash's and a demotion's remains on the old timeline are no history of their own",
    life: [full, write(3), fork(1), write(3)],
    windows: [["F0", "00020008"]],
  },
  {
    title: "what an old writer went on archiving is a window of its own",
    life: [full, write(3), fork(4), write(3)],
    windows: [
      ["F0", "00020008"],
      ["F0", "00010009", "left, timeline 1"],
    ],
  },
  {
    title: "the segment of the fork is read from the new timeline, and missed there",
    life: [full, write(3), fork(1), write(3)],
    gone: [seg(2, 6)],
    windows: [["F0", "00010005"]],
    gaps: [["missing", seg(2, 6), seg(2, 6), 1]],
  },
  {
    title: "a gap over a fork is named on both timelines",
    life: [full, write(3), fork(), write(3)],
    gone: [seg(1, 5), seg(2, 6)],
    windows: [["F0", "00010004"]],
    gaps: [
      ["missing", seg(1, 5), seg(1, 5), 1],
      ["missing", seg(2, 6), seg(2, 6), 1],
    ],
  },
  {
    title: "a new timeline that has archived nothing yet: the restore ends before the fork",
    life: [full, write(3), fork()],
    windows: [["F0", "00010005"]],
  },
  {
    title: "names go on after 256 segments",
    life: [write(252), full, write(4)],
    gone: [seg(1, 256)],
    windows: [["F0", "000100FF"]],
    gaps: [["missing", "000000010000000100000000", "000000010000000100000000", 1]],
  },
];

describe("what an archive can restore", () => {
  for (const { title, life, gone = [], damaged = {}, twice = [], ...expected } of cases) {
    it(title, () => {
      const archive = archiveOf(live(life), (listing) => {
        const { files, histories } = without(listing, gone);
        const twins = twice.map((name) => [pathOf(name).replace(/[0-9a-f]{40}/, "0".repeat(40)), 1] as const);
        return { files: new Map([...files, ...twins]), histories };
      });
      const damage = { segments: new Set(damaged.segments), backups: new Set(damaged.backups) };
      const answer = restorable({ ...archive, damage });
      assert.deepEqual(windowsOf(answer), expected.windows);
      assert.deepEqual(gapsOf(answer), expected.gaps ?? []);
      assert.deepEqual(
        answer.unusable.map(({ backup, why }) => [backup.label, why]),
        expected.unusable ?? [],
      );
      assert.deepEqual(answer.missingHistories, []);
    });
  }

  it("says from when to when, and the newest point", () => {
    const { info, listing } = live([full, write(3), full, write(2)]);
    const { windows, newest } = restorable(archiveOf({ info, listing } as Life));
    assert.deepEqual(
      windows.map(({ from, to }) => ({ from, to })),
      [
        {
          from: { lsn: "0/2FFFC18", time: info.backup[0]?.timestamp.stop },
          to: { segment: seg(1, 9), lsn: "0/A000000", time: listing.files.get(pathOf(seg(1, 9))) },
        },
      ],
    );
    assert.deepEqual(newest, {
      ...{ repository: "s3", backup: "F1", segment: seg(1, 9), lsn: "0/A000000", timeline: 1 },
      time: listing.files.get(pathOf(seg(1, 9))),
    });
  });

  it("a gap says which files there are, and when the segment before it came", () => {
    const life = live([full, write(4)]);
    const archive = archiveOf(life);
    const damage = { ...noDamage, segments: new Set([seg(1, 4), seg(1, 5)]) };
    const { end, gaps } = restorable({ ...archive, damage });
    const [gap] = gaps;
    assert.equal(end, 6);
    assert.ok(gap);
    assert.deepEqual(segmentsOf(gap), [seg(1, 4), seg(1, 5)]);
    assert.deepEqual(gap.files, [pathOf(seg(1, 4)), pathOf(seg(1, 5))]);
    assert.equal(gap.after, life.listing.files.get(pathOf(seg(1, 3))));
  });

  // A store that was down when timeline 2 began got its segments later, and its history file never: a restore took
  // timeline 1 for the newest, without a word.
  it("a timeline without its history file is named", () => {
    const { info, listing } = live([full, write(2), fork(), write(2), fork(), write(2)]);
    const files = new Map([...listing.files].filter(([path]) => path !== `${id}/00000002.history`));
    const histories = new Map([...listing.histories].filter(([path]) => files.has(path)));
    const answer = restorable(archiveOf({ info, listing } as Life, () => ({ files, histories })));
    assert.deepEqual(answer.missingHistories, [2]);
    assert.equal(answer.newest?.segment, seg(1, 4));
  });

  it("a backup whose full backup has gone is of no use", () => {
    const { info, listing } = live([full, write(1), diff, write(1)]);
    const orphan = { ...info, backup: info.backup.slice(1) };
    const answer = restorable(archiveOf({ info: orphan, listing } as Life));
    assert.deepEqual(answer.windows, []);
    assert.deepEqual(
      answer.unusable.map(({ why }) => why),
      ["it has files in F0, which is gone"],
    );
  });

  it("each repository is asked for its own backups, and each database for its own archive", () => {
    const one = live([full, write(1)]);
    const other = live([full, write(1), full], 2);
    const info = {
      ...one.info,
      backup: [...one.info.backup, ...other.info.backup],
      db: [...one.info.db, ...other.info.db],
    };
    assert.deepEqual(archivesOf(info, "gcs", other.listing)[0]?.backups.length, 2);
    const made = { id: 2, "repo-key": 1, "system-id": 7_500_000_000_000_000_000, version: "17" };
    const anew = archivesOf({ ...info, db: [made, ...info.db] }, "s3", one.listing);
    assert.deepEqual(
      anew.map((archive) => [archive.id, archive.backups.length, archive.segments.size]),
      [
        ["17-1", 1, 3],
        ["17-2", 0, 0],
      ],
    );
    assert.deepEqual(restorable(anew[1] as Archive), {
      ...{ windows: [], gaps: [], unusable: [], missingHistories: [], newest: undefined, end: undefined },
    });
  });

  it("a damaged history is an error that names it", () => {
    const { info, listing } = live([full, fork(), write(1)]);
    const histories = new Map([[`${id}/00000002.history`, "\u0007garbage"]]);
    assert.throws(
      () => archivesOf(info, "s3", { ...listing, histories }),
      /archive\/17-1\/00000002\.history is damaged/,
    );
  });

  it("what another repository has fills a hole, unless it is damaged there or its history is another one", () => {
    const life = live([full, write(4), fork(), write(2)]);
    const archive = archiveOf(life, (listing) => without(listing, [seg(1, 4), seg(2, 7)]));
    const whole = archiveOf(life);
    const helped = (other: Archive, one = archive) => restorable(helpedBy(one, [other])).newest?.segment;
    assert.equal(helped(whole), seg(2, 8));
    assert.equal(helped({ ...whole, damage: { ...noDamage, segments: new Set([seg(2, 7)]) } }), seg(1, 6));
    assert.equal(helped({ ...whole, systemId: 7_500_000_000_000_000_000 }), seg(1, 3));
    assert.equal(helped({ ...whole, histories: new Map([[2, [{ timeline: 1, position: 5 }]]]) }), seg(1, 3));
    // A restore may take the damaged one without noticing.
    const damaged = { ...whole, damage: { ...noDamage, segments: new Set([seg(1, 5)]) } };
    assert.equal(helped(whole, damaged), seg(1, 4));
  });

  it("two repositories whose segment differs give neither of them", () => {
    const life = live([full, write(4)]);
    const whole = archiveOf(life);
    const other = archiveOf(life, ({ files, histories }) => ({
      files: new Map(
        [...files].map(([path, time]) => [path.includes(seg(1, 5)) ? path.replace("dcdc", "abab") : path, time]),
      ),
      histories,
    }));
    assert.deepEqual(gapsOf(restorable(helpedBy(whole, [other]))), [["twice", seg(1, 5), seg(1, 5), 1]]);
  });
});

const steps = fc
  .array(
    fc.oneof(
      fc.record({ kind: fc.constant("write" as const), segments: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ kind: fc.constantFrom("full" as const, "diff" as const) }),
      // One that was archived after it is explained by a demotion; more would be a history of its own.
      fc.record({ kind: fc.constant("fork" as const), late: fc.integer({ min: 0, max: 1 }) }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  // A fork where nothing was archived on the timeline before is two forks in one place.
  .map((list) => list.flatMap((step): Step[] => (step.kind === "fork" ? [write(1), step, write(1)] : [step])));

/** A life, and which of its segments are gone or damaged, by their place in `current`. */
const hurt = steps
  .map((list) => live(list))
  .chain((life) => {
    const some = fc.uniqueArray(fc.nat({ max: Math.max(0, life.current.length - 1) }), { maxLength: 6 });
    return fc.record({ life: fc.constant(life), gone: some, damaged: some });
  });

const namesOf = ({ current }: Life, places: readonly number[]) => places.flatMap((place) => current[place] ?? []);

describe("what an archive can restore, in generated lives", () => {
  /** What a restore finds when it reads segment after segment: places in `current`, the slow way. */
  const reach = ({ current }: Life, from: number, unreadable: ReadonlySet<string>): number => {
    let place = from;
    while (place < current.length && !unreadable.has(current[place] ?? "")) place += 1;
    return place - 1;
  };

  const judge = (life: Life, gone: readonly number[], damaged: readonly number[]) => {
    const damage = { ...noDamage, segments: new Set(namesOf(life, damaged)) };
    const archive = archiveOf(life, (listing) => without(listing, namesOf(life, gone)));
    return restorable({ ...archive, damage });
  };

  it("a window holds just what a restore from each of its backups reaches", () => {
    fc.assert(
      fc.property(hurt, ({ life, gone, damaged }) => {
        const unreadable = new Set(namesOf(life, [...gone, ...damaged]));
        const { windows } = judge(life, gone, damaged);
        const reached = life.backups.flatMap(({ label, first, last }) => {
          const end = reach(life, first, unreadable);
          return end >= last ? [[label, life.current[end]]] : [];
        });
        assert.deepEqual(
          windows.flatMap(({ backups, to }) => backups.map(({ label }) => [label, to.segment])),
          reached,
        );
      }),
    );
  });

  it("the gaps are just the segments that are gone or damaged, from the oldest backup on", () => {
    fc.assert(
      fc.property(hurt, ({ life, gone, damaged }) => {
        const first = life.backups[0]?.first ?? life.current.length;
        // What is gone at the very end was never archived, as far as names tell. A backup's own WAL is missed all the same, and
        // what lies before the last fork.
        const held = life.current.findLastIndex((name) => !namesOf(life, gone).includes(name));
        const newest = life.current.at(-1)?.slice(0, 8);
        const forked = life.current.findLastIndex((name) => name.slice(0, 8) !== newest);
        const end = Math.max(held, forked, life.backups.at(-1)?.last ?? -1);
        const within = (places: readonly number[]) => places.filter((place) => place >= first && place <= end);
        const expected = namesOf(life, within([...new Set([...gone, ...damaged])])).sort();
        const found = judge(life, gone, damaged).gaps.flatMap(({ first, last, count }) => {
          const [from, to] = [first, last].map((name) => life.current.indexOf(name)) as [number, number];
          assert.equal(to - from + 1, count);
          return life.current.slice(from, to + 1);
        });
        assert.deepEqual(found.sort(), expected);
      }),
    );
  });

  it("the newest point is never past a hole, and what is lost never makes more restorable", () => {
    fc.assert(
      fc.property(hurt, ({ life, gone, damaged }) => {
        const [less, more] = [judge(life, gone, damaged), judge(life, gone, [])];
        const place = ({ newest }: Restorable) => (newest ? life.current.indexOf(newest.segment) : -1);
        assert.ok(place(less) <= place(more));
        const unreadable = new Set(namesOf(life, [...gone, ...damaged]));
        assert.ok(less.newest === undefined || !unreadable.has(less.newest.segment));
      }),
    );
  });

  it("with a second, whole repository beside it nothing that is missing is out of reach", () => {
    fc.assert(
      fc.property(hurt, ({ life, gone }) => {
        const archive = archiveOf(life, (listing) => without(listing, namesOf(life, gone)));
        const whole = archiveOf(life);
        assert.deepEqual(restorable(helpedBy(archive, [whole])), restorable(whole));
      }),
    );
  });

  it("a damaged backup takes with it those that have files in it, and no others", () => {
    fc.assert(
      fc.property(steps, fc.nat(), (list, choice) => {
        const life = live(list);
        fc.pre(life.backups.length > 0);
        const { label } = life.backups[choice % life.backups.length] ?? { label: "" };
        const answer = restorable({ ...archiveOf(life), damage: { ...noDamage, backups: new Set([label]) } });
        const useless = life.info.backup.filter((one) => one.label === label || one.reference?.includes(label));
        assert.deepEqual(
          answer.unusable.map(({ backup }) => backup.label),
          useless.map((one) => one.label),
        );
        const usable = answer.windows.flatMap(({ backups }) => backups.map((backup) => backup.label));
        assert.equal(usable.length, life.backups.length - useless.length);
      }),
    );
  });
});

describe("names of WAL", () => {
  it("are read as PostgreSQL and pgBackRest write them", () => {
    const hash = "dcdc1caca320f2cd9aff4644e563357770c2ee35";
    for (const text of ["000000010000000200000003", `000000010000000200000003-${hash}.zst`]) {
      assert.deepEqual(parseSegment(text), { timeline: 1, number: 515 });
    }
    const others = ["00000002.history", "000000010000000000000002.00000028.backup", "000000010000000200000003.partial"];
    for (const text of others) assert.equal(parseSegment(text), undefined, text);
  });

  it("and positions come back as they were", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff }), fc.nat(2 ** 40 - 1), (timeline, number) => {
        assert.deepEqual(parseSegment(segmentName({ timeline, number })), { timeline, number });
        assert.equal(parsePosition(renderPosition(number)), number);
      }),
    );
    assert.equal(renderPosition(parsePosition("1/2A000110")), "1/2A000110");
    for (const text of ["", "1", "1/", "/1", "1/2/3", "x/1", "123456789/0"])
      assert.throws(() => parsePosition(text), RangeError);
  });

  it("a history is read to its last line, or refused", () => {
    const text = "1\t0/9000000\tno recovery target specified\n\n# note\n2\t1/2A000110\tbefore 2026-01-01\n";
    assert.deepEqual(parseHistory(text), [
      { timeline: 1, position: 0x9000000 },
      { timeline: 2, position: 2 ** 32 + 0x2a000110 },
    ]);
    for (const broken of ["", "# nothing\n", "1\n", "garbage", "1\t0-9\n"])
      assert.throws(() => parseHistory(broken), RangeError);
  });

  it("histories are found in a listing", () => {
    const paths = [`${id}/00000002.history`, `${id}/0000000100000000/x`, "archive.info", "00000002.history"];
    assert.deepEqual(historiesAmong(paths), [`${id}/00000002.history`]);
  });
});

describe("pgbackrest info", () => {
  it("is read as far as it is used, ciphertext in its messages or not", () => {
    const { info } = live([full]);
    assert.deepEqual(parseInfo(JSON.stringify([{ ...info, name: "marimo", cipher: "none" }])), info);
    const empty = '[{"archive":[],"backup":[],"repo":[{"key":1,"status":{"code":99,"message":"\u0001\u0002"}}]}]';
    assert.deepEqual(parseInfo(empty).db, []);
  });

  it("of no stanza, of two, or of another form is an error", () => {
    for (const text of ["", "[]", "{}", '[{"archive":[]}]']) assert.throws(() => parseInfo(text));
  });
});
