import assert from "node:assert/strict";
import fc from "fast-check";
import { type FenceSettings, lsnBytes, parseWords, renderLsn, renderWords, type Word } from "../../domain/fence";
import type { Lease, Position, Reading, Vault, Write } from "../../domain/lease";
import { Fence } from "../../images/postgres/fence/fence";
import { endOf, statusUpdate } from "../../images/postgres/fence/gate";
import { Keeper } from "../../images/postgres/fence/keeper";
import type { PostgresState } from "../../images/postgres/fence/postgres";
import { type LeaseVault, parseLease, storeTime } from "../../images/postgres/fence/vault";

describe("an operator's words", () => {
  it("are read as they are written", () => {
    const word = fc.record(
      { lost: fc.constantFrom("s3", "gcs", "writes"), term: fc.nat(999_999_999) },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(word as fc.Arbitrary<Word>), (words) => {
        assert.deepEqual(parseWords(renderWords(words)), words);
      }),
    );
  });

  it("are refused where they are none", () => {
    for (const text of ["s3", "s3:", "s3:-1", "s4:1", "s3:1;gcs:1"]) assert.throws(() => parseWords(text), RangeError);
  });
});

describe("a WAL position", () => {
  it("is a number and back", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bytes) => {
        assert.equal(lsnBytes(renderLsn(bytes)), bytes);
      }),
    );
    assert.equal(lsnBytes("1/5000028"), (1n << 32n) + 0x5000028n);
  });

  it("is refused where it is none", () => {
    for (const text of ["", "5000028", "0/", "0/G", "0/123456789"]) assert.throws(() => lsnBytes(text), RangeError);
  });
});

describe("the gate's messages", () => {
  it("tell WAL as written, flushed and replayed", () => {
    const message = statusUpdate(0x1_0500_0028n);
    assert.equal(message.length, 34);
    assert.equal(message.toString("latin1", 0, 1), "r");
    for (const offset of [1, 9, 17]) assert.equal(message.readBigUInt64BE(offset), 0x1_0500_0028n);
    // No reply is asked for: the primary would answer each with another.
    assert.equal(message[33], 0);
  });

  it("say where the WAL of a message ends, and nothing of a keepalive", () => {
    const wal = Buffer.alloc(25 + 100);
    wal.write("w", 0, "latin1");
    wal.writeBigUInt64BE(1000n, 1);
    assert.equal(endOf(wal), 1100n);
    const keepalive = Buffer.alloc(18);
    keepalive.write("k", 0, "latin1");
    assert.equal(endOf(keepalive), undefined);
  });
});

describe("a lease's object", () => {
  it("that is none is nobody's to take", () => {
    for (const text of ["", "{}", '{"holder":"a","term":-1,"state":"writing","readAt":0,"without":null}']) {
      assert.throws(() => parseLease(text), /no JSON|no lease/);
    }
  });

  it("has its age from the store's clock", () => {
    assert.equal(storeTime("Thu, 01 Jan 1970 00:01:40 GMT"), 100);
    assert.throws(() => storeTime(undefined), /no Date/);
  });
});

/** A store in memory, with the real ones' promise: a write succeeds on the version that was read, or not at all. */
class MemoryVault implements LeaseVault {
  version = 0;
  lease: Lease | undefined;
  isDown = false;
  /** It can be read, and takes nothing: the bucket is full, or its permissions or a lock say so. */
  refuses = false;
  time = 1000;

  constructor(readonly vault: Vault) {}

  read(): Promise<Reading> {
    if (this.isDown) return Promise.reject(new Error("connection refused"));
    const version = this.lease === undefined ? undefined : String(this.version);
    return Promise.resolve({ vault: this.vault, version, lease: this.lease, storeTime: this.time });
  }

