import { mkdir, rm } from "node:fs/promises";
import { paths } from "../paths";
import { run } from "../process";

const pulumi = (log: string, ...args: string[]): Promise<string> =>
  run("pulumi", ["-C", paths.pulumiProject, "--non-interactive", ...args], { log });

/** An empty stack, as after the loss of Pulumi's state. Its configuration is in the project folder, as it would be in git. */
export async function initStack(stack: string): Promise<void> {
  await pulumi("pulumi-stack", "stack", "init", stack);
}

/** `pulumi up`, as a person would call it. */
export async function up(stack: string, ...options: string[]): Promise<void> {
  await pulumi("pulumi-up", "up", "--stack", stack, "--yes", "--skip-preview", ...options);
}

/** Sets a key of the stack's configuration, for the next `up`. */
export async function configure(stack: string, key: string, value: string): Promise<void> {
  await pulumi("pulumi-stack", "config", "set", "--stack", stack, key, value);
}

/** What an operator configures when all but one repository are gone: restore from it, and archive to no other. */
export async function useOnlyRepository(stack: string, repository: string): Promise<void> {
  for (const key of ["restoreFrom", "repositories"]) {
    await configure(stack, key, repository);
  }
}

/** Pulumi's state is gone: all stacks, their history and checkpoints. */
export async function loseState(): Promise<void> {
  await rm(paths.pulumiState, { recursive: true, force: true });
  // The empty folder is the backend itself, as an empty bucket would be.
  await mkdir(paths.pulumiState);
}

export const pulumiVersion = (): Promise<string> => run("pulumi", ["version"], { log: "pulumi-stack" });
