import assert from "node:assert/strict";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { ApiException, type V1DeleteOptions, V1Lease, V1LeaseSpec, V1ObjectMeta } from "@kubernetes/client-node";
import { until } from "../../lab/stage/until";
import { Locked, takeLock } from "../../ops/lock";

/** The API server's rules for one object: a write or a removal carries the version that it means. */
class OneLease {
  lease: V1Lease | undefined;
  /** Writes and removals under way at once, at most. */
  mostAtOnce = 0;
  /** How long a renewal takes. */
  renewalMs = 0;
  /** Whether the answer to the next renewal gets lost, after it was done. */
  losesAnswer = false;
  private version = 0;
  private running = 0;

  readonly coordination = {
    readNamespacedLease: () => (this.lease ? Promise.resolve(this.lease) : refuse(404)),
    createNamespacedLease: ({ body }: { body: V1Lease }) => this.put(this.lease === undefined, body),
    replaceNamespacedLease: async ({ body }: { body: V1Lease }) => {
      this.mostAtOnce = Math.max(this.mostAtOnce, (this.running += 1));
      try {
        await pause(this.renewalMs);
        if (this.lease === undefined) return await refuse(404);
        const done = await this.put(this.isThere(body.metadata), body);
        if (!this.losesAnswer) return done;
        this.losesAnswer = false;
        throw new Error("no answer within 10 s");
      } finally {
        this.running -= 1;
      }
    },
    deleteNamespacedLease: ({ body }: { body: V1DeleteOptions }) => {
      if (this.lease === undefined) return refuse(404);
      if (!this.isThere(body.preconditions)) return refuse(409);
      this.lease = undefined;
      return Promise.resolve();
    },
  };

  private isThere(meant: { uid?: string; resourceVersion?: string } | undefined): boolean {
    const { uid, resourceVersion } = this.lease?.metadata ?? new V1ObjectMeta();
    return meant?.uid === uid && meant?.resourceVersion === resourceVersion;
  }

  put(allowed: boolean, body: V1Lease): Promise<V1Lease> {
    if (!allowed) return refuse(409);
    this.version += 1;
    const uid = this.lease?.metadata?.uid ?? `uid-${this.version}`;
    const about = { name: "marimo-dr", uid, resourceVersion: String(this.version) };
    const metadata = Object.assign(new V1ObjectMeta(), about);
    this.lease = Object.assign(new V1Lease(), { metadata, spec: body.spec });
    return Promise.resolve(this.lease);
  }

  heldBy(holderIdentity: string, leaseDurationSeconds = 2): void {
    const spec = Object.assign(new V1LeaseSpec(), { holderIdentity, leaseDurationSeconds });
    void this.put(true, Object.assign(new V1Lease(), { spec }));
  }

  get holder(): string | undefined {
    return this.lease?.spec?.holderIdentity;
  }

  get renewals(): number {
    return this.version - 1;
  }
}

const refuse = (code: number) => Promise.reject(new ApiException(code, "", "", {}));

const me = "me@here/1";
const noLoss = (error: Error): void => {
  throw error;
};
const take = (server: OneLease, onLost: (error: Error) => void = noLoss, everyMs?: number) =>
  takeLock({ coordination: server.coordination, namespace: "marimo-erp" } as never, me, onLost, everyMs);

/** Takes it with renewals every few milliseconds, and counts its losses. */
const hold = async (server: OneLease) => {
  const losses: string[] = [];
  const lock = await take(server, ({ message }) => void losses.push(message), 5);
  return { lock, losses };
};

describe("the lock of a region", function () {
  it("is taken where it is free, and is gone when it is released", async () => {
    const server = new OneLease();
    const lock = await take(server);
    assert.equal(server.holder, me);
    await lock.release();
    assert.equal(server.lease, undefined);
  });

  it("is refused while its holder renews it, and names the holder", async () => {
    const server = new OneLease();
    server.heldBy("you@there/2");
    const renewal = setInterval(() => {
      server.heldBy("you@there/2");
    }, 500);
    try {
      await assert.rejects(take(server), (error) => error instanceof Locked && error.message.includes("you@there/2"));
    } finally {
      clearInterval(renewal);
    }
  });

  it("is taken from a holder of another machine that renews no more, after the lock's time", async () => {
    const server = new OneLease();
    server.heldBy("you@there/2");
    const began = performance.now();
    const lock = await take(server);
    assert.ok(performance.now() - began >= 2000);
    await lock.release();
  });

  it("is taken at once from a process of this machine that is no more", async () => {
    const server = new OneLease();
    // Above the kernel's largest process id.
    server.heldBy(`you@${hostname()}/4194305`, 3600);
    const lock = await take(server);
    await lock.release();
  });

  it("is refused where two take it in the same moment", async () => {
    const server = new OneLease();
    const ends = await Promise.allSettled([take(server), take(server)]);
    assert.deepEqual(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    for (const end of ends) if (end.status === "fulfilled") await end.value.release();
  });

  it("is renewed again and again, never twice at once, however long a renewal takes", async () => {
    const server = new OneLease();
    server.renewalMs = 20;
    const { lock, losses } = await hold(server);
    await until("three renewals", () => server.renewals >= 3);
    await lock.release();
    assert.deepEqual([server.mostAtOnce, losses, server.lease], [1, [], undefined]);
  });

  it("is not lost with the answer to a renewal: the refusal of the next one is looked into", async () => {
    const server = new OneLease();
    server.losesAnswer = true;
    const { lock, losses } = await hold(server);
    await until("three renewals", () => server.renewals >= 3);
    await lock.release();
    assert.deepEqual([losses, server.lease], [[], undefined]);
  });

  it("is removed also where a renewal of its own was the last that it didn't hear of", async () => {
    const server = new OneLease();
    const lock = await take(server);
    server.heldBy(me);
    await lock.release();
    assert.equal(server.lease, undefined);
  });

  it("is lost to another run that took it: that is told once, and the other's stays", async () => {
    const server = new OneLease();
    const { lock, losses } = await hold(server);
    server.heldBy("you@there/2");
    await until("the loss is told", () => losses.length > 0);
    await lock.release();
    assert.equal(losses.length, 1);
    assert.match(losses[0] ?? "", /lock marimo-dr is lost/);
    assert.equal(server.holder, "you@there/2");
  });

  it("is lost when it is removed, and not made again", async () => {
    const server = new OneLease();
    const { lock, losses } = await hold(server);
    server.lease = undefined;
    await until("the loss is told", () => losses.length > 0);
    await lock.release();
    assert.equal(server.lease, undefined);
  });

  it("another run's is not removed by one that hasn't noticed its loss yet", async () => {
    const server = new OneLease();
    const lock = await take(server);
    server.heldBy("you@there/2");
    await lock.release();
    assert.equal(server.holder, "you@there/2");
  });
});
