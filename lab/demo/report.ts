import { z } from "zod";
import { Conditions, Count, Seconds } from "../stage/reportFile";

/** What the demo measured. `docs/reports.md` explains each field. */
export const RebuildReport = z.strictObject({
  rtoSeconds: Seconds,
  phases: z.strictObject({
    destruction: Seconds,
    cluster: Seconds,
    up: Seconds,
    restore: Seconds,
    replay: Seconds,
    promotion: Seconds,
    firstWrite: Seconds,
  }),
  rebuildSeconds: Seconds,
  applyToWritableSeconds: Seconds,
  pulumiUpSeconds: Seconds,
  acknowledgedWrites: Count.positive(),
  foundWrites: Count,
  lostWrites: Count,
  holes: Count,
  unknownWrites: Count,
  unknownFound: Count,
  rpoSeconds: Seconds,
  databaseBytes: Count.positive(),
  longestGapSeconds: Seconds,
  story: z.record(z.string(), Seconds),
  conditions: Conditions.extend({ scale: z.number().positive(), restoreFrom: z.enum(["s3", "gcs"]) }),
});
export type RebuildReport = z.infer<typeof RebuildReport>;
