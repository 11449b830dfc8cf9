import assert from "node:assert/strict";
import { hostname } from "node:os";
import { ApiException, V1Lease, V1LeaseSpec, V1ObjectMeta } from "@kubernetes/client-node";
import { Locked, takeLock } from "../../ops/lock";

/** The API server's rules for one object: a write carries the version that it changes. */
class OneLease {
  lease: V1Lease | undefined;
  private version = 0;

  readonly coordination = {
    readNamespacedLease: () =>
      this.lease ? Promise.resolve(this.lease) : Promise.reject(new ApiException(404, "", "", {})),
    createNamespacedLease: ({ body }: { body: V1Lease }) => this.put(this.lease === undefined, body),
    replaceNamespacedLease: ({ body }: { body: V1Lease }) =>
      this.put(body.metadata?.resourceVersion === this.lease?.metadata?.resourceVersion, body),
    deleteNamespacedLease: () => {
      this.lease = undefined;
      return Promise.resolve();
    },
  };

  put(allowed: boolean, body: V1Lease): Promise<V1Lease> {
    if (!allowed) return Promise.reject(new ApiException(409, "", "", {}));
    this.version += 1;
    const metadata = Object.assign(new V1ObjectMeta(), { name: "marimo-dr", resourceVersion: String(this.version) });
    this.lease = Object.assign(new V1Lease(), { metadata, spec: body.spec });
    return Promise.resolve(this.lease);
  }

  heldBy(holderIdentity: string, leaseDurationSeconds = 2): void {
    const spec = Object.assign(new V1LeaseSpec(), { holderIdentity, leaseDurationSeconds });
    void this.put(true, Object.assign(new V1Lease(), { spec }));
  }
}

const noLoss = (error: Error) => {
  throw error;
};
const take = (server: OneLease) =>
  takeLock({ coordination: server.coordination, namespace: "marimo-erp" } as never, "me@here/1", noLoss);

describe("the lock of a region", function () {
  it("is taken where it is free, and is gone when it is released", async () => {
    const server = new OneLease();
    const lock = await take(server);
    assert.equal(server.lease?.spec?.holderIdentity, "me@here/1");
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
});
