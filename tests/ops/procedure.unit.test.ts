import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { foresee, follow, RolledBack, type Step, Stopped } from "../../ops/procedure";
import { Recorder, type RunRecord } from "../../ops/record";

describe("a procedure", () => {
  const folder = mkdtempSync(join(tmpdir(), "marimo-dr-record-"));
  const file = join(folder, "record.json");
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const done: string[] = [];
  beforeEach(() => {
    done.length = 0;
  });
  const step = (title: string, change: Partial<Step> = {}): Step => ({
    title,
    run: () => {
      done.push(title);
      return Promise.resolve(`${title} was done`);
    },
    ...change,
  });
  const failing = step("fails", { run: () => Promise.reject(new Error("no lease")) });
  const written = () => JSON.parse(readFileSync(file, "utf8")) as RunRecord;
  const following = (signal = new AbortController().signal) => ({ recorder: new Recorder(file, "test", {}), signal });

  it("does its steps in order, leaves out those that are done, and keeps what they found", async () => {
    const isDone = () => Promise.resolve(true);
    await follow({ steps: [step("one"), step("two", { isDone }), step("three")] }, following());
    assert.deepEqual(done, ["one", "three"]);
    assert.deepEqual(
      written().steps.map(({ title, state, result }) => [title, state, result]),
      [
        ["one", "done", "one was done"],
        ["two", "skipped", undefined],
        ["three", "done", "three was done"],
      ],
    );
  });

  it("takes back what it did when a step fails, and says which", async () => {
    const procedure = { steps: [step("one"), failing], rollback: [step("back")], afterwards: [step("later")] };
    await assert.rejects(follow(procedure, following()), (error) => {
      assert.ok(error instanceof RolledBack);
      assert.equal(error.message, "no lease");
      return true;
    });
    assert.deepEqual(done, ["one", "back"]);
    assert.deepEqual(
      written().steps.map(({ state }) => state),
      ["done", "failed", "done"],
    );
  });

  it("tells both failures where the way back fails too", async () => {
    const noWay = step("no way", { run: () => Promise.reject(new Error("no API")) });
    await assert.rejects(follow({ steps: [failing], rollback: [noWay] }, following()), /no lease\n.*no API/);
  });

  it("takes nothing back behind the point of no return", async () => {
    const procedure = { steps: [step("one")], rollback: [step("back")], afterwards: [failing] };
    await assert.rejects(follow(procedure, following()), /^Error: no lease$/);
    assert.deepEqual(done, ["one"]);
  });

  it("stops between steps when it is asked to, and takes nothing back", async () => {
    const asked = new AbortController();
    const stopping = step("stopping", {
      run: () => {
        asked.abort(new Error("interrupted by SIGINT"));
        return Promise.resolve();
      },
    });
    const procedure = { steps: [stopping, step("two")], rollback: [step("back")] };
    await assert.rejects(follow(procedure, following(asked.signal)), (error) => error instanceof Stopped);
    assert.deepEqual(done, []);
  });

  it("has a record that can be read while a step runs", async () => {
    let seen: RunRecord | undefined;
    const looking = step("looks", {
      run: () => {
        seen = written();
        return Promise.resolve();
      },
    });
    await follow({ steps: [step("one"), looking] }, following());
    assert.deepEqual(
      seen?.steps.map(({ state }) => state),
      ["done", "running"],
    );
    assert.equal(seen.outcome, "running");
  });

  it("a dry run says what is left, and does nothing", async () => {
    const isDone = () => Promise.resolve(true);
    const lines = await foresee({ steps: [step("one", { isDone }), step("two")], afterwards: [step("three")] });
    assert.deepEqual(lines, ["is done   one", "would do  two", "would do  three"]);
    assert.deepEqual(done, []);
  });
});
