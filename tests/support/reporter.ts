import { writeFileSync } from "node:fs";
import Mocha from "mocha";

/** Mocha's usual report, and its counts in the file that `TEST_COUNTS` names. */
class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once("end", () => {
      const file = process.env["TEST_COUNTS"];
      if (file === undefined) throw new Error("TEST_COUNTS names no file for the counts");
      const { passes, failures, pending } = this.stats;
      writeFileSync(file, JSON.stringify({ passes, failures, pending }));
    });
  }
}

export = CountingReporter;
