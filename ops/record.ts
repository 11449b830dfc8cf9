import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { dirname } from "node:path";
import type { Sight } from "../domain/promotion";

export type Outcome = "running" | "done" | "dry run" | "refused" | "failed" | "rolled back" | "stopped";

export interface StepRecord {
  readonly title: string;
  readonly startedAt: string;
  endedAt?: string;
  /** `skipped`: nothing was left to do. */
  state: "running" | "done" | "skipped" | "failed";
  /** What it found or did. */
  result?: unknown;
  error?: string;
}

/** What a run did and when. Moments are this machine's, in UTC. */
export interface RunRecord {
  readonly command: string;
  readonly arguments: object;
  readonly operator: string;
  readonly startedAt: string;
  endedAt?: string;
  outcome: Outcome;
  /** What was seen of the regions before anything was done. */
  seen?: readonly Sight[];
  /** Why it was refused, or what was decided. */
  verdict?: unknown;
  readonly steps: StepRecord[];
  error?: string;
}

export const operator = (): string => `${userInfo().username}@${hostname()}/${process.pid}`;

export const now = (): string => new Date().toISOString();

/** A run's record, in a file that is whole at any moment: a run that is killed leaves what it did until then. */
export class Recorder {
  readonly record: RunRecord;

  constructor(
    readonly file: string,
    command: string,
    args: object,
  ) {
    this.record = { command, arguments: args, operator: operator(), startedAt: now(), outcome: "running", steps: [] };
    mkdirSync(dirname(file), { recursive: true });
    this.write();
  }

  change(changes: Partial<Pick<RunRecord, "seen" | "verdict" | "error">>): void {
    Object.assign(this.record, changes);
    this.write();
  }

  end(outcome: Outcome, error?: string): void {
    Object.assign(this.record, { outcome, endedAt: now(), ...(error !== undefined && { error }) });
    this.write();
  }

  startStep(title: string): StepRecord {
    const step: StepRecord = { title, startedAt: now(), state: "running" };
    this.record.steps.push(step);
    this.write();
    return step;
  }

  endStep(step: StepRecord, end: Pick<StepRecord, "state" | "result" | "error">): void {
    Object.assign(step, end, { endedAt: now() });
    this.write();
  }

  private write(): void {
    const partial = `${this.file}.partial`;
    writeFileSync(partial, `${JSON.stringify(this.record, undefined, 2)}\n`);
    renameSync(partial, this.file);
  }
}
