import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

const Seconds = z.number().nonnegative();
const Count = z.int().nonnegative();

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
  conditions: z.strictObject({
    date: z.iso.datetime(),
    cores: Count.positive(),
    memoryBytes: Count.positive(),
    scale: z.number().positive(),
    restoreFrom: z.enum(["s3", "gcs"]),
    versions: z.record(z.string(), z.string()),
    standIns: z.array(z.string()),
  }),
});
export type RebuildReport = z.infer<typeof RebuildReport>;

/**
 * Writes a report that fits its schema, for people and programs.
 *
 * @throws ZodError when it does not fit: such a report would mislead whoever reads it
 */
export function writeReport<Report>(path: string, schema: z.ZodType<Report>, report: Report): void {
  const text = JSON.stringify(schema.parse(report), null, 2);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text + "\n");
}
