import { join } from "node:path";
import { paths } from "../paths";
import { runAsCommand } from "../stage/command";
import { writeReport } from "../stage/reportFile";
import { withLab } from "../stage/surroundings";
import { type DemoOptions, demoCommand } from "./options";
import { RebuildReport } from "./report";
import { lossExplained, objectivesTable, phasesTable } from "./show";
import { tellStory } from "./story";
import { shortcomings } from "./verdict";

runAsCommand(async (signal) => {
  const options = demoCommand().parse().opts<DemoOptions>();
  const report = await withLab({ keep: options.keep, regions: ["primary"], signal }, () => tellStory(options, signal));
  const file = join(paths.reports, "rebuild.json");
  writeReport(file, RebuildReport, report);
  const findings = shortcomings(report);
  const explanation = findings.length === 0 ? lossExplained(report) : undefined;
  const parts = ["", objectivesTable(report), phasesTable(report), explanation, `The same as JSON: ${file}`];
  console.log(parts.filter((part) => part !== undefined).join("\n"));
  for (const finding of findings) console.error(`Not as the plan says: ${finding}`);
  return findings.length === 0;
});
