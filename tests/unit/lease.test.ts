import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Lease,
  type Member,
  type Reading,
  type Round,
  type Vault,
  clockDrift,
  decide,
  leaseTimes,
  mayAcknowledge,
  renewalInterval,
  start,
  storeClockError,
  written,
} from "../../domain/lease";

const storeNow = 1_000_000;

const lease = (holder: string | null, term: number, rest: Partial<Lease> = {}): Lease => ({
  holder,
  term,
  state: "writing",
  readAt: storeNow,
  without: null,
  ...rest,
});

const reading = (vault: Vault, held: Lease | undefined, seconds = 0): Reading => ({
  vault,
  version: held && `version of ${vault}`,
  lease: held,
  storeTime: storeNow + seconds,
});

const round = (readings: readonly Reading[], rest: Partial<Round> = {}): Round => ({
  startedAt: 100,
  readings,
  wish: "write",
  ...rest,
});

/** One round of which all writes succeed. */
const after = (member: Member, given: Round): Member => {
  const decision = decide(member, given, leaseTimes);
  return decision.writes.reduce((each, write) => written(each, write, leaseTimes), decision.member);
};
const writesOf = (member: Member, given: Round) =>
  decide(member, given, leaseTimes).writes.map(({ vault, lease: { holder, term, state, without } }) => ({
    vault,
    holder,
    term,
    state,
    without,
  }));

const released = [
  reading("s3", lease("A", 3, { state: "released" })),
  reading("gcs", lease("A", 3, { state: "released" })),
];
const writer = after(start("B"), round(released));

