import assert from "node:assert/strict";
import { remedyFor } from "../../../lab/inotify";

describe("the kernel's limit of inotify instances", () => {
  it("is left alone where it suffices, and where the system has none", () => {
    for (const value of [512, 8192, undefined]) {
      for (const uid of [0, 1000, undefined]) assert.deepEqual(remedyFor(value, uid), { kind: "none" });
    }
  });

  it("is raised by root, which says so with both values and for how long", () => {
    const remedy = remedyFor(128, 0);
    assert.ok(remedy.kind === "raise");
    assert.match(remedy.title, /^fs\.inotify\.max_user_instances is 128; raising it to 512 until the next boot$/);
  });

  it("is explained to others: key, value, what follows, what to do", () => {
    for (const uid of [1000, undefined]) {
      const remedy = remedyFor(511, uid);
      assert.ok(remedy.kind === "ask");
      const { why } = remedy;
      assert.match(
        why,
        /max_user_instances is 511.*two regions need 512.*too many open files.*as root.*sysctl fs\.inotify\.max_user_instances=512$/,
      );
    }
  });
});
