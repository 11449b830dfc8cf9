import { readFileSync } from "node:fs";

/**
 * Seconds since the machine's start, to the hundredth. The lease needs a clock that also runs while the machine is suspended
 * (CLOCK_BOOTTIME); Node's own stands still then.
 */
export const now = (): number => Number(readFileSync("/proc/uptime", "latin1").split(" ", 1)[0]);
