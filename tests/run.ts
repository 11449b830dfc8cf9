import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Everything that CI runs, quick things first. Ends with one line `N passed, N failed`. */

interface Counts {
  passes: number;
  failures: number;
  pending: number;
}

const root = join(__dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "marimo-dr-tests-"));

const run = (command: string, args: string[], environment: Record<string, string> = {}): boolean => {
  console.log(`\n$ ${[command, ...args].join(" ")}`);
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  if (error) throw error;
  return status === 0;
};

const check = (command: string, args: string[]): Counts =>
  run(command, args) ? { passes: 1, failures: 0, pending: 0 } : { passes: 0, failures: 1, pending: 0 };

const mocha = (title: string, args: string[]): Counts => {
  const file = join(scratch, `${title}.json`);
  const good = run("mocha", ["--reporter", "tests/support/reporter.ts", ...args], { TEST_COUNTS: file });
  // A run that died before its end has no counts, and counts as one failure.
  if (!existsSync(file)) return { passes: 0, failures: 1, pending: 0 };
  const counts = JSON.parse(readFileSync(file, "utf8")) as Counts;
  return good || counts.failures > 0 ? counts : { ...counts, failures: 1 };
};

const suites: (() => Counts)[] = [
  () => check("tsc", ["--noEmit"]),
  () => check("eslint", ["."]),
  () => check("prettier", ["--check", "."]),
  () => mocha("unit", []),
  () => mocha("model", ["--config", "tests/model/.mocharc.json"]),
  () => mocha("lab", ["--config", "tests/lab/.mocharc.json"]),
];

try {
  const counts = suites.map((suite) => suite());
  const sum = (pick: (counts: Counts) => number) => counts.reduce((total, one) => total + pick(one), 0);
  const failed = sum(({ failures }) => failures);
  const skipped = sum(({ pending }) => pending);
  console.log(`\n${sum(({ passes }) => passes)} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true });
}