  write({ version, lease }: Write): Promise<boolean> {
    if (this.isDown) return Promise.reject(new Error("connection refused"));
    if (this.refuses) return Promise.reject(new Error("AccessDenied"));
    if (version !== (this.lease === undefined ? undefined : String(this.version))) return Promise.resolve(false);
    this.version += 1;
    this.lease = lease;
    return Promise.resolve(true);
  }
}

const position = (member: string): Position => ({ member, timeline: 1, lsn: "0/5000028", beat: 7 });
const write = { wish: "write", position: position("postgres-0"), words: [], remembers: false } as const;

describe("a region's keeper", () => {
  const world = () => {
    const vaults = [new MemoryVault("s3"), new MemoryVault("gcs")] as const;
    return { vaults, here: new Keeper("here", "postgres-0", vaults), there: new Keeper("there", "postgres-0", vaults) };
  };

  /** The first leases are nobody's, and run out. */
  const begun = async () => {
    const made = world();
    await made.here.round(write);
    for (const vault of made.vaults) vault.time += 34;
    await made.here.round(write);
    assert.ok(made.here.mayAcknowledge());
    return made;
  };

  it("takes the lease when nobody's has run out, and not before", async () => {
    const { vaults, here } = world();
    await here.round(write);
    assert.equal(vaults[0].lease?.holder, null);
    await here.round(write);
    assert.ok(!here.mayAcknowledge());
    for (const vault of vaults) vault.time += 34;
    await here.round(write);
    assert.ok(here.mayAcknowledge());
    assert.deepEqual(vaults[1].lease?.position, position("postgres-0"));
  });

  it("keeps the other one out, and tells it who writes and how far", async () => {
    const { here, there } = await begun();
    await there.round(write);
    assert.ok(!there.mayAcknowledge());
    assert.equal(there.other?.lease.holder, "here");
    assert.equal(there.other.lease.position?.beat, 7);
    await here.round(write);
    assert.ok(here.mayAcknowledge());
  });

  it("hands over at once, with its last position", async () => {
    const { vaults, here, there } = await begun();
    await here.release({ ...write, position: { ...position("postgres-0"), lsn: "0/6000000" } });
    assert.ok(!here.mayAcknowledge());
    assert.equal(vaults[0].lease?.position?.lsn, "0/6000000");
    await there.round(write, () => there.other?.lease.state === "released");
    assert.ok(!there.mayAcknowledge(), "a veto keeps it from taking what it sees");
    await there.round(write);
    assert.ok(there.mayAcknowledge());
  });

  it("writes on with one vault, and says which one is silent", async () => {
    const { vaults, here } = await begun();
    vaults[0].isDown = true;
    await here.round(write);
    assert.ok(here.mayAcknowledge());
    assert.match(here.errorsInWords(), /s3: connection refused/);
    assert.deepEqual([here.silent, here.refusing], [["s3"], []]);
  });

  it("knows whether another process of its region may still be the writer", async () => {
    const { vaults, here } = await begun();
    assert.ok(!here.isShared());
    const next = new Keeper("here", "postgres-1", vaults);
    await next.round({ ...write, position: position("postgres-1") });
    assert.ok(next.mayAcknowledge());
    assert.ok(next.isShared());
    assert.ok(!(await here.release(write)));
    assert.notEqual(vaults[0].lease?.state, "released", "what the next process holds is not given away");
  });
});

/** What these tests set and look at inside of a fence, in place of a database. */
interface Inside {
  state: PostgresState;
  wanted: { role: "primary" | "standby" | "unknown"; confirmLost: string; words: readonly Word[]; synchronous: "off" };
  streamedAt: number;
  announceLag(): void;
  announceClock(): void;
  readonly keeper: Keeper;
  readonly rounds: Promise<void>;
  readonly postgres: {
    archivedBeyond: () => Promise<string[]>;
    shutDownAt: () => Promise<string | undefined>;
    state: () => Promise<PostgresState>;
  };
  keepLease(): Promise<void>;
  allowArchiving(): Promise<void>;
  readWanted(): Promise<void>;
}

