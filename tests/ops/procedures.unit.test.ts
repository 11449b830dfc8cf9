import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiException } from "@kubernetes/client-node";
import type { FenceStatus } from "../../domain/fence";
import { Duration } from "../../domain/duration";
import type { Role } from "../../domain/patroni";
import { comeBack } from "../../ops/failback";
import { follow, type Procedure, RolledBack } from "../../ops/procedure";
import { promote } from "../../ops/promote";
import { Recorder, type RunRecord } from "../../ops/record";
import { otherStack, type StackName, type Told } from "../../ops/region";
import { lockAll } from "../../ops/run";
import type { Place } from "../../ops/steps";
import { switchover } from "../../ops/switchover";

/**
 * Two regions of which one takes writes, as `dr` sees them: roles are obeyed by `pulumi up`, the target takes the lease when
 * the other one is told to follow. What it doesn't prove: that real regions behave so; dr.lab.test.ts does.
 */
class Pair {
  writer: StackName | undefined;
  /** What was done, in order. */
  readonly done: string[] = [];
  /** What the next `pulumi up` of a stack ends with. */
  readonly failures = new Map<StackName, () => Promise<void>>();
  readonly known = new Set<StackName>(["primary", "secondary"]);
  /** Why a region that shall take writes doesn't. */
  waitsFor: string | undefined;
  private readonly told: Record<StackName, Told>;
  private readonly applied: Record<StackName, Role>;
  private beat = 0;

  constructor(writer: StackName) {
    this.writer = writer;
    const roles = { [writer]: "primary", [otherStack(writer)]: "standby" } as Record<StackName, Role>;
    this.applied = { ...roles };
    this.told = { primary: { role: roles.primary }, secondary: { role: roles.secondary } };
  }

  toldTo(stack: StackName): Told {
    return this.told[stack];
  }

  /** Its region is gone with all that it said. */
  loseWriter(): void {
    if (this.writer !== undefined) this.applied[this.writer] = "standby";
    this.writer = undefined;
  }

  private apply(stack: StackName): void {
    this.applied[stack] = this.told[stack].role;
    if (this.writer !== undefined && this.applied[this.writer] === "standby") this.writer = undefined;
    if (this.waitsFor !== undefined) return;
    this.writer ??= (["primary", "secondary"] as const).find((one) => this.applied[one] === "primary");
  }

  private fence(stack: StackName): FenceStatus {
    const writes = this.writer === stack;
    const position = { member: "postgres-0", timeline: 1, lsn: "0/1", beat: (this.beat += 1) };
    return {
      region: stack,
      member: "postgres-0",
      fencing: "lease",
      role: this.applied[stack],
      confirmLost: "",
      postgres: writes ? { state: "primary", position } : { state: "standby", streaming: true, position },
      writer: { acknowledges: writes, ...(this.waitsFor !== undefined && { why: this.waitsFor }) },
      writable: writes,
      ...(!writes && { why: "the database of this member is standby, not primary" }),
    };
  }

  place(stack: StackName): Place {
    const see = () =>
      Promise.resolve({ stack, told: this.told[stack].role, fence: this.fence(stack), silence: undefined });
    const region = {
      stack,
      told: () => this.told[stack].role,
      look: async () => ({ sight: await see(), members: [] }),
      see,
      tell: (told: Told) => {
        this.told[stack] = told;
      },
      repositories: () => [],
      applySettings: () => {
        this.done.push(`settings of ${stack}`);
        this.apply(stack);
        return Promise.resolve();
      },
      isBuilt: () => Promise.resolve(true),
      cluster: () => {
        throw new Error("not part of this test");
      },
    };
    const engine = {
      fault: () => Promise.resolve(this.known.has(stack) ? undefined : `no stack named '${stack}' found`),
      create: () => {
        this.done.push(`stack ${stack}`);
        this.known.add(stack);
        return Promise.resolve();
      },
      up: async () => {
        this.done.push(`up ${stack} ${this.told[stack].role}`);
        this.apply(stack);
        const failure = this.failures.get(stack);
        this.failures.delete(stack);
        await failure?.();
        return {};
      },
    };
    return { region, engine };
  }
}

