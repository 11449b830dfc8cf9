import { z } from "zod";
import { Conditions, Count, Seconds } from "../stage/reportFile";

const Region = z.enum(["primary", "secondary"]);

const Writes = { acknowledgedWrites: Count.positive(), foundWrites: Count, lostWrites: Count };

/** What clients saw of a step, beside what the plan promises. */
const Step = z.strictObject({
  from: Region,
  to: Region,
  planned: z.boolean(),
  gapSeconds: Seconds,
  directGapSeconds: Seconds,
  readGapSeconds: Seconds,
  dnsFlipSeconds: Seconds.optional(),
  operatorSeconds: Seconds,
  lagBefore: z.strictObject({ seconds: Seconds, bytes: Count }).optional(),
  ...Writes,
  holes: Count,
  unknownWrites: Count,
  unknownFound: Count,
  rpoSeconds: Seconds,
  acceptedTwice: Count,
  objective: z.strictObject({ rtoSeconds: Seconds, rpoSeconds: Seconds }),
});
export type Step = z.infer<typeof Step>;

/** What the failover demo measured. `docs/reports.md` explains each field. */
export const FailoverReport = z.strictObject({
  steps: z.strictObject({
    switchover: Step,
    switchBack: Step,
    outage: Step,
    destruction: Step,
    rebuild: Step,
    failback: Step,
  }),
  total: z.strictObject(Writes),
  dnsTtlSeconds: Seconds,
  story: z.record(z.string(), Seconds),
  conditions: Conditions.extend({ commitsPerSecond: Count.positive() }),
});
export type FailoverReport = z.infer<typeof FailoverReport>;
export type StepKey = keyof FailoverReport["steps"];