describe("the writer's lease", () => {
  it("has margins that outweigh drifting clocks and times cut to seconds", () => {
    const { validity, holderMargin, takerMargin } = leaseTimes;
    const drift = fc.double({ min: -clockDrift, max: clockDrift, noNaN: true });
    const error = fc.double({ min: 0, max: storeClockError.seconds, noNaN: true });
    fc.assert(
      fc.property(drift, drift, error, (holder, store, misread) => {
        const holderStops = (validity.seconds - holderMargin.seconds) / (1 + holder);
        const takerBegins = (validity.seconds + takerMargin.seconds - misread) / (1 + store);
        assert.ok(holderStops < takerBegins);
      }),
    );
    assert.ok(renewalInterval.seconds * 5 < validity.seconds - holderMargin.seconds);
  });

  it("makes a writer of a region that takes both vaults, until its time is over and not a moment longer", () => {
    assert.equal(mayAcknowledge(writer, 100), true);
    assert.equal(mayAcknowledge(writer, 127.999), true);
    assert.equal(mayAcknowledge(writer, 128), false);
    assert.equal(writer.term, 4);
  });

  it("makes none of a region that took one, or took the two in different rounds", () => {
    const first = decide(start("B"), round(released), leaseTimes);
    const [s3, gcs] = first.writes;
    assert.ok(s3 && gcs);
    const half = written(first.member, s3, leaseTimes);
    assert.equal(mayAcknowledge(half, 100), false);
    const second = decide(half, round(released, { startedAt: 105 }), leaseTimes);
    assert.equal(mayAcknowledge(written(second.member, gcs, leaseTimes), 105), false);
  });

  it("is kept with either vault, and written only on the version that was read", () => {
    for (const vault of ["s3", "gcs"] as const) {
      const own = reading(vault, lease("B", 4));
      assert.equal(mayAcknowledge(after(writer, round([own], { startedAt: 120 })), 147), true);
      assert.equal(decide(writer, round([own]), leaseTimes).writes[0]?.version, own.version);
    }
  });

  it("is left alone while it is another's, and free after its time and the margin", () => {
    const held = (seconds: number) => [reading("s3", lease("A", 3), seconds), reading("gcs", lease("A", 3), seconds)];
    assert.deepEqual(writesOf(start("B"), round(held(33))), []);
    assert.deepEqual(
      writesOf(start("B"), round(held(34))).map(({ term, state }) => [term, state]),
      [
        [4, "taking"],
        [4, "taking"],
      ],
    );
  });

  it("is given back when the other vault isn't to be had", () => {
    const half = [reading("s3", lease("B", 4, { state: "taking" })), reading("gcs", lease("A", 3), 1)];
    assert.deepEqual(writesOf(start("B"), round(half)), [
      { vault: "s3", holder: "B", term: 4, state: "released", without: null },
    ]);
  });

  it("is released by a region that rests, which is no writer from that moment", () => {
    const rest = round([reading("s3", lease("B", 4)), reading("gcs", lease("A", 3))], { wish: "rest" });
    assert.equal(mayAcknowledge(decide(writer, rest, leaseTimes).member, 100), false);
    assert.deepEqual(
      writesOf(writer, rest).map(({ vault, state }) => [vault, state]),
      [["s3", "released"]],
    );
  });

  it("is resumed from one vault only while it is fresh; later both are needed", () => {
    const fresh = round([reading("s3", lease("B", 4), 27)]);
    assert.equal(mayAcknowledge(after(start("B"), fresh), 100), true);
    assert.deepEqual(writesOf(start("B"), round([reading("s3", lease("B", 4), 28)])), []);
    const both = round([reading("s3", lease("B", 4), 3600), reading("gcs", lease("B", 4), 3600)]);
    assert.equal(mayAcknowledge(after(start("B"), both), 100), true);
  });

  it("of nobody is laid down where there is none, and makes no writer", () => {
    const empty = round([reading("s3", undefined), reading("gcs", undefined)]);
    assert.deepEqual(
      writesOf(start("A"), empty).map(({ holder }) => holder),
      [null, null],
    );
    assert.equal(mayAcknowledge(after(start("A"), empty), 100), false);
  });

  it("needs one vault where an operator says that the other is lost, after the lost one's time", () => {
    const left = [reading("s3", lease("A", 3), 60)];
    const lost = { vault: "gcs", term: 3, toldAt: 100 } as const;
    assert.deepEqual(writesOf(start("B"), round(left, { startedAt: 133, lost })), []);
    const told = round(left, { startedAt: 134, lost });
    assert.deepEqual(writesOf(start("B"), told), [
      { vault: "s3", holder: "B", term: 4, state: "taking", without: "gcs" },
    ]);
    assert.equal(mayAcknowledge(after(start("B"), told), 134), true);
    // The word was given for the take-over from term 3, and for a vault that doesn't answer.
    assert.deepEqual(writesOf(start("B"), round([reading("s3", lease("A", 5), 60)], { startedAt: 134, lost })), []);
    const answers = [...left, reading("gcs", lease("A", 3))];
    assert.deepEqual(writesOf(start("B"), round(answers, { startedAt: 134, lost })), []);
  });

  // A vault that answered and refused each write kept everybody from taking over, and no word counted, for it answers.
  describe("with a vault that can be read and takes nothing", () => {
    /** Rounds of B, one a second, of which S3 takes the writes and GCS none; returns when it became the writer, if it did. */
    const takes = (
      gcs: (second: number) => Lease,
      s3 = lease("A", 3, { readAt: storeNow - 34 }),
    ): number | undefined => {
      let member = start("B");
      let held = s3;
      for (let second = 0; second < 120; second += 1) {
        const given = round([reading("s3", held, second), reading("gcs", gcs(second), second)], {
          startedAt: 100 + second,
        });
        const decision = decide(member, given, leaseTimes);
        member = decision.member;
        for (const write of decision.writes.filter(({ vault }) => vault === "s3")) {
          held = write.lease;
          member = written(member, write, leaseTimes);
        }
        if (mayAcknowledge(member, 100 + second)) return second;
      }
      return undefined;
    };
    const silentSince = (seconds: number, rest: Partial<Lease> = {}) =>
      lease("A", 3, { readAt: storeNow - seconds, ...rest });

    it("is taken with the other one, held for longer than a lease, when nobody can be the writer by the first", () => {
      assert.equal(
        takes(() => silentSince(34)),
        36,
      );
      assert.equal(
        takes(() => silentSince(0, { state: "released" })),
        36,
      );
      assert.equal(
        takes(() => silentSince(3600)),
        36,
      );
    });

    it("waits for two leases' time where the lease that can't be overwritten is young", () => {
      // The half is begun when that one has run out, and held then.
      const s3 = lease("A", 3, { state: "released" });
      assert.equal(
        takes(() => silentSince(0), s3),
        70,
      );
    });

    it("is not taken before a renewal of the lease's last moment would have run out too", () => {
      const held = { vault: "s3", term: 4, from: 0 } as const;
      const states = (seconds: number) =>
        writesOf(
          { ...start("B"), held },
          round([reading("s3", lease("B", 4, { state: "taking" })), reading("gcs", silentSince(seconds))]),
        ).map(({ state }) => state);
      assert.deepEqual(states(61), ["taking", "taking"]);
      assert.deepEqual(states(62), ["writing", "taking"]);
    });

    it("is not taken by a half that was left to run out, for the other region may hold the other one so", () => {
      const held = { vault: "s3", term: 4, from: 0 } as const;
      const half = reading("s3", lease("B", 4, { state: "taking", readAt: storeNow - 28 }));
      assert.deepEqual(
        writesOf({ ...start("B"), held }, round([half, reading("gcs", silentSince(3600))])).map(({ state }) => state),
        ["taking", "taking"],
      );
    });

    it("is not taken while another region renews the lease there", () => {
      assert.equal(
        takes((second) => silentSince(-second)),
        undefined,
      );
    });

    it("is not taken where an operator's word made the other region the writer by that vault alone", () => {
      assert.equal(
        takes(() => silentSince(3600, { without: "s3" })),
        undefined,
      );
    });

    it("keeps its term meanwhile, so that an operator's word on it can hold", () => {
      const half = [reading("s3", lease("B", 4, { state: "taking" })), reading("gcs", silentSince(60))];
      assert.deepEqual(
        writesOf(start("B"), round(half)).map(({ term }) => term),
        [4, 4],
      );
    });
  });

  it("is taken at once in a lost vault that returns; the old writer stops when it sees the new one", () => {
    const alone: Member = { ...writer, without: "gcs" };
    const back = [reading("s3", lease("B", 4, { without: "gcs" })), reading("gcs", lease("A", 3))];
    const next = after(alone, round(back));
    assert.deepEqual(
      writesOf(alone, round(back)).map(({ vault, without }) => [vault, without]),
      [
        ["s3", "gcs"],
        ["gcs", null],
      ],
    );
    assert.equal(next.without, null);
    const old: Member = { ...start("A"), term: 3, writerUntil: 120 };
    const { member } = decide(old, round(back), leaseTimes);
    assert.equal(mayAcknowledge(member, 100), false);
    // It must not resume from what a vault still says of it.
    assert.deepEqual(writesOf(member, round([reading("gcs", lease("A", 3))])), []);
  });

  it("is given up at once for a later one that an operator's word made, before that one's first renewal", () => {
    const old: Member = { ...start("A"), term: 3, writerUntil: 120 };
    const seen = round([reading("s3", lease("B", 4, { state: "taking", without: "gcs" }), 60)]);
    assert.equal(mayAcknowledge(decide(old, seen, leaseTimes).member, 100), false);
  });

  it("never overwrites another's valid lease, whatever a region remembers", () => {
    const vault = fc.constantFrom<Vault>("s3", "gcs");
    const state = fc.constantFrom<Lease["state"]>("taking", "writing");
    fc.assert(
      fc.property(vault, state, fc.nat(33), fc.nat(9), fc.nat(9), fc.nat(200), (v, s, seconds, theirs, mine, until) => {
        const member: Member = { ...start("B"), term: mine, writerUntil: until };
        const held = [reading(v, lease("A", theirs, { state: s }), seconds)];
        assert.deepEqual(writesOf(member, round(held)), []);
      }),
    );
  });
});
