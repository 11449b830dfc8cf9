import assert from "node:assert/strict";
import { askPython } from "./python";

interface Repository {
  readonly state: string;
  /** Segments of its archive, as [timeline, number]. @default 3 to 8 of timeline 1 */
  readonly segments?: readonly (readonly [number, number])[];
  /** timeline -> [the one before it, segment of the branch] */
  readonly switches?: Record<string, readonly [number, number]>;
  readonly systemId?: number;
  /** Timeline of its backup. @default 1 */
  readonly backupOf?: number;
}

interface Case {
  readonly title: string;
  readonly repositories: Record<string, Repository>;
  /** @default s3 */
  readonly from?: string;
  /** `restoreTimeline`, as [timeline, the newest when it was chosen]. @default none */
  readonly choice?: readonly [number, number];
  readonly action: "restore" | "initialize" | "stop";
  /** Pieces that the message must have, in any order. */
  readonly says?: readonly string[];
  readonly warns?: readonly string[];
  readonly walFrom?: readonly string[];
  readonly end?: string;
  readonly timeline?: number;
}

interface Answer {
  readonly action: string;
  readonly message: string;
  readonly warnings: readonly string[];
  readonly walFrom: readonly string[];
  readonly end: string | null;
  readonly timeline: number | null;
}

// Every backup here needs segments 3 and 4 of its timeline to be consistent.
const program = `
from marimo import wal
from marimo.decision import decide
from marimo.vault import Backup, Observation, State

def observation(name, number, repository):
    state = State[repository["state"]]
    if state is not State.VALID:
        return Observation(name, number, state, "what pgBackRest says")
    segments = repository.get("segments", [[1, n] for n in range(3, 9)])
    switches = {int(t): tuple(before) for t, before in repository.get("switches", {}).items()}
    archive = wal.Archive(frozenset(wal.Segment(*s) for s in segments), switches)
    timeline = repository.get("backupOf", 1)
    backup = Backup("20260101-020000F", wal.Segment(timeline, 3), wal.Segment(timeline, 4), 1)
    return Observation(name, number, state, backup.label, backup, archive, repository.get("systemId", 7))

def answer(case):
    observations = [observation(n, i + 1, r) for i, (n, r) in enumerate(case["repositories"].items())]
    choice = wal.Choice(*case["choice"]) if "choice" in case else None
    decision = decide(observations, case.get("from", "s3"), choice)
    return {
        "action": decision.action.value,
        "message": decision.message,
        "warnings": list(decision.warnings),
        "walFrom": [source.repository for source in decision.wal_sources],
        "end": decision.end.name if decision.end else None,
        "timeline": decision.timeline,
    }
`;

const valid: Repository = { state: "VALID" };
const empty: Repository = { state: "EMPTY" };
const useGcs = "`pulumi config set marimo-dr:restoreFrom gcs`";
const range = (timeline: number, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => [timeline, first + index] as const);

const unreadable = {
  NO_BACKUP: "marimo-dr:repositoryPath",
  HALF_WRITTEN: "marimo-dr:repositoryPath",
  WRONG_PASSPHRASE: "`pulumi config set --secret marimo-dr:repositoryCipher PASSPHRASE`",
  NO_BUCKET: "`pulumi config set marimo-dr:s3Bucket BUCKET`",
  DENIED: "`pulumi config set --secret marimo-dr:s3AccessKey KEY`",
  WRONG_CLOCK: "set the clock of this pod's node",
  UNTRUSTED: "marimo-dr:storeCa",
  UNREACHABLE: "`pulumi config set marimo-dr:s3Endpoint HOST`",
  UNREADABLE: "what pgBackRest says",
};

const follow = (choice: string) => `\`pulumi config set marimo-dr:restoreTimeline ${choice}\``;

