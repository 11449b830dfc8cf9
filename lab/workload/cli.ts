import { Command } from "commander";
import { paths } from "../paths";
import { regionDatabase } from "./access";
import { parseCount, parseRate, parseScale } from "./arguments";
import { waitForDatabase } from "./connection";
import { countAcknowledged } from "./count";
import { load } from "./load";
import { scaleLimits } from "./schema";
import { startWriter } from "./writer";

interface Common {
  readonly region: string;
}

const database = ({ region }: Common) => regionDatabase({ kubeconfig: paths.kubeconfig, context: region });

const print = (result: unknown): void => {
  console.log(JSON.stringify(result));
};

/** The workload's commands. Each prints its result as one line of JSON. */
export function workloadCommand(): Command {
  const command = new Command("workload").description("ERP-like rows and a writer that records what it was promised");
  const subcommand = (name: string, description: string) =>
    command.command(name).description(description).requiredOption("--region <name>", "primary or secondary");

  subcommand("load", "fill the region's database")
    .option("--scale <number>", `1 is about 1 GB; ${scaleLimits.least} to ${scaleLimits.most}`, parseScale, 1)
    .option("--seed <number>", "the same seed makes the same rows", parseCount, 1)
    .action(async (options: Common & { scale: number; seed: number }) => {
      const onProgress = (done: string) => {
        console.error(done);
      };
      print(await load(database(options), { ...options, onProgress }));
    });

  subcommand("write", "commit rows and record the acknowledgements until SIGINT or SIGTERM")
    .requiredOption("--ledger <file>", "new file for the record")
    .option("--sessions <number>", "sessions that write at once", parseCount, 4)
    .option("--rate <number>", "commits per second, all sessions together; default: as many as possible", parseRate)
    .action(async ({ ledger, sessions, rate, ...options }: Common & WriteOptions) => {
      await waitForDatabase(database(options));
      const writer = await startWriter(database(options), ledger, {
        sessions,
        ...(rate !== undefined && { commitsPerSecond: rate }),
      });
      console.error(`writing; this run is ${writer.run}`);
      await signalled();
      print(await writer.stop());
    });

  subcommand("count", "look up every acknowledged row")
    .requiredOption("--ledger <file>", "the writer's record")
    .action(async ({ ledger, ...options }: Common & { ledger: string }) => {
      print(await countAcknowledged(database(options), ledger));
    });
  return command;
}

interface WriteOptions {
  readonly ledger: string;
  readonly sessions: number;
  readonly rate?: number;
}

const signalled = (): Promise<void> =>
  new Promise((resolve) => {
    process.once("SIGINT", () => {
      resolve();
    });
    process.once("SIGTERM", () => {
      resolve();
    });
  });

if (require.main === module) {
  workloadCommand()
    .parseAsync()
    .catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
}
