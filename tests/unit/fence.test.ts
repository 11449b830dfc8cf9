import assert from "node:assert/strict";
import fc from "fast-check";
import { lsnBytes, parseWords, renderLsn, renderWords, type Word } from "../../domain/fence";
import type { Lease, Position, Reading, Vault, Write } from "../../domain/lease";
import { endOf, statusUpdate } from "../../images/postgres/fence/gate";
import { Keeper } from "../../images/postgres/fence/keeper";
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
  time = 1000;

  constructor(readonly vault: Vault) {}

  read(): Promise<Reading> {
    if (this.isDown) return Promise.reject(new Error("connection refused"));
    const version = this.lease === undefined ? undefined : String(this.version);
    return Promise.resolve({ vault: this.vault, version, lease: this.lease, storeTime: this.time });
  }

  write({ version, lease }: Write): Promise<boolean> {
    if (this.isDown) return Promise.reject(new Error("connection refused"));
    if (version !== (this.lease === undefined ? undefined : String(this.version))) return Promise.resolve(false);
    this.version += 1;
    this.lease = lease;
    return Promise.resolve(true);
  }
}

const position = (member: string): Position => ({ member, timeline: 1, lsn: "0/5000028", beat: 7 });
const write = { wish: "write", position: position("postgres-0"), words: [] } as const;

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
    assert.match(here.unreachable(), /s3: connection refused/);
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
