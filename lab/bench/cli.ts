import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { openCluster, runCronJob } from "../stage/cluster";
import { runAsCommand } from "../stage/command";
import { writeReport } from "../stage/reportFile";
import { tellStory } from "../demo/story";
import { withLab } from "../stage/surroundings";
import { paths } from "../paths";
import { regionDatabase } from "../workload/access";
import { parseScale } from "../workload/arguments";
import { apart, checkApart } from "./apart";
import { previews } from "./preview";
import { BenchReport, type Comparison } from "./report";
import { download, newestBackup, restore } from "./restore";
import { goalsTable, growthTable } from "./show";
import { median } from "../stage/statistics";
import { throughput } from "./throughput";

const REGION = "primary";
const NAMESPACE = "marimo-erp";
/** Folder of the repository in the bucket, where the lab leaves the program's default. */
const REPOSITORY_PATH = "/marimo";
const ROUNDS = 3;
const PREVIEWS = 5;
const BACKUP_TIMEOUT_SECONDS = 1800;

const cluster = () => openCluster(paths.kubeconfig, REGION, NAMESPACE);

const compare = (measured: number[], baseline: number[]): Comparison => ({
  measured,
  baseline,
  ratio: median(measured) / median(baseline),
});

async function compareRestore(scale: number): Promise<BenchReport["restores"][number]> {
  const backup = await newestBackup(REPOSITORY_PATH);
  const baseline = await download(backup, ROUNDS);
  const measured = await restore(cluster(), backup, ROUNDS);
  return { ...compare(measured, baseline), scale, downloadBytes: backup.bytes };
}

async function compareThroughput(kind: string): Promise<Comparison> {
  const database = regionDatabase({ kubeconfig: paths.kubeconfig, context: REGION, namespace: NAMESPACE });
  const ledger = join(
    paths.reports,
    "ledgers",
    `${new Date().toISOString().replaceAll(/[:.]/g, "-")}-throughput-${kind}.jsonl`,
  );
  const backup = (round: number) =>
    runCronJob(cluster(), "postgres-basebackup-full", `bench-basebackup-${kind}-${round}`, BACKUP_TIMEOUT_SECONDS);
  const { quiet, underBackup } = await throughput(database, ledger, ROUNDS, backup);
  return compare(underBackup, quiet);
}

async function comparePreview(): Promise<Comparison> {
  const { program, emptyProgram } = await previews(PREVIEWS);
  return compare(program, emptyProgram);
}

/** Each size gets a lab of its own, from nothing. What does not depend on the size is measured beside the last one. */
async function benchmark(scales: readonly number[], signal: AbortSignal): Promise<BenchReport> {
  const report: Partial<BenchReport> & Pick<BenchReport, "rebuilds" | "restores"> = { rebuilds: [], restores: [] };
  for (const scale of scales) {
    await withLab({ keep: false, regions: ["primary"], signal }, async () => {
      report.rebuilds.push(await tellStory({ scale, from: "s3", keep: false }, signal));
      report.restores.push(await compareRestore(scale));
      if (scale === scales.at(-1)) {
        report.preview = await comparePreview();
        report.throughput = await compareThroughput("together");
        report.throughputApart = await apart(cluster(), REGION, () => compareThroughput("apart"));
      }
    });
  }
  return BenchReport.parse(report);
}

function parseScales(text: string, previous: readonly number[] | undefined): number[] {
  const scales = [...(previous ?? []), parseScale(text)];
  if (new Set(scales).size < scales.length) throw new InvalidArgumentError(`${text} is given twice`);
  return scales;
}

runAsCommand(async (signal) => {
  const { scales = [0.25, 2, 1] } = new Command("bench")
    .description("Measures the topology against plain means on the same machine.")
    .option(
      "--scales <numbers...>",
      "sizes of the database; the last one also bears the throughput (default: 0.25 2 1)",
      parseScales,
    )
    .parse()
    .opts<{ scales?: number[] }>();
  await checkApart();
  const report = await benchmark(scales, signal);
  const file = join(paths.reports, "bench.json");
  writeReport(file, BenchReport, report);
  console.log(`\n${goalsTable(report)}\n${growthTable(report.rebuilds)}\nThe same as JSON: ${file}`);
  return true;
});
