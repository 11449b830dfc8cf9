import type { Outcome } from "./record";

/** Exit status of a command by how it ended. */
export const exitCodes = {
  running: 1,
  done: 0,
  "dry run": 0,
  failed: 1,
  refused: 2,
  "rolled back": 3,
  stopped: 130,
} as const satisfies Record<Outcome, number>;
