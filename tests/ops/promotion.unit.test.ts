import assert from "node:assert/strict";
import fc from "fast-check";
import type { FenceStatus, LostThing, VaultStatus } from "../../domain/fence";
import type { Lease } from "../../domain/lease";
import { lagOf, planFailback, planPromotion, planSwitchover, type Sight, type Verdict } from "../../domain/promotion";

const lease = (change: Partial<Lease> = {}): Lease => ({
  holder: "eu",
  term: 7,
  state: "writing",
  readAt: 1000,
  without: null,
  position: { member: "postgres-0", timeline: 3, lsn: "0/5000000", beat: 500 },
  ...change,
});

const inBoth = (vault: VaultStatus) => ({ s3: vault, gcs: vault });

const fenceOf = (change: Partial<FenceStatus>): FenceStatus => ({
  region: "eu",
  member: "postgres-0",
  fencing: "lease",
  role: "primary",
  confirmLost: "",
  postgres: { state: "primary", position: { member: "postgres-0", timeline: 3, lsn: "0/5000000", beat: 500 } },
  writer: { acknowledges: true, secondsLeft: 27, term: 7 },
  vaults: inBoth({ lease: lease(), ageSeconds: 2 }),
  writable: true,
  ...change,
});

const writer: Sight = { stack: "primary", told: "primary", fence: fenceOf({}), silence: undefined };

const standbyPostgres: FenceStatus["postgres"] = {
  state: "standby",
  position: { member: "postgres-1", timeline: 3, lsn: "0/5000000", beat: 499 },
  received: "0/5000000",
  streaming: true,
};
const standbyFence = (change: Partial<FenceStatus> = {}) =>
  fenceOf({
    region: "us",
    role: "standby",
    postgres: standbyPostgres,
    writer: { acknowledges: false, why: "the database is standby" },
    writable: false,
    ...change,
  });
const standby = (change: Partial<FenceStatus> = {}): Sight => ({
  stack: "secondary",
  told: "standby",
  fence: standbyFence(change),
  silence: undefined,
});

const gone: Sight = { stack: "primary", told: "primary", fence: undefined, silence: "no answer within 10 s" };
const demoted: Sight = {
  stack: "primary",
  told: "standby",
  fence: fenceOf({
    role: "standby",
    postgres: { state: "standby", streaming: false },
    writer: { acknowledges: false },
  }),
  silence: undefined,
};
const expired = inBoth({ lease: lease(), ageSeconds: 34 });
const fresh = inBoth({ lease: lease(), ageSeconds: 33 });
const released = inBoth({ lease: lease({ state: "released" }), ageSeconds: 400 });
const silent: VaultStatus = { error: "ECONNREFUSED" };

/** Either the kind, or what the refusal must say. */
const check = (verdict: Verdict, expected: "go" | "done" | RegExp): void => {
  if (expected instanceof RegExp) {
    assert.ok(verdict.kind === "refused", JSON.stringify(verdict));
    assert.match(verdict.reasons.join("\n"), expected);
  } else assert.equal(verdict.kind, expected, JSON.stringify(verdict));
};

