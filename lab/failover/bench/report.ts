import { z } from "zod";
import { Conditions, Count, Seconds } from "../../stage/reportFile";

const summaryOf = <Value extends z.ZodType>(value: Value) =>
  z.strictObject({ samples: z.array(value).min(1).readonly(), minimum: value, median: Seconds, maximum: value });

const RegionLosses = z.strictObject({
  lostWrites: summaryOf(Count),
  lostSeconds: summaryOf(Seconds),
  promoteSeconds: summaryOf(Seconds),
  acceptedTwice: Count,
});

/** What the benchmark of failovers measured; a measure that was left out lacks. `docs/reports.md` explains each field. */
export const FailoverBenchReport = z.strictObject({
  switchover: z
    .strictObject({
      gapSeconds: summaryOf(Seconds),
      dnsFlipSeconds: summaryOf(Seconds),
      lostWrites: Count,
      acceptedTwice: Count,
    })
    .optional(),
  leaderKill: z.strictObject({ gapSeconds: summaryOf(Seconds), lostWrites: Count }).optional(),
  pressure: z
    .strictObject({ minutes: z.number().positive(), failovers: Count, longestGapSeconds: Seconds, lostWrites: Count })
    .optional(),
  regionLoss: RegionLosses.optional(),
  regionLossSynchronous: RegionLosses.optional(),
  dnsTtlSeconds: Seconds,
  conditions: Conditions,
});
export type FailoverBenchReport = z.infer<typeof FailoverBenchReport>;

export const measures = ["switchover", "leaderKill", "pressure", "regionLoss", "regionLossSynchronous"] as const;
export type Measure = (typeof measures)[number];
