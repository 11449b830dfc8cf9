import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import Table from "cli-table3";
import { Command, Option } from "commander";
import { dns } from "./dns";
import { labEnvironment, labVariables } from "./environment";
import { regionNames, type RegionName } from "./kind";
import { down, status, up } from "./lab";
import { currentParts, labExists } from "./parts";
import { paths } from "./paths";
import { logFile } from "./process";
import { stores } from "./stores";

async function showStatus(): Promise<void> {
  if (!labExists()) {
    console.log(`There is no lab in ${paths.lab}. Make one: npm run lab -- up`);
    return;
  }
  const table = new Table({ head: ["part", "state", "where"], style: { head: [], border: [] } });
  table.push(...(await status()).map(({ part, state, where }) => [part, state, where]));
  console.log(table.toString());
}

/** Prints a server's own log, or the log of what the lab did; without a name, the names. */
function showLogs(name: string | undefined): void {
  const { engine } = currentParts();
  const containers = [...Object.values(stores), dns].map(({ container }) => container);
  if (name === undefined) {
    const files = existsSync(paths.logs) ? readdirSync(paths.logs).map((file) => file.replace(/\.log$/, "")) : [];
    console.log(`Servers: ${containers.join(" ")}\nWhat the lab did: ${files.join(" ")}`);
  } else if (containers.includes(name)) {
    spawnSync(engine, ["logs", "--tail", "500", name], { env: labEnvironment(), stdio: "inherit" });
  } else if (existsSync(logFile(name))) {
    process.stdout.write(readFileSync(logFile(name), "utf8"));
  } else {
    throw new Error(`There is no log ${name}. Those there are: npm run lab -- logs`);
  }
}

/** Shell commands that bring the lab's tools and settings into a shell. */
function showEnvironment(): void {
  const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;
  for (const [name, value] of Object.entries(labVariables())) {
    console.log(name === "PATH" ? `export PATH=${quoted(paths.bin)}:"$PATH"` : `export ${name}=${quoted(value)}`);
  }
}

const program = new Command("lab").description("Two regions, two object stores and a DNS server on this machine.");
program
  .command("up")
  .description("Bring the lab up: installs, builds and starts what is missing.")
  .addOption(new Option("--regions <names...>", "only these regions").choices(regionNames).default(regionNames))
  .action((options: { regions: RegionName[] }) => up({ ...options, application: true }));
program.command("status").description("Show what runs.").action(showStatus);
program
  .command("down")
  .description("Remove all that the lab made; what it built and measured stays.")
  .option("--cache", "remove the build cache too", false)
  .option("--reports", "remove the reports of demos and benchmarks too", false)
  .action((options: { cache: boolean; reports: boolean }) =>
    down({ removeCache: options.cache, removeReports: options.reports }),
  );
program.command("logs [name]").description("Print a log; without a name, the names of all.").action(showLogs);
program.command("env").description('Print shell settings: eval "$(npm run -s lab env)".').action(showEnvironment);

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  // What runs beside the step that failed is stopped; the next start takes it up again.
  process.exit(1);
});