/** Both regions were primary for a while, and a rebuild took the newest timeline and dropped the other's rows, silently. */
function forks(): Case[] {
  const archive = (
    segments: Repository["segments"],
    switches: Repository["switches"],
    rest: Partial<Repository> = {},
  ) => ({ s3: { state: "VALID", ...(segments && { segments }), ...(switches && { switches }), ...rest } });
  // Timeline 2 parts from 1 in segment 8, and 1 goes on.
  const both = archive([...range(1, 3, 20), ...range(2, 8, 11)], { 2: [1, 8] });
  return [
    {
      title: "the segment of the fork, archived whole by the old primary",
      repositories: archive([...range(1, 3, 8), ...range(2, 8, 11)], { 2: [1, 8] }),
      action: "restore",
      end: "00000002000000000000000B",
    },
    {
      title: "and the one that a demotion adds",
      repositories: archive([...range(1, 3, 9), ...range(2, 8, 11)], { 2: [1, 8] }),
      action: "restore",
      warns: ["1 archived segments of timeline 1 (000000010000000000000009) are not restored, as a demotion"],
    },
    {
      title: "two segments after the fork's",
      repositories: archive([...range(1, 3, 10), ...range(2, 8, 11)], { 2: [1, 8] }),
      action: "stop",
      says: [
        "timeline 1 has 2 segments, 000000010000000000000009 to 00000001000000000000000A, after timeline 2 parted from it",
        `to follow timeline 2, up to 00000002000000000000000B: ${follow("2:2")}`,
        `to follow timeline 1, up to 00000001000000000000000A: ${follow("1:2")}`,
        "untouched and not restored",
        "nothing has been written",
      ],
    },
    {
      title: "a fork, and the newest chosen",
      repositories: both,
      choice: [2, 2],
      action: "restore",
      timeline: 2,
      end: "00000002000000000000000B",
      warns: ["12 archived segments of timeline 1", "as marimo-dr:restoreTimeline says"],
    },
    {
      title: "a fork, and the older chosen",
      repositories: both,
      choice: [1, 2],
      action: "restore",
      timeline: 1,
      end: "000000010000000000000014",
      warns: ["3 archived segments of timeline 2 (000000020000000000000009 to 00000002000000000000000B)"],
    },
    {
      title: "a rebuild after the older was chosen, with the key still set",
      repositories: archive([...range(1, 3, 20), ...range(2, 8, 11), ...range(3, 21, 23)], { 2: [1, 8], 3: [1, 21] }),
      choice: [1, 2],
      action: "restore",
      timeline: 3,
      end: "000000030000000000000017",
      warns: ["timeline 2"],
    },
    {
      title: "a rebuild after the newest was chosen, with the key still set",
      repositories: archive([...range(1, 3, 20), ...range(2, 8, 11), ...range(3, 12, 13)], { 2: [1, 8], 3: [2, 12] }),
      choice: [2, 2],
      action: "restore",
      timeline: 3,
      end: "00000003000000000000000D",
      warns: ["timeline 1"],
    },
    {
      title: "and with the key removed before a backup of the new timeline was made",
      repositories: archive([...range(1, 3, 20), ...range(2, 8, 11), ...range(3, 12, 13)], { 2: [1, 8], 3: [2, 12] }),
      action: "stop",
      says: [follow("3:3"), follow("1:3")],
    },
    {
      title: "a new fork of what was chosen",
      repositories: archive([...range(1, 3, 25), ...range(2, 8, 11), ...range(3, 21, 23)], { 2: [1, 8], 3: [1, 21] }),
      choice: [1, 2],
      action: "stop",
      says: ["timeline 1 has 4 segments", follow("3:3"), follow("1:3")],
    },
    {
      title: "the chosen one left by what began later from another",
      repositories: archive([...range(1, 3, 20), ...range(2, 8, 11), ...range(3, 12, 13)], { 2: [1, 8], 3: [2, 12] }),
      choice: [1, 2],
      action: "stop",
      says: [follow("3:3"), follow("1:3")],
    },
    {
      title: "the same, though nothing more was written on the chosen one",
      repositories: archive([...range(1, 3, 8), ...range(2, 8, 11), ...range(3, 12, 13)], { 2: [1, 8], 3: [2, 12] }),
      choice: [1, 2],
      action: "stop",
      says: ["says to follow timeline 1, as decided when 2 was the newest, but timeline 3", follow("3:3")],
    },
    {
      // Region B was promoted (2), then region A had a failover of its own (3): the newest is A's.
      title: "the older history failed over meanwhile, so it has the newest timeline",
      repositories: archive([...range(1, 3, 15), ...range(2, 8, 11), ...range(3, 16, 18)], { 2: [1, 8], 3: [1, 16] }),
      action: "stop",
      says: ["timeline 2 has 3 segments", follow("3:3"), follow("2:3")],
    },
    {
      title: "the newest backup is of a history that was left",
      repositories: archive(
        [...range(1, 2, 3), ...range(2, 3, 4), ...range(3, 4, 6)],
        { 2: [1, 3], 3: [1, 4] },
        { backupOf: 2 },
      ),
      action: "stop",
      says: ["backup 20260101-020000F is of timeline 2, from which timeline 3", follow("3:3"), follow("2:3")],
    },
    {
      title: "a choice that the archive does not have",
      repositories: archive(undefined, undefined),
      choice: [4, 5],
      action: "stop",
      says: ["restoreTimeline is 4:5", "no history of timeline 4", "`pulumi config rm marimo-dr:restoreTimeline`"],
    },
    {
      title: "a choice where nothing has forked",
      repositories: archive([...range(1, 3, 8), ...range(2, 8, 11)], { 2: [1, 8] }),
      choice: [2, 2],
      action: "restore",
      timeline: 2,
    },
  ];
}