const limits = { promotion: Duration.seconds(2), following: Duration.seconds(2) };
const { signal } = new AbortController();

describe("what dr does", () => {
  const folder = mkdtempSync(join(tmpdir(), "marimo-dr-procedures-"));
  const file = join(folder, "record.json");
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const run = (procedure: Procedure) => follow(procedure, { recorder: new Recorder(file, "test", {}), signal });
  const record = () => JSON.parse(readFileSync(file, "utf8")) as RunRecord;

  describe("switchover", () => {
    it("is taken back where the other side can't be told, and nobody has taken the writes", async () => {
      const pair = new Pair("primary");
      pair.waitsFor = "the lease is being taken";
      pair.failures.set("primary", () => Promise.reject(new Error("no API")));
      await assert.rejects(
        run(
          switchover(
            pair.place("secondary"),
            pair.place("primary"),
            { ...limits, promotion: Duration.seconds(1) },
            signal,
          ),
        ),
      );
      assert.deepEqual(pair.done.slice(-2), ["up secondary standby", "up primary primary"]);
    });

    it("goes on, and not back, where telling the other side fails after the target took the writes", async () => {
      const pair = new Pair("primary");
      // Told to follow it releases the lease, and only then its `pulumi up` fails.
      const promoted = async () => {
        while (pair.writer !== "secondary") await new Promise(setImmediate);
        await new Promise((resolve) => setTimeout(resolve, 600));
        throw new Error("no answer within 10 s");
      };
      pair.failures.set("primary", promoted);
      await run(switchover(pair.place("secondary"), pair.place("primary"), limits, signal));
      assert.equal(pair.writer, "secondary");
      assert.deepEqual(pair.done, ["up secondary primary", "up primary standby", "up primary standby"]);
      assert.deepEqual(
        record().steps.map(({ state }) => state),
        ["done", "done", "done", "done", "done"],
      );
    });

    it("tells the other side once where that went well", async () => {
      const pair = new Pair("primary");
      await run(switchover(pair.place("secondary"), pair.place("primary"), limits, signal));
      assert.deepEqual(pair.done, ["up secondary primary", "up primary standby"]);
    });
  });

  describe("promote", () => {
    const answered = { confirmLost: "writes:7,s3:7", withoutPulumi: undefined };

    it("gives the operator's words with the role, and tells the lost side for later", async () => {
      const pair = new Pair("primary");
      pair.loseWriter();
      await run(promote(pair.place("secondary"), pair.place("primary"), answered, limits, signal));
      assert.deepEqual(pair.toldTo("secondary"), { role: "primary", confirmLost: "writes:7,s3:7" });
      assert.deepEqual(pair.toldTo("primary"), { role: "standby" });
      assert.deepEqual(pair.done, ["up secondary primary"]);
    });

    it("gives them to Kubernetes directly where Pulumi can't be used", async () => {
      const pair = new Pair("primary");
      pair.loseWriter();
      const without = { ...answered, withoutPulumi: "its state is gone" };
      await run(promote(pair.place("secondary"), pair.place("primary"), without, limits, signal));
      assert.deepEqual(pair.toldTo("secondary"), { role: "primary", confirmLost: "writes:7,s3:7" });
      assert.deepEqual(pair.done, ["settings of secondary"]);
    });

    it("is done with the writes: a pulumi up that fails after them is told, and the lost side is told all the same", async () => {
      const pair = new Pair("primary");
      pair.loseWriter();
      pair.failures.set("secondary", () => Promise.reject(new Error("Job first: BackoffLimitExceeded")));
      const procedure = promote(pair.place("secondary"), pair.place("primary"), answered, limits, signal);
      await run(procedure);
      assert.deepEqual(pair.toldTo("primary"), { role: "standby" });
      assert.match(procedure.notes?.join() ?? "", /pulumi up --stack secondary.*BackoffLimitExceeded/s);
      assert.deepEqual(
        record().steps.map(({ state }) => state),
        ["done", "done", "done"],
      );
    });

    it("gives the region its time from the moment that it was told, however long pulumi up takes", async () => {
      const pair = new Pair("primary");
      pair.loseWriter();
      pair.waitsFor = "Patroni has not read it yet";
      const slow = async () => {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        pair.waitsFor = undefined;
        pair.writer = "secondary";
      };
      pair.failures.set("secondary", slow);
      const short = { ...limits, promotion: Duration.seconds(1) };
      await run(promote(pair.place("secondary"), pair.place("primary"), answered, short, signal));
      assert.equal(pair.writer, "secondary");
    });

    it("fails with what stopped pulumi up where the writes have not come", async () => {
      const pair = new Pair("primary");
      pair.loseWriter();
      pair.waitsFor = "Patroni has not read it yet";
      pair.failures.set("secondary", () => Promise.reject(new Error("no credentials")));
      await assert.rejects(
        run(promote(pair.place("secondary"), pair.place("primary"), answered, limits, signal)),
        /no credentials/,
      );
      assert.deepEqual(pair.toldTo("primary"), { role: "primary" });
    });

    it("says what the fence waits for, and not only that the database is a standby; nothing is taken back", async () => {
      const pair = new Pair("primary");
      pair.loseWriter();
      pair.waitsFor = "the archive in s3 holds more than this member has replayed";
      await assert.rejects(
        run(promote(pair.place("secondary"), pair.place("primary"), answered, limits, signal)),
        (error: Error) => !(error instanceof RolledBack) && error.message.includes(pair.waitsFor ?? ""),
      );
      assert.equal(pair.toldTo("secondary").role, "primary");
    });
  });

  it("failback makes the stacks of both regions where Pulumi's state is new", async () => {
    const pair = new Pair("secondary");
    pair.known.clear();
    await run(comeBack(pair.place("primary"), pair.place("secondary"), limits, signal));
    assert.deepEqual(pair.done, ["stack primary", "stack secondary", "up primary standby"]);
  });
});

