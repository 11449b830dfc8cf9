import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bin = join(__dirname, "../../images/postgres/bin");

/**
 * pgBackRest pushes in the background what was ready when it began, and a deposed primary went on with that beside its
 * successor: WAL of an old timeline after the fork, at which a rebuild stops and asks. What this does not prove: that nothing
 * is pushed within the second between two looks.
 */
describe("the archive's guard (images/postgres/bin/marimo-archive-guard)", () => {
  let folder: string;
  let processes: ChildProcess[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "guard-"));
    processes = [];
  });
  afterEach(() => {
    for (const process of processes) process.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  /** Stands for a process of pgBackRest by its arguments, as /proc has them. */
  const standIn = (...args: string[]): ChildProcess => {
    const process = spawn("sleep", ["60"], { argv0: ["pgbackrest", ...args].join(" "), stdio: "ignore" });
    processes.push(process);
    return process;
  };
  const startGuard = (until: number): void => {
    // The image's own, with the file's place changed.
    const mayArchive = readFileSync(join(bin, "marimo-may-archive"), "utf8");
    const moved = mayArchive.replace("/run/postgresql/.may-archive-until", join(folder, "until"));
    assert.notEqual(moved, mayArchive);
    writeFileSync(join(folder, "marimo-may-archive"), moved, { mode: 0o755 });
    permit(until);
    const environment = { ...process.env, PATH: `${folder}:${process.env["PATH"] ?? ""}`, MARIMO_FENCING: "lease" };
    processes.push(spawn(join(bin, "marimo-archive-guard"), ["0.1"], { env: environment, stdio: "ignore" }));
  };
  const uptime = (): number => Number(readFileSync("/proc/uptime", "utf8").split(" ", 1)[0]);
  const permit = (until: number): void => {
    writeFileSync(join(folder, "until"), `${Math.floor(until)}\n`);
  };
  const ended = (process: ChildProcess): Promise<unknown> => new Promise((resolve) => process.once("exit", resolve));

  it("ends a push in the background when the region may not archive, and nothing else", async () => {
    const [push, worker] = [standIn("--stanza=marimo", "archive-push:async"), standIn("archive-push:local")];
    const others = [standIn("archive-get:async"), standIn("archive-push", "pg_wal/1"), standIn("server")];
    const stranger = spawn("sleep", ["60"], { argv0: "less archive-push:async", stdio: "ignore" });
    processes.push(stranger);
    startGuard(uptime() - 1);
    await Promise.all([ended(push), ended(worker)]);
    assert.deepEqual([push.signalCode, worker.signalCode], ["SIGTERM", "SIGTERM"]);
    // A look that ended them has seen the others too.
    assert.deepEqual(
      [...others, stranger].map(({ exitCode, signalCode }) => exitCode ?? signalCode),
      [null, null, null, null],
    );
  });

  it("leaves it alone while the region may archive, and ends it when that is over", async () => {
    const push = standIn("archive-push:async");
    startGuard(uptime() + 3);
    const began = uptime();
    await ended(push);
    assert.ok(uptime() - began >= 2, `ended after ${uptime() - began} s`);
  });
});
