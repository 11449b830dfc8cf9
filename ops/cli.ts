import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Argument, Command, Option } from "commander";
import { readDnsName } from "../config/stackFile";
import type { LostThing } from "../domain/fence";
import { lostThings } from "../domain/promotion";
import { readPlan } from "../domain/plan";
import { renderReview, review } from "../domain/review";
import { exitCodes } from "./exitCodes";
import { interruption } from "./interruption";
import { reasonOf } from "./kubernetes";
import type { Outcome } from "./record";
import { addRestore } from "./restore/cli";
import { openRegion, type StackName, stackNames } from "./region";
import { runFailback, runPromote, type RunOptions, runSwitchover } from "./run";
import { statusTables } from "./show";
import { statusOf } from "./status";

const watchMs = 5_000;

interface Common {
  readonly project: string;
}

/** `signal` is aborted when the operator wants to stop. Each command resolves to its exit status. */
export const drCommand = (signal: AbortSignal, exit: (code: number) => void): Command => {
  const dr = new Command("dr")
    .description("Two regions of Marimo ERP: how they are, and which of them takes the writes.")
    .addOption(
      new Option("--project <folder>", "folder with Pulumi.yaml and the stacks' files")
        .env("MARIMO_DR_PROJECT")
        .default(".", "the current one")
        .argParser((folder) => resolve(folder)),
    );
  const projectOf = () => resolve(dr.opts<Common>().project);
  const region = (description: string) => new Argument("<region>", description).choices(stackNames);

  const changing = (name: string, description: string, argument: string) =>
    dr
      .command(name)
      .description(description)
      .addArgument(region(argument))
      .option("--dry-run", "say what would be done, and do nothing", false)
      .option(
        "--record <file>",
        "where the record of this run goes; default: a new file in .dr/records of the project",
      );
  const end = async (running: Promise<Outcome>) => {
    exit(exitCodes[await running]);
  };

  dr.command("status")
    .description("Show both regions, beside what the plan promises.")
    .option("--json", "as JSON", false)
    .option("--watch", "again and again, until Ctrl-C", false)
    .option("--host <names...>", "names that clients use; default: dnsName of Pulumi.global.yaml")
    .option("--dns <address>", "DNS server to ask, HOST or HOST:PORT by address; default: the machine's")
    .action(async (options: { json: boolean; watch: boolean; host?: string[]; dns?: string }) => {
      const project = projectOf();
      const regions = { primary: openRegion(project, "primary"), secondary: openRegion(project, "secondary") };
      const declared = readDnsName(project);
      const hosts = options.host ?? (declared === undefined ? [] : [declared]);
      for (;;) {
        const status = await statusOf(regions, { hosts, dnsServer: options.dns });
        if (options.watch && process.stdout.isTTY) console.clear();
        console.log(options.json ? JSON.stringify(status) : statusTables(status));
        if (!options.watch || signal.aborted) break;
        await pause(watchMs, undefined, { signal }).catch(() => undefined);
      }
      exit(0);
    });

  changing("switchover", "Move the writes as planned. Nothing is lost.", "the region that takes them").action(
    (stack: StackName, options: Flags) => end(runSwitchover(stack, { ...options, project: projectOf() }, signal)),
  );
  changing("promote", "Take the writes because the other region is lost.", "the region that takes them")
    .addOption(
      new Option(
        "--confirm-lost [what...]",
        "answer for what may be lost: s3 or gcs is gone with its cloud; writes that haven't come here",
      ).choices(lostThings),
    )
    .option("--without-pulumi", "leave the pulumi up at the end to you, as is done where Pulumi's state is gone", false)
    .action((stack: StackName, { confirmLost, ...flags }: PromoteFlags) => {
      // Without a word it answers for writes, which are what a take-over loses.
      const words = confirmLost === true ? (["writes"] as const) : confirmLost;
      const options = { ...flags, project: projectOf(), ...(words !== undefined && { confirmLost: words }) };
      return end(runPromote(stack, options, signal));
    });
  changing("failback", "Bring a lost region back as standby, and move the writes to it.", "the region that was lost")
    .option("--no-switchover", "leave it a standby")
    .action((stack: StackName, options: Flags & { switchover: boolean }) =>
      end(runFailback(stack, { ...options, project: projectOf() }, signal)),
    );

  addRestore(dr, projectOf, signal, exit);

  dr.command("review")
    .description("Say what a change does to recovery, from its plan: pulumi preview --json > plan.json")
    .argument("<plan>", "file with the plan")
    .action((file: string) => {
      const plan = readPlan(readFileSync(file, "utf8"));
      console.log(renderReview(plan, review(plan)));
      exit(0);
    });
  return dr;
};

type Flags = Omit<RunOptions, "project">;

interface PromoteFlags extends Flags {
  readonly confirmLost?: true | readonly LostThing[];
  readonly withoutPulumi: boolean;
}

export const main = async (): Promise<void> => {
  try {
    // What still waits for a region that doesn't answer must not keep the process.
    await drCommand(interruption(), (code) => process.exit(code)).parseAsync();
  } catch (error) {
    console.error(reasonOf(error));
    process.exit(1);
  }
};
