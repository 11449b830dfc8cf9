import { join } from "node:path";
import { Command, Option } from "commander";
import { dnsName } from "../../dns";
import { dnsAddress } from "../../environment";
import { regionNames } from "../../kind";
import { paths } from "../../paths";
import { cancellable } from "../../process";
import { openCluster } from "../../stage/cluster";
import { runAsCommand } from "../../stage/command";
import { conditions } from "../../stage/conditions";
import { writeReport } from "../../stage/reportFile";
import { withLab } from "../../stage/surroundings";
import { parseCount, parseRate } from "../../workload/arguments";
import { dnsQuestion } from "../../workload/dns";
import { bringUp, direct, writer } from "../regions";
import { leaderKills } from "./leader-kill";
import type { Bench } from "./load";
import { pressure } from "./pressure";
import { regionLosses } from "./region-loss";
import { FailoverBenchReport, type Measure, measures } from "./report";
import { goalsTable } from "./show";
import { switchovers } from "./switchover";

interface Options {
  readonly runs: number;
  readonly only: readonly Measure[];
  readonly pressureMinutes: number;
}

async function benchmark({ runs, only, pressureMinutes }: Options, signal: AbortSignal): Promise<FailoverBenchReport> {
  const database = direct(await bringUp());
  const bench: Bench = { database, signal };
  const wanted = new Set(only);
  const measured = {
    ...(wanted.has("switchover") && { switchover: await switchovers(bench, runs) }),
    ...(wanted.has("leaderKill") && { leaderKill: await leaderKills(bench, runs) }),
    ...(wanted.has("pressure") && { pressure: await pressure(bench, pressureMinutes) }),
    ...(wanted.has("regionLoss") && { regionLoss: await regionLosses(bench, runs, "off") }),
    ...(wanted.has("regionLossSynchronous") && {
      regionLossSynchronous: await regionLosses(bench, runs, "cross-region"),
    }),
  };
  const cluster = openCluster(paths.kubeconfig, await writer(), "marimo-erp");
  const { ttl } = await dnsQuestion(dnsAddress, dnsName)();
  return { ...measured, dnsTtlSeconds: ttl, conditions: await conditions(cluster, database) };
}

runAsCommand(async (signal) => {
  const options = new Command("bench:failover")
    .description("Measures how long writes stop, and what is lost, when regions and members change places.")
    .option("--runs <number>", "of each measure", parseCount, 5)
    .addOption(new Option("--only <measures...>", "only these").choices(measures).default(measures))
    .option("--pressure-minutes <number>", "how long the run under CPU pressure takes", parseRate, 10)
    .parse()
    .opts<Options>();
  const report = await withLab({ keep: false, regions: regionNames, signal }, () =>
    cancellable(signal, () => benchmark(options, signal)),
  );
  const file = join(paths.reports, "failover-bench.json");
  writeReport(file, FailoverBenchReport, report);
  console.log(`\n${goalsTable(report)}\nThe same as JSON: ${file}`);
  return true;
});
