import assert from "node:assert/strict";
import * as fc from "fast-check";
import { askPython } from "./python";

/** An archive as a life of the database left it. */
interface Archive {
  segments: [timeline: number, segment: number][];
  switches: Record<number, [parent: number, segment: number]>;
  timeline: number;
  /** The segment that the database writes next. */
  next: number;
}

/** What happens to a database: all of it is ordinary, and none of it is a fork. */
type Event =
  | { readonly kind: "write"; readonly segments: number }
  /** All volumes are lost: the new database goes on where the archive ends, or in its last segment. */
  | { readonly kind: "rebuild"; readonly within: boolean }
  /** A standby takes over; the old leader may still have archived the segment in which it did, and one by a demotion. */
  | { readonly kind: "failover"; readonly archived: 0 | 1 | 2 };

const write = (archive: Archive, segments: number): void => {
  for (let i = 0; i < segments; i++) archive.segments.push([archive.timeline, archive.next++]);
};

/** The newest timeline there is, plus one, as PostgreSQL numbers them. */
const begin = (archive: Archive, parent: number, segment: number): void => {
  archive.timeline = Math.max(1, ...Object.keys(archive.switches).map(Number)) + 1;
  archive.switches[archive.timeline] = [parent, segment];
  archive.next = segment;
};

const happen = (archive: Archive, event: Event): void => {
  const { timeline, next } = archive;
  if (event.kind === "write") write(archive, event.segments);
  // Where the last record goes on in a segment that is lost, the recovery ends within the one before, of the same timeline.
  else if (event.kind === "rebuild")
    begin(archive, timeline, event.within && next > (archive.switches[timeline]?.[1] ?? 3) ? next - 1 : next);
  else {
    write(archive, event.archived);
    begin(archive, timeline, next);
  }
};

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), segments: fc.integer({ min: 0, max: 6 }) }),
  fc.record({ kind: fc.constant("rebuild" as const), within: fc.boolean() }),
  fc.record({ kind: fc.constant("failover" as const), archived: fc.constantFrom(0 as const, 1 as const, 2 as const) }),
);
const life = fc.array(event, { maxLength: 8 });

/** A backup of segments 3 and 4, then what happens. */
const live = (events: readonly Event[]): Archive => {
  const archive: Archive = { segments: [], switches: {}, timeline: 1, next: 3 };
  write(archive, 4);
  events.forEach((one) => {
    happen(archive, one);
  });
  return archive;
};

/** Two databases go on from `archive` at once; the second one is a new timeline. Both write two segments at least. */
const fork = (archive: Archive, first: number, second: number): { older: number; newer: number } => {
  const older = archive.timeline;
  const branch = archive.next;
  write(archive, first + 1);
  const olderNext = archive.next;
  begin(archive, older, branch);
  write(archive, second + 1);
  const newer = archive.timeline;
  archive.timeline = older;
  archive.next = olderNext;
  return { older, newer };
};

const program = `
from marimo import wal
from marimo.decision import decide
from marimo.vault import Backup, Observation, State

def answer(case):
    segments = frozenset(wal.Segment(*s) for s in case["segments"])
    archive = wal.Archive(segments, {int(t): tuple(b) for t, b in case["switches"].items()})
    backup = Backup("20260101-020000F", wal.Segment(1, 3), wal.Segment(1, 4), 1)
    choice = wal.Choice(*case["choice"]) if case["choice"] else None
    decision = decide([Observation("s3", 1, State.VALID, backup.label, backup, archive, 7)], "s3", choice)
    end = decision.end
    return [decision.action.value, [end.timeline, end.number] if end else None, decision.message]
`;

type Answer = readonly [action: string, end: readonly [number, number] | null, message: string];

const decide = (archives: readonly Archive[], choices: readonly (readonly [number, number] | null)[]) =>
  askPython<Answer>(
    program,
    archives.map(({ segments, switches }, index) => ({ segments, switches, choice: choices[index] ?? null })),
  );

const runs = 300;
const seed = 20261124;

/** Whoever asks in vain blocks a rebuild in an emergency; whoever is silent loses rows. */
describe("forked timelines (images/postgres wal.py, decision.py)", function () {
  this.timeout(60_000);

  it("ordinary lives, of rebuilds and failovers, are restored to their end", () => {
    const archives = fc.sample(life, { numRuns: runs, seed }).map(live);
    decide(archives, []).forEach(([action, , message], index) => {
      assert.equal(action, "restore", `${message}\n${JSON.stringify(archives[index])}`);
    });
  });

  it("a fork stops; either choice restores its history, and so does every rebuild after it with the key still set", () => {
    const samples = fc.sample(
      fc.record({
        before: life,
        first: fc.integer({ min: 2, max: 5 }),
        second: fc.integer({ min: 2, max: 5 }),
        newest: fc.boolean(),
        after: life,
      }),
      { numRuns: runs, seed },
    );
    const worlds = samples.map(({ before, first, second, newest }) => {
      const archive = live(before);
      const { older, newer } = fork(archive, first, second);
      const chosen = newest ? newer : older;
      return { archive, chosen, choice: [chosen, newer] as const };
    });
    decide(
      worlds.map(({ archive }) => archive),
      [],
    ).forEach(([action, , message], index) => {
      assert.equal(action, "stop", JSON.stringify(worlds[index]?.archive));
      const { choice } = worlds[index] ?? assert.fail();
      assert.ok(message.includes(`restoreTimeline ${choice.join(":")}`), message);
    });
    const choices = worlds.map(({ choice }) => choice);
    const held = (archive: Archive, timeline: number) =>
      Math.max(...archive.segments.filter(([of]) => of === timeline).map(([, number]) => number));
    decide(
      worlds.map(({ archive }) => archive),
      choices,
    ).forEach(([action, end, message], index) => {
      const { archive, chosen } = worlds[index] ?? assert.fail();
      assert.equal(action, "restore", message);
      assert.deepEqual(end, [chosen, held(archive, chosen)], JSON.stringify([archive, chosen, worlds[index]?.choice]));
    });

    // Rebuilt from the chosen one, and what ordinarily happens to it afterwards.
    const later = worlds.map(({ archive, chosen }, index) => {
      begin(archive, chosen, held(archive, chosen) + 1);
      samples[index]?.after.forEach((one) => {
        happen(archive, one);
      });
      return archive;
    });
    decide(later, choices).forEach(([action, , message], index) => {
      assert.equal(action, "restore", `${message}\n${JSON.stringify(later[index])}`);
    });

    // Another fork is another matter.
    later.forEach((archive) => {
      fork(archive, 2, 2);
    });
    decide(later, choices).forEach(([action], index) => {
      assert.equal(action, "stop", JSON.stringify(later[index]));
    });
  });
});
