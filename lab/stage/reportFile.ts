import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

export const Seconds = z.number().nonnegative();
export const Count = z.int().nonnegative();

/** On what a report was measured. */
export const Conditions = z.strictObject({
  date: z.iso.datetime(),
  cores: Count.positive(),
  memoryBytes: Count.positive(),
  versions: z.record(z.string(), z.string()),
  standIns: z.array(z.string()),
});
export type Conditions = z.infer<typeof Conditions>;

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
