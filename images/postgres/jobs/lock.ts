import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Stop } from "./result";

/** What flock says of a file that another process has locked. */
const TAKEN = 9;

/** A lock that is held until it is released or this process ends, however it ends. */
export interface Lock {
  release(): void;
}

/**
 * Makes this the only run that writes into a folder. The kernel holds the lock (flock), so none is ever left behind, and runs
 * in other pods see it too.
 * @throws Stop where another one runs, naming it
 */
export const lockFolder = async (folder: string, remedy: string): Promise<Lock> => {
  const file = join(folder, ".lock");
  // The shell waits for its input to end, which it does with this process.
  const held = spawn("flock", ["--nonblock", "--conflict-exit-code", String(TAKEN), file, "-c", "echo held; cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  held.stdin.on("error", () => undefined);
  const ended = new Promise<number | null>((resolve, reject) => held.once("exit", resolve).once("error", reject));
  const locked = new Promise<"held">((resolve) => {
    createInterface({ input: held.stdout }).once("line", () => {
      resolve("held");
    });
  });
  const answer = await Promise.race([locked, ended]);
  if (answer === TAKEN) {
    const holder = await readFile(file, "utf8");
    throw new Stop(`another run is at work there: ${holder.trim()}`, folder, remedy);
  }
  if (answer !== "held") throw new Error(`flock ${file} ended with ${answer}`);
  await writeFile(file, `${hostname()} since ${new Date().toISOString()}\n`);
  return {
    release: () => {
      held.stdin.end();
    },
  };
};