describe("switchover", () => {
  const behind = (bytes: string, beat: number): Partial<FenceStatus> => ({
    postgres: {
      ...standbyPostgres,
      received: bytes,
      position: { member: "postgres-1", timeline: 3, lsn: bytes, beat },
    },
  });
  const cases: [string, Sight, Sight, "go" | "done" | RegExp][] = [
    ["goes where the target streams closely", standby(), writer, "go"],
    ["is done where the other side follows already", writer, standby(), "done"],
    ["goes on where only the other side isn't told yet", writer, { ...standby(), told: "primary" }, "go"],
    ["goes on where both sides are told to write", { ...standby(), told: "primary" }, writer, "go"],
    [
      "goes on where the other side was demoted and nobody took over",
      standby({ vaults: released, role: "primary" }),
      demoted,
      "go",
    ],
    [
      "can't without the target",
      { ...standby(), fence: undefined, silence: "gone" },
      writer,
      /secondary doesn't answer: gone/,
    ],
    ["can't without the other side, and says what can", standby(), gone, /dr promote secondary/],
    [
      "needs both vaults",
      standby({ vaults: { s3: silent, gcs: { lease: lease(), ageSeconds: 2 } } }),
      writer,
      /vault s3/,
    ],
    [
      "needs both vaults to take writes",
      standby(),
      { ...writer, fence: fenceOf({ vaults: inBoth({ lease: lease(), ageSeconds: 2, refuses: "AccessDenied" }) }) },
      /vault s3 takes no writes of primary, .*AccessDenied/,
    ],
    ["needs both vaults configured", standby({ vaults: { gcs: { lease: lease() } } }), writer, /s3.*not among/],
    [
      "needs a target that streams",
      standby({ postgres: { ...standbyPostgres, streaming: false } }),
      writer,
      /doesn't stream/,
    ],
    ["takes what is 16 MiB behind", standby(behind("0/4000000", 495)), writer, "go"],
    ["leaves what is further behind", standby(behind("0/3FFFFFF", 495)), writer, /16777217 bytes and 5 s behind/],
    ["leaves what replays too late", standby(behind("0/5000000", 489)), writer, /11 s behind/],
    ["leaves what is fenced by hand", standby({ fencing: "manual" }), writer, /fencing "manual"/],
    [
      "needs a writer that hands over",
      standby(),
      { ...writer, fence: fenceOf({ writer: { acknowledges: false, why: "the gate is closed" } }) },
      /primary doesn't take writes \(the gate is closed\)/,
    ],
    [
      "doesn't take a third region's lease",
      standby({ vaults: inBoth({ lease: lease({ holder: "asia" }), ageSeconds: 2 }) }),
      writer,
      /held by asia/,
    ],
  ];
  for (const [title, target, other, expected] of cases) {
    it(title, () => {
      check(planSwitchover(target, other), expected);
    });
  }
});

