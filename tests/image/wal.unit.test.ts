import assert from "node:assert/strict";
import { askPython } from "./python";

const program = `
from marimo import wal

def answer(case):
    segments = frozenset(wal.Segment(*s) for s in case["segments"])
    archive = wal.Archive(segments, {int(t): tuple(b) for t, b in case.get("switches", {}).items()})
    reach = wal.reach(wal.Segment(*case["start"]), wal.Segment(*case["stop"]), archive)
    return [reach.end.name, reach.missing.name if reach.missing else None, reach.later, reach.stray.name if reach.stray else None]
`;

interface Case {
  readonly title: string;
  readonly start: readonly [number, number];
  readonly stop: readonly [number, number];
  readonly segments: readonly (readonly [number, number])[];
  readonly switches?: Record<string, readonly [number, number]>;
  readonly expected: readonly [end: string, missing: string | null, later: number];
  /** A segment of a timeline that no history leads to. @default none */
  readonly stray?: string;
}

const range = (timeline: number, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => [timeline, first + index] as const);

const cases: Case[] = [
  {
    // A store that was down when timeline 2 began got its segments later, and its history file never: the restore took
    // timeline 1 for the newest, without a word.
    title: "WAL of a timeline without its history",
    start: [1, 3],
    stop: [1, 4],
    segments: [...range(1, 3, 7), ...range(2, 8, 10)],
    expected: ["000000010000000000000007", null, 0],
    stray: "000000020000000000000008",
  },
  {
    title: "one timeline",
    start: [1, 3],
    stop: [1, 4],
    segments: range(1, 1, 9),
    expected: ["000000010000000000000009", null, 0],
  },
  {
    title: "numbers that cross 256",
    start: [1, 254],
    stop: [1, 255],
    segments: range(1, 254, 258),
    expected: ["000000010000000100000002", null, 0],
  },
  {
    title: "a rebuilt cluster: timeline 2 begins where 1 ended",
    start: [1, 3],
    stop: [1, 4],
    segments: [...range(1, 3, 7), ...range(2, 8, 10)],
    switches: { 2: [1, 8] },
    expected: ["00000002000000000000000A", null, 0],
  },
  {
    // What decision.py makes of it stands in decision.unit.test.ts.
    title: "what the lost primary still archived after the branch is no part of the newest timeline",
    start: [1, 3],
    stop: [1, 4],
    segments: [...range(1, 3, 30), ...range(2, 8, 10)],
    switches: { 2: [1, 8] },
    expected: ["00000002000000000000000A", null, 0],
  },
  {
    title: "a rebuilt cluster that was lost before it archived a segment",
    start: [1, 3],
    stop: [1, 4],
    segments: range(1, 3, 7),
    switches: { 2: [1, 8] },
    expected: ["000000010000000000000007", null, 0],
  },
  {
    title: "three rebuilds in a row",
    start: [1, 3],
    stop: [1, 4],
    segments: [...range(1, 3, 7), ...range(2, 8, 8), ...range(3, 9, 12), ...range(4, 13, 13)],
    switches: { 2: [1, 8], 3: [2, 9], 4: [3, 13] },
    expected: ["00000004000000000000000D", null, 0],
  },
  {
    title: "a backup of a later timeline needs nothing of the earlier",
    start: [3, 9],
    stop: [3, 10],
    segments: range(3, 9, 12),
    switches: { 2: [1, 8], 3: [2, 9] },
    expected: ["00000003000000000000000C", null, 0],
  },
  {
    title: "a gap in the middle",
    start: [1, 3],
    stop: [1, 4],
    segments: [...range(1, 3, 5), ...range(1, 7, 9)],
    expected: ["000000010000000000000009", "000000010000000000000006", 3],
  },
  {
    title: "a gap on the earlier timeline",
    start: [1, 3],
    stop: [1, 4],
    segments: [...range(1, 3, 6), ...range(2, 8, 9)],
    switches: { 2: [1, 8] },
    expected: ["000000020000000000000009", "000000010000000000000007", 2],
  },
  {
    title: "the backup's own WAL is cut off",
    start: [1, 3],
    stop: [1, 5],
    segments: range(1, 3, 4),
    expected: ["000000010000000000000005", "000000010000000000000005", 0],
  },
  {
    title: "a timeline that does not descend from the backup's",
    start: [2, 3],
    stop: [2, 4],
    segments: range(2, 3, 9),
    switches: { 2: [1, 2], 3: [1, 2] },
    expected: ["000000020000000000000003", "000000020000000000000003", 0],
  },
];

describe("how far an archive reaches (images/postgres wal.py)", () => {
  const answers = () => askPython<readonly [string, string | null, number]>(program, cases);
  it("follows every table line", () => {
    answers().forEach((answer, index) => {
      const { expected, stray, title } = cases[index] ?? {};
      assert.deepEqual(answer, [...(expected ?? []), stray ?? null], title);
    });
  });

  it("reads names and histories as PostgreSQL and pgBackRest write them", () => {
    const hash = "dcdc1caca320f2cd9aff4644e563357770c2ee35";
    const names = [
      "000000010000000200000003",
      `000000010000000200000003-${hash}.zst`,
      "00000002.history",
      "000000010000000000000002.00000028.backup",
    ];
    const parse =
      "from marimo import wal\ndef answer(name):\n    s = wal.parse_segment(name)\n    return s and [s.timeline, s.number, s.name]\n";
    assert.deepEqual(askPython(parse, names), [
      [1, 515, "000000010000000200000003"],
      [1, 515, "000000010000000200000003"],
      null,
      null,
    ]);
    const history = "from marimo import wal\ndef answer(text):\n    return wal.parse_history(text)\n";
    const texts = ["1\t0/9000000\tno recovery target specified\n\n2\t1/2A000110\tno recovery target specified\n", ""];
    assert.deepEqual(askPython(history, texts), [[2, 256 + 0x2a], null]);
  });
});