const cases: Case[] = [
  {
    title: "both valid: the configured one",
    repositories: { s3: valid, gcs: valid },
    action: "restore",
    walFrom: ["s3", "gcs"],
  },
  {
    title: "both valid, from gcs",
    repositories: { s3: valid, gcs: valid },
    from: "gcs",
    action: "restore",
    walFrom: ["gcs", "s3"],
  },
  { title: "one repository, valid", repositories: { s3: valid }, action: "restore", walFrom: ["s3"] },
  { title: "both empty", repositories: { s3: empty, gcs: empty }, action: "initialize" },
  { title: "one repository, empty", repositories: { gcs: empty }, from: "gcs", action: "initialize" },
  {
    title: "valid while the other is empty",
    repositories: { s3: valid, gcs: empty },
    action: "restore",
    walFrom: ["s3"],
    warns: ["repository gcs is empty"],
  },
  {
    title: "empty while the other is valid",
    repositories: { s3: empty, gcs: valid },
    action: "stop",
    says: ["repository s3 is empty", "repository gcs holds a backup", useGcs],
  },
  {
    title: "named repository is not configured",
    repositories: { gcs: valid },
    action: "stop",
    says: ["restoreFrom is s3", useGcs],
  },
  ...Object.entries(unreadable).flatMap(([state, remedy]): Case[] => [
    {
      title: `${state} while the other is valid`,
      repositories: { s3: { state }, gcs: valid },
      action: "stop",
      says: ["repository s3", "what pgBackRest says", remedy, useGcs, "nothing has been written"],
    },
    {
      title: `${state} while the other is empty: it may hold everything`,
      repositories: { s3: { state }, gcs: empty },
      action: "stop",
      says: ["repository s3", remedy, "nothing has been written"],
    },
    {
      title: `${state} in the other, and the named one empty`,
      repositories: { s3: empty, gcs: { state } },
      action: "stop",
      says: ["repository gcs", "marimo-dr:repositories s3", "nothing has been written"],
    },
    {
      title: `${state} in the other, and the named one valid`,
      repositories: { s3: valid, gcs: { state } },
      action: "restore",
      walFrom: ["s3"],
      warns: ["repository gcs", "marimo-dr:repositories s3"],
    },
    { title: `${state} in both`, repositories: { s3: { state }, gcs: { state } }, action: "stop", says: [remedy] },
  ]),
  {
    title: "a newer tail in the other is used",
    repositories: { s3: valid, gcs: { state: "VALID", segments: range(1, 3, 12) } },
    action: "restore",
    walFrom: ["s3", "gcs"],
    end: "00000001000000000000000C",
  },
  {
    title: "a missing segment that the other has",
    repositories: { s3: { state: "VALID", segments: [...range(1, 3, 5), ...range(1, 7, 9)] }, gcs: valid },
    action: "restore",
    end: "000000010000000000000009",
  },
  {
    title: "a missing segment that nobody has",
    repositories: { s3: { state: "VALID", segments: [...range(1, 3, 5), ...range(1, 7, 9)] }, gcs: empty },
    action: "stop",
    says: ["000000010000000000000006 is missing in s3", "losing the 3 segments"],
  },
  {
    title: "a missing segment that the unreachable one may have",
    repositories: { s3: { state: "VALID", segments: [...range(1, 3, 5), [1, 7]] }, gcs: { state: "UNREACHABLE" } },
    action: "stop",
    says: ["gcs may hold the segment", "marimo-dr:gcsEndpoint"],
  },
  {
    title: "no WAL for the backup itself",
    repositories: { s3: { state: "VALID", segments: [[1, 3]] } },
    action: "stop",
    says: ["000000010000000000000004 is missing", "not yet consistent"],
  },
  {
    title: "another database in the other is not mixed in",
    repositories: { s3: valid, gcs: { state: "VALID", segments: range(1, 3, 20), systemId: 8 } },
    action: "restore",
    walFrom: ["s3"],
    end: "000000010000000000000008",
    warns: ["another database"],
  },
  {
    title: "another history in the other is not mixed in",
    repositories: {
      s3: { state: "VALID", segments: [...range(1, 3, 8), ...range(2, 9, 11)], switches: { 2: [1, 9] } },
      gcs: { state: "VALID", segments: [...range(1, 3, 6), ...range(2, 7, 20)], switches: { 2: [1, 7] } },
    },
    action: "restore",
    walFrom: ["s3"],
    end: "00000002000000000000000B",
    warns: ["another history"],
  },
  ...forks(),
];

