import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { z } from "zod";
import { downEngine, upEngine } from "../lab";
import { labExists } from "../parts";
import { paths } from "../paths";
import { cancellable } from "../process";
import { runAsCommand } from "../stage/command";
import { writeReport } from "../stage/reportFile";
import { median } from "../stage/statistics";
import { humanTime, plain } from "../stage/tables";
import { parseCount } from "../workload/arguments";
import { productionPreviews } from "./preview";
import { goals } from "./show";

/** Seconds of each preview, by stack; `empty` is the program that has no resource. */
const PreviewReport = z.record(z.string(), z.array(z.number().positive()).min(1));

runAsCommand(async (signal) => {
  const { rounds } = new Command("bench:preview")
    .description(
      "Times `pulumi preview` of the three stacks of production against an empty program. No cloud is asked.",
    )
    .option("--rounds <number>", "previews of each", parseCount, 5)
    .parse()
    .opts<{ rounds: number }>();
  const leave = labExists();
  try {
    const seconds = await cancellable(signal, async () => {
      await upEngine();
      return productionPreviews(rounds);
    });
    const { empty = [], ...stacks } = seconds;
    const table = new Table({ head: ["preview of", "median", "against empty", "goal"], style: plain });
    table.push(["an empty program", humanTime(median(empty)), "", ""]);
    for (const [stack, samples] of Object.entries(stacks)) {
      const ratio = median(samples) / median(empty);
      const verdict = `<= ${goals.previewRatio}: ${ratio <= goals.previewRatio ? "met" : "missed"}`;
      table.push([stack, humanTime(median(samples)), ratio.toFixed(2), verdict]);
    }
    const file = join(paths.reports, "previews.json");
    writeReport(file, PreviewReport, seconds);
    console.log(`\n${table.toString()}\nThe same as JSON: ${file}`);
    return true;
  } finally {
    if (!leave) await downEngine();
  }
});
