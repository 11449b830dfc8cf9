import { z } from "zod";
import { RebuildReport } from "../demo/report";

const Seconds = z.number().positive();
const Samples = z.array(Seconds).min(1);

/** Medians and their ratio, with the samples that they come from. */
const Comparison = z.strictObject({
  measured: Samples,
  baseline: Samples,
  ratio: z.number().positive(),
});
export type Comparison = z.infer<typeof Comparison>;

/** What the benchmark measured. `docs/reports.md` explains each field. */
export const BenchReport = z.strictObject({
  rebuilds: z.array(RebuildReport).min(1),
  restores: z.array(Comparison.extend({ scale: z.number().positive(), downloadBytes: z.int().positive() })).min(1),
  preview: Comparison,
  throughput: Comparison,
  throughputApart: Comparison,
});
export type BenchReport = z.infer<typeof BenchReport>;