describe("what a cluster with an empty volume does (images/postgres decision.py)", () => {
  let answers: Answer[] = [];
  before(() => {
    answers = askPython<Answer>(program, cases);
  });

  cases.forEach((expected, index) => {
    it(`${expected.title}: ${expected.action}`, () => {
      const answer = answers[index];
      assert.ok(answer);
      assert.equal(answer.action, expected.action, answer.message);
      expected.says?.forEach((piece) => {
        assert.ok(answer.message.includes(piece), `"${piece}" is not in: ${answer.message}`);
      });
      assert.equal(answer.warnings.length, expected.warns === undefined ? 0 : 1, answer.warnings.join("\n"));
      expected.warns?.forEach((piece) => {
        assert.ok(answer.warnings[0]?.includes(piece), `"${piece}" is not in: ${answer.warnings[0] ?? ""}`);
      });
      if (expected.walFrom) assert.deepEqual(answer.walFrom, expected.walFrom);
      if (expected.end) assert.equal(answer.end, expected.end);
      assert.equal(answer.timeline, expected.timeline ?? null);
    });
  });

  it("never initializes unless everything is empty, and never restores from anything but a valid repository", () => {
    const states = ["VALID", "EMPTY", ...Object.keys(unreadable)];
    const all = states.flatMap((s3) =>
      states.map((gcs) => ({ repositories: { s3: { state: s3 }, gcs: { state: gcs } } })),
    );
    askPython<Answer>(program, all).forEach((answer, index) => {
      const { s3, gcs } = all[index]?.repositories ?? assert.fail();
      const expected =
        s3.state === "VALID" ? "restore" : s3.state === "EMPTY" && gcs.state === "EMPTY" ? "initialize" : "stop";
      assert.equal(answer.action, expected, `s3 ${s3.state}, gcs ${gcs.state}`);
    });
  });
});