describe("promotion", () => {
  const cases: [string, Sight, Sight, readonly LostThing[] | undefined, "go" | "done" | RegExp][] = [
    [
      "is refused while the other side writes",
      standby({ vaults: expired }),
      writer,
      ["writes"],
      /answers, and takes writes/,
    ],
    [
      "is refused while the lease is fresh",
      standby({ vaults: fresh }),
      gone,
      ["writes"],
      /33 s ago and may be writing/,
    ],
    [
      "is refused while one vault's lease is fresh",
      standby({ vaults: { ...expired, gcs: { lease: lease(), ageSeconds: 1 } } }),
      gone,
      ["writes"],
      /in vault gcs 1 s ago/,
    ],
    [
      "is refused without an answer for the loss, and names it",
      standby({ vaults: expired }),
      gone,
      undefined,
      /may be lost/,
    ],
    ["goes with it", standby({ vaults: expired }), gone, ["writes"], "go"],
    ["goes without it where all that was handed over is here", standby({ vaults: released }), gone, undefined, "go"],
    [
      "is done where the target writes and the lost side is told",
      { ...writer, stack: "secondary" },
      { ...gone, told: "standby" },
      undefined,
      "done",
    ],
    ["goes on where the lost side isn't told yet", { ...writer, stack: "secondary" }, gone, undefined, "go"],
    [
      "leaves a side that answers alone",
      { ...writer, stack: "secondary" },
      { ...demoted, told: "primary" },
      undefined,
      "done",
    ],
    ["goes where the other side answers as a standby", standby({ vaults: expired }), demoted, ["writes"], "go"],
    [
      "asks for an answer for a vault that is silent",
      standby({ vaults: { ...expired, s3: silent } }),
      gone,
      ["writes"],
      /vault s3 doesn't answer \(ECONNREFUSED\).*--confirm-lost s3/s,
    ],
    ["goes with that answer", standby({ vaults: { ...expired, s3: silent } }), gone, ["writes", "s3"], "go"],
    ["is refused where the vault named lives", standby({ vaults: expired }), gone, ["gcs"], /but it answers/],
    ["is refused where no vault answers", standby({ vaults: inBoth(silent) }), gone, ["s3", "gcs"], /one of them must/],
    [
      "is refused where Postgres is down",
      standby({ vaults: expired, postgres: { state: "down" } }),
      gone,
      ["writes"],
      /is down/,
    ],
    ["is refused where the target is silent", { ...standby(), fence: undefined }, gone, ["writes"], /kubectl alone/],
    ["is refused where a person fences", standby({ vaults: expired, fencing: "manual" }), gone, ["writes"], /manual/],
  ];
  for (const [title, target, other, words, expected] of cases) {
    it(title, () => {
      check(planPromotion(target, other, words), expected);
    });
  }

  const go = (target: Sight, words: readonly LostThing[]) => {
    const verdict = planPromotion(target, gone, words);
    assert.ok(verdict.kind === "go", JSON.stringify(verdict));
    return verdict;
  };

  it("tells how far the lost writer was ahead at its last renewal, and what nobody knows", () => {
    const postgres = { ...standbyPostgres, received: "0/4FFFF00" };
    const { loss, lag } = go(
      standby({
        vaults: expired,
        postgres: { ...postgres, position: { member: "postgres-1", timeline: 3, lsn: "0/4FFF000", beat: 498 } },
      }),
      ["writes"],
    );
    assert.deepEqual(lag, { bytes: 256, seconds: 2, by: "lease" });
    assert.match(loss[0] ?? "", /256 bytes and 2 s/);
    assert.match(loss[1] ?? "", /5s as a rule and of 28 s at most/);
  });

  it("hands the fence the words that it needs, for the term that was seen", () => {
    const s3Lost = standby({ vaults: { ...expired, s3: silent } });
    assert.equal(go(s3Lost, ["writes", "s3"]).confirmLost, "writes:7,s3:7");
    const unreached = { ...standbyPostgres, received: "0/4000000" };
    const handedOver = standby({
      vaults: released,
      postgres: { ...unreached, position: { member: "postgres-1", timeline: 3, lsn: "0/4000000", beat: 1 } },
    });
    assert.equal(go(handedOver, ["writes"]).confirmLost, "writes:7");
    check(planPromotion(handedOver, gone, undefined), /16777216 bytes/);
  });

  it("property: never goes while a readable vault has another's lease that has not run out", () => {
    const state = fc.constantFrom("taking" as const, "writing" as const);
    fc.assert(
      fc.property(
        fc.nat(33),
        fc.nat(100),
        state,
        fc.subarray(["s3", "gcs", "writes"] as const),
        (age, other, state, words) => {
          const vaults = {
            s3: { lease: lease({ state }), ageSeconds: age },
            gcs: { lease: lease({ state }), ageSeconds: other },
          };
          assert.equal(planPromotion(standby({ vaults }), gone, words).kind, "refused");
        },
      ),
    );
  });
});

describe("failback", () => {
  const back: Sight = { ...standby(), stack: "primary" };
  const now: Sight = { ...writer, stack: "secondary" };
  const cases: [string, Sight, Sight, "go" | "done" | RegExp][] = [
    ["goes where the lost region is silent", gone, now, "go"],
    ["goes where it has another role", { ...back, told: "primary" }, now, "go"],
    ["is done where it follows", back, now, "done"],
    ["needs a region that writes", gone, standby(), /secondary doesn't take writes/],
    ["needs one that answers", back, { ...gone, stack: "secondary" }, /nothing to follow/],
  ];
  for (const [title, lost, surviving, expected] of cases) {
    it(title, () => {
      check(planFailback(lost, surviving), expected);
    });
  }
});

describe("lag", () => {
  it("counts what isn't received in bytes, and what isn't replayed in beats", () => {
    const postgres = { ...standbyPostgres, received: "0/4FFFFF0" };
    assert.deepEqual(lagOf(standbyFence({ postgres }), writer.fence), { bytes: 0, seconds: 1, by: "writer" });
    const replayed = { member: "postgres-1", timeline: 3, lsn: "0/4000000", beat: 490 };
    const late = standbyFence({ postgres: { ...postgres, position: replayed } });
    assert.deepEqual(lagOf(late, writer.fence), { bytes: 16, seconds: 10, by: "writer" });
  });
  it("isn't known without a writer's position", () => {
    assert.equal(lagOf(standbyFence({ vaults: inBoth({ lease: null }) }), undefined), undefined);
  });
});
