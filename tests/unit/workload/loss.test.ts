import assert from "node:assert/strict";
import fc from "fast-check";
import type { Commit } from "../../../lab/workload/ledger";
import { computeLoss, ids } from "../../../lab/workload/loss";

const commit = (first: number, rows: number, sent: number, at: number): Commit => ({
  type: "acknowledged",
  first,
  rows,
  sent,
  at,
  server: "10.1.0.1",
});

/** Commits of one row each, acknowledged at those seconds, sent half a second before. */
const commitsAt = (...seconds: number[]): Commit[] =>
  seconds.map((second, n) => commit(n + 1, 1, (second - 0.5) * 1000, second * 1000));

describe("computeLoss", () => {
  const cases: {
    readonly title: string;
    readonly commits: Commit[];
    readonly found: number[];
    readonly expected: { lostWrites: number; holes: number; rpoSeconds: number };
  }[] = [
    {
      title: "nothing lost",
      commits: commitsAt(10, 20, 30),
      found: [1, 2, 3],
      expected: { lostWrites: 0, holes: 0, rpoSeconds: 0 },
    },
    {
      title: "the tail lost",
      commits: commitsAt(10, 20, 30),
      found: [1],
      expected: { lostWrites: 2, holes: 0, rpoSeconds: 30 },
    },
    {
      title: "all lost: since the writer's start",
      commits: commitsAt(10, 20, 30),
      found: [],
      expected: { lostWrites: 3, holes: 0, rpoSeconds: 35 },
    },
    {
      title: "one in the middle lost",
      commits: commitsAt(10, 20, 30),
      found: [1, 3],
      expected: { lostWrites: 1, holes: 1, rpoSeconds: 30 },
    },
    {
      title: "the first lost",
      commits: commitsAt(10, 20, 30),
      found: [2, 3],
      expected: { lostWrites: 1, holes: 1, rpoSeconds: 35 },
    },
    { title: "no commits", commits: [], found: [], expected: { lostWrites: 0, holes: 0, rpoSeconds: 0 } },
    {
      title: "two commits beside each other, of which the one acknowledged later survived: no hole",
      commits: [commit(1, 1, 9_000, 10_000), commit(2, 1, 9_900, 10_100)],
      found: [2],
      expected: { lostWrites: 1, holes: 0, rpoSeconds: 35 },
    },
    {
      title: "half of a transaction lost: a hole, since it is all or nothing",
      commits: [commit(1, 2, 9_000, 10_000)],
      found: [1],
      expected: { lostWrites: 1, holes: 1, rpoSeconds: 35 },
    },
  ];
  for (const { title, commits, found, expected } of cases) {
    it(title, () => {
      const { lostWrites, holes, rpoSeconds } = computeLoss(commits, 5_000, 40_000, (id) => found.includes(id));
      assert.deepEqual({ lostWrites, holes, rpoSeconds }, expected);
    });
  }

  const history = fc
    .array(
      fc.record({ rows: fc.integer({ min: 1, max: 4 }), wait: fc.nat(5000), takes: fc.integer({ min: 1, max: 900 }) }),
    )
    .map((steps) => {
      let next = 1;
      let now = 1_000_000;
      return steps.map(({ rows, wait, takes }) => {
        const first = next;
        next += rows;
        const sent = now + wait;
        now = sent + takes;
        return commit(first, rows, sent, now);
      });
    });

  it("property: a log cut anywhere loses its tail, without holes, and the RPO reaches back to the last survivor", () => {
    fc.assert(
      fc.property(history, fc.nat(), (commits, cutAt) => {
        const cut = commits.length === 0 ? 0 : cutAt % (commits.length + 1);
        const survivors = new Set(commits.slice(0, cut).flatMap(ids));
        const lostAt = (commits.at(-1)?.at ?? 1_000_000) + 1;
        const loss = computeLoss(commits, 1_000_000, lostAt, (id) => survivors.has(id));
        assert.equal(loss.holes, 0);
        assert.equal(loss.foundWrites, survivors.size);
        assert.equal(loss.foundWrites + loss.lostWrites, loss.acknowledgedWrites);
        const recoveredTo = commits[cut - 1]?.at ?? 1_000_000;
        assert.equal(loss.rpoSeconds, cut === commits.length ? 0 : (lostAt - recoveredTo) / 1000);
      }),
    );
  });

  it("property: the order of the ledger's entries changes nothing", () => {
    const found = (id: number) => id % 3 !== 0;
    fc.assert(
      fc.property(history, (commits) => {
        const shuffled = commits.toSorted((a, b) => ((a.first * 7919) % 101) - ((b.first * 7919) % 101));
        assert.deepEqual(computeLoss(shuffled, 0, 9e9, found), computeLoss(commits, 0, 9e9, found));
      }),
    );
  });

  it("property: a row lost before a surviving one was sent is always a hole", () => {
    fc.assert(
      fc.property(
        history.filter((commits) => commits.length > 1),
        (commits) => {
          const last = commits.at(-1);
          assert.ok(last);
          const survivors = new Set(ids(last));
          const loss = computeLoss(commits, 0, last.at, (id) => survivors.has(id));
          assert.equal(loss.holes, loss.lostWrites);
        },
      ),
    );
  });
});
