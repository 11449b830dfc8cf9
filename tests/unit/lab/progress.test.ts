import assert from "node:assert/strict";
import { duration, runTasks, type Task } from "../../../lab/progress";

describe("duration", () => {
  const table: [number, string][] = [
    [0.4, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min 0 s"],
    [125, "2 min 5 s"],
  ];
  for (const [seconds, expected] of table) {
    it(`says ${expected} for ${seconds} seconds`, () => {
      assert.equal(duration(seconds), expected);
    });
  }
});

describe("runTasks", () => {
  const task = (title: string, run: () => Promise<void>): Task => ({ title, expectedSeconds: 1, run });

  it("throws the error of the task that failed, from however deep, and runs nothing after it", async () => {
    const cause = new Error("no disk");
    let after = false;
    const tasks: Task[] = [
      { title: "group", tasks: [{ title: "inner", tasks: [task("fails", () => Promise.reject(cause))] }] },
      task("after", () => {
        after = true;
        return Promise.resolve();
      }),
    ];
    await assert.rejects(runTasks(tasks), (error) => error === cause);
    assert.equal(after, false);
  });
});