describe("the locks of both regions", () => {
  const answering = (answer: () => Promise<unknown>): Place => {
    const leases = {
      readNamespacedLease: answer,
      createNamespacedLease: ({ body }: { body: unknown }) => Promise.resolve(body),
      deleteNamespacedLease: () => Promise.resolve(),
    };
    const region = { stack: "a region", cluster: () => ({ coordination: leases, namespace: "marimo-erp" }) };
    return { region, engine: {} } as never;
  };
  const refusing = (code: number) => answering(() => Promise.reject(new ApiException(code, "", "{}", {})));
  const silent = answering(() => Promise.reject(new Error("no answer within 10 s")));
  const free = refusing(404);
  const noLoss = () => undefined;
  const lock = async (target: Place, other: Place): Promise<number> => {
    const locks = await lockAll({ target, other }, noLoss);
    await Promise.all(locks.map(({ release }) => release()));
    return locks.length;
  };

  const cases: [string, Place, Place, number | RegExp][] = [
    ["are both taken where both answer", free, free, 2],
    ["a lost region's is left out", free, silent, 1],
    ["so is that of a region of which half is left", free, refusing(500), 1],
    ["the region that is to take the writes must give its own", refusing(403), free, /403/],
    ["one must be had", silent, silent, /neither region answers/],
  ];
  for (const [title, target, other, expected] of cases) {
    it(title, async () => {
      if (typeof expected === "number") assert.equal(await lock(target, other), expected);
      else await assert.rejects(lock(target, other), expected);
    });
  }
});
