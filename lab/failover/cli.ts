import { join } from "node:path";
import { Command } from "commander";
import { regionNames } from "../kind";
import { paths } from "../paths";
import { runAsCommand } from "../stage/command";
import { writeReport } from "../stage/reportFile";
import { withLab } from "../stage/surroundings";
import { FailoverReport } from "./report";
import { gapsTable, objectivesTable } from "./show";
import { tellStory } from "./story";
import { shortcomings } from "./verdict";

runAsCommand(async (signal) => {
  const { keep } = new Command("demo:failover")
    .description("Moves the writes between two regions, as planned and by force, under load, and counts what is left.")
    .option("--keep", "leave the lab running at the end", false)
    .parse()
    .opts<{ keep: boolean }>();
  const report = await withLab({ keep, regions: regionNames, signal }, () => tellStory(signal));
  const file = join(paths.reports, "failover.json");
  writeReport(file, FailoverReport, report);
  console.log(["", objectivesTable(report), gapsTable(report), `The same as JSON: ${file}`].join("\n"));
  const findings = shortcomings(report);
  for (const finding of findings) console.error(`Not as the plan says: ${finding}`);
  return findings.length === 0;
});