describe("a member's fence", () => {
  const settings: FenceSettings = {
    fencing: "lease",
    region: "here",
    repositories: [],
    object: "marimo/lease/writer.json",
    databaseHost: "postgres-service",
  };
  /** The other region took over with term 8 on timeline 2, and has been silent for longer than its lease. */
  const passed = (state: PostgresState) => {
    const vaults = [new MemoryVault("s3"), new MemoryVault("gcs")] as const;
    for (const vault of vaults) {
      vault.time = 1040;
      vault.lease = {
        ...{ holder: "there", term: 8, state: "writing", readAt: 1000, without: null },
        position: { ...position("postgres-0"), timeline: 2 },
      };
    }
    return memberOf(vaults, "postgres-0", state);
  };
  const memberOf = (vaults: readonly [MemoryVault, MemoryVault], name: string, state: PostgresState) => {
    const member = new Fence(settings, name, vaults);
    const inside = member as unknown as Inside;
    inside.state = state;
    inside.postgres.state = () => Promise.resolve(inside.state);
    inside.postgres.archivedBeyond = () => Promise.resolve([]);
    inside.allowArchiving = () => Promise.resolve();
    inside.readWanted = () => Promise.resolve();
    return { member, inside, vaults };
  };
  const look = async ({ inside }: ReturnType<typeof passed>) => {
    await inside.keepLease();
    await inside.rounds;
  };
  /** What a promotion is told first: that it may go on, or why not. */
  const ask = async ({ member }: ReturnType<typeof passed>): Promise<string> => {
    const reasons: string[] = [];
    const hangUp = new AbortController();
    const asked = member.take("promotion", [], (why) => reasons.push(why), hangUp.signal);
    const first = new Promise<string>((resolve) => {
      const look = () => {
        if (reasons[0] === undefined) setImmediate(look);
        else resolve(reasons[0]);
      };
      look();
    });
    const answer = await Promise.race([asked, first]);
    hangUp.abort();
    await asked;
    return typeof answer === "string" ? answer : answer.granted ? "granted" : answer.why;
  };
  const said = async (work: () => void | Promise<void>): Promise<string> => {
    const lines: string[] = [];
    const { error } = console;
    console.error = (line: string) => lines.push(line);
    try {
      await work();
    } finally {
      console.error = error;
    }
    return lines.join("\n");
  };

  // A deposed primary took the lease back when the new writer was silent for a while, and all that one had written was gone.
  it("never takes the lease back on a timeline that another region has left behind", async () => {
    const world = passed({ state: "primary", position: position("postgres-0") });
    await look(world);
    assert.ok(!world.inside.keeper.mayAcknowledge());
    assert.equal(world.vaults[0].lease?.holder, "there");
  });

  it("takes it on that timeline, or a later one", async () => {
    const world = passed({ state: "primary", position: { ...position("postgres-0"), timeline: 3 } });
    await look(world);
    assert.ok(world.inside.keeper.mayAcknowledge());
  });

  // A look's round took the lease while a promotion waited for what the archive held.
  it("doesn't take it for one who still waits for the other region's writes", async () => {
    const world = passed({ state: "standby", position: { ...position("postgres-0"), timeline: 2 } });
    world.inside.postgres.archivedBeyond = () => Promise.resolve(["gcs"]);
    const reasons: string[] = [];
    const hangUp = new AbortController();
    const asked = world.member.take("promotion", [], (why) => reasons.push(why), hangUp.signal);
    while (reasons.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await look(world);
    hangUp.abort();
    assert.equal((await asked).granted, false);
    assert.match(reasons[0] ?? "", /the archive in gcs holds more/);
    assert.equal(world.vaults[0].lease?.holder, "there");
  });

  // The lease that was taken had overwritten the one that was handed over. A second member of the region, asked when the first
  // was lost before it was promoted, found nothing to wait for and was promoted without the other region's last commits.
  describe("of a region that took the lease, when the member that took it was lost before its promotion", () => {
    const handedOver = (state: "released" | "writing") => {
      const world = passed({
        state: "standby",
        position: { ...position("postgres-0"), timeline: 2, lsn: "0/6000000" },
      });
      for (const vault of world.vaults) {
        vault.lease = {
          ...{ holder: "there", term: 8, state, readAt: 1000, without: null },
          position: { ...position("postgres-0"), timeline: 2, lsn: "0/6000000" },
        };
      }
      return world;
    };
    const successor = async (state: "released" | "writing", lsn: string) => {
      const { vaults, ...first } = handedOver(state);
      assert.equal(await ask({ vaults, ...first }), "granted");
      assert.equal(vaults[0].lease?.holder, "here");
      // Its renewals before the promotion don't forget either.
      await look({ vaults, ...first });
      for (const vault of vaults) vault.time += 20;
      return memberOf(vaults, "postgres-1", {
        state: "standby",
        position: { ...position("postgres-1"), timeline: 2, lsn },
      });
    };

    it("waits for the position that was handed over", async () => {
      assert.match(await ask(await successor("released", "0/5FFFFF0")), /region there handed over at 0\/6000000/);
      assert.equal(await ask(await successor("released", "0/6000000")), "granted");
    });

    it("asks the archive for what a silent writer left", async () => {
      const world = await successor("writing", "0/6000000");
      world.inside.postgres.archivedBeyond = () => Promise.resolve(["s3"]);
      assert.match(await ask(world), /the archive in s3 holds more/);
    });

    it("doesn't wait when the operator gave that up", async () => {
      for (const term of [8, 9]) {
        const world = await successor("released", "0/5FFFFF0");
        world.inside.wanted = { ...world.inside.wanted, words: [{ lost: "writes", term }] };
        assert.equal(await ask(world), "granted");
      }
      const world = await successor("released", "0/5FFFFF0");
      world.inside.wanted = { ...world.inside.wanted, words: [{ lost: "writes", term: 7 }] };
      assert.match(await ask(world), /handed over/);
    });

    it("forgets it when its database is primary", async () => {
      const { vaults, ...world } = handedOver("released");
      assert.equal(await ask({ vaults, ...world }), "granted");
      assert.equal(vaults[0].lease?.before?.position?.lsn, "0/6000000");
      world.inside.state = { state: "primary", position: { ...position("postgres-0"), timeline: 3, lsn: "0/7000000" } };
      (world.inside as unknown as { lastRound: number }).lastRound = -Infinity;
      await look({ vaults, ...world });
      assert.ok(!JSON.stringify(vaults.map(({ lease }) => lease)).includes("before"));
    });
  });

  // Permissions that were lost, a full bucket, a lock: the vault answers, so no word of an operator counted, and nobody could
  // take over for ever.
  describe("where a vault can be read and takes nothing", () => {
    it("says so, what helps, and that it goes on without", async () => {
      const world = passed({ state: "standby", position: { ...position("postgres-0"), timeline: 2 } });
      world.vaults[0].refuses = true;
      const why = await ask(world);
      assert.match(why, /vault s3 can be read, and does not take the lease \(s3: AccessDenied\)/);
      assert.match(why, /goes on by the other vault in \d+ s.*permissions, quota and locks of s3/);
      const { vaults } = await world.member.status();
      assert.equal(vaults?.s3 && "refuses" in vaults.s3 && vaults.s3.refuses, "AccessDenied");
    });

    it("says which, when it is both", async () => {
      const world = passed({ state: "standby", position: { ...position("postgres-0"), timeline: 2 } });
      for (const vault of world.vaults) vault.refuses = true;
      assert.match(await ask(world), /neither takes the lease \(s3: AccessDenied; gcs: AccessDenied\)/);
    });
  });

  describe("of a standby region", () => {
    const following = (streaming: boolean, beat: number) => {
      const world = passed({ state: "standby", streaming, position: { ...position("postgres-0"), beat } });
      for (const vault of world.vaults) {
        vault.time = 1005;
        if (vault.lease) vault.lease = { ...vault.lease, position: { ...position("postgres-0"), beat: 500 } };
      }
      world.inside.wanted = { role: "standby", confirmLost: "", words: [], synchronous: "off" };
      return world;
    };
    const watch = (world: ReturnType<typeof following>) =>
      said(async () => {
        await world.inside.keeper.watch();
        world.inside.announceLag();
      });

    it("says nothing while it streams and is close", async () => {
      assert.equal(await watch(following(true, 495)), "");
    });

    // With only the way between the regions cut, the archive goes on, and no alarm told of the minute that would be lost.
    it("calls for help when it follows by the archive only", async () => {
      const world = following(false, 480);
      assert.equal(await watch(world), "");
      world.inside.streamedAt -= 31;
      assert.match(
        await watch(world),
        /ALARM replication-lag: this member is 20 s or more behind region there.*has not streamed for 31 s/,
      );
      assert.equal(await watch(world), "", "once is enough, though the numbers change");
    });

    it("calls for help when it streams and is far behind", async () => {
      assert.match(await watch(following(true, 469)), /ALARM replication-lag: .*31 s or more behind.*It streams/);
    });

    it("has nobody to be behind while the writer is silent", async () => {
      const world = following(false, 100);
      world.inside.streamedAt -= 100;
      for (const vault of world.vaults) vault.time += 60;
      assert.equal(await watch(world), "");
    });

    it("says that a vault does not answer", async () => {
      const world = following(true, 495);
      world.vaults[1].isDown = true;
      await world.inside.keeper.watch();
      assert.match(
        await said(() => look(world)),
        /ALARM lease-vaults-silent: .*gcs: connection refused.*operator's word/,
      );
    });
  });

  // S3 refuses what pgBackRest signs with a clock that is 15 minutes off, and nothing told of the clock.
  it("tells of a clock that is wrong, and by how much", async () => {
    const world = passed({ state: "down" });
    const here = Date.now() / 1000;
    for (const vault of world.vaults) vault.time = here - 30;
    await world.inside.keeper.watch();
    assert.equal(
      await said(() => {
        world.inside.announceClock();
      }),
      "",
    );
    for (const vault of world.vaults) vault.time = here + 3600;
    await world.inside.keeper.watch();
    assert.match(
      await said(() => {
        world.inside.announceClock();
      }),
      /ALARM clock: this machine's clock is 3[56]\d\d s behind the stores'/,
    );
    assert.ok(Math.abs(((await world.member.status()).clockAheadSeconds ?? 0) + 3600) < 10);
    // A store whose own clock is wrong says nothing of this one.
    world.vaults[0].time = here;
    await world.inside.keeper.watch();
    assert.match(
      await said(() => {
        world.inside.announceClock();
      }),
      /CLEAR clock/,
    );
  });

  // The fence left when the pod was told to end, Postgres wrote its last record after that, and the other region was told nothing.
  it("hands over when its pod ends, where Postgres has ended", async () => {
    const world = passed({ state: "primary", position: { ...position("postgres-0"), timeline: 3 } });
    (world.inside as unknown as { beat(): void }).beat = () => undefined;
    await look(world);
    assert.ok(world.inside.keeper.mayAcknowledge());
    Object.assign(world.inside, { lastPosition: world.inside.state.position });
    world.inside.state = { state: "down" };
    world.inside.wanted = { role: "standby", confirmLost: "", words: [], synchronous: "off" };
    world.inside.postgres.shutDownAt = () => Promise.resolve("0/6000028");
    await world.member.run(AbortSignal.abort());
    for (const { lease } of world.vaults) {
      assert.deepEqual([lease?.state, lease?.position?.lsn, lease?.position?.timeline], ["released", "0/6000029", 3]);
    }
  });
});
