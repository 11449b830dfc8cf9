import { type Command, InvalidArgumentError, Option } from "commander";
import { Size } from "../../domain/size";
import { readStackFile } from "../../config/stackFile";
import { type StackName, stackNames } from "../region";
import { exitCodes } from "../exitCodes";
import { runDump } from "./dump";
import { runList } from "./list";
import { runToPoint } from "./toPoint";

interface Flags {
  readonly region?: StackName;
  readonly list: boolean;
  readonly json: boolean;
  readonly to?: string;
  readonly set?: string;
  readonly timeline?: number;
  readonly storage?: string;
  readonly table?: string[];
  readonly into: "scratch" | "primary";
  readonly dryRun: boolean;
  readonly record?: string;
  readonly dump?: string;
  readonly namespace?: string;
  readonly acceptUnverified?: string;
  readonly owners: boolean;
  readonly onlyIfEmpty: boolean;
}

const timelineOf = (text: string): number => {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError("It must be a timeline's number.");
  return Number(text);
};

/** A reason is for those who read the record later. */
const shortestReason = 10;

const reasonOf = (text: string): string => {
  if (text.trim().length >= shortestReason) return text.trim();
  throw new InvalidArgumentError(`It must be a reason of ${shortestReason} characters or more, which is recorded.`);
};

const sizeOf = (text: string): string => {
  try {
    return Size.parse(text).toString();
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
};

/** The stack whose role is primary; both region's stacks needn't be there. */
const writer = (project: string): StackName => {
  const isPrimary = (stack: StackName) => {
    try {
      return readStackFile(project, stack).values.role === "primary";
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  };
  const [stack, ...more] = stackNames.filter(isPrimary);
  if (stack === undefined || more.length > 0) {
    throw new Error(`${stack ? "more than one" : "none"} of the stacks has the role primary: name one with --region`);
  }
  return stack;
};

/** `dr restore`, with all that it restores. */
export const addRestore = (
  dr: Command,
  projectOf: () => string,
  signal: AbortSignal,
  exit: (code: number) => void,
): void => {
  dr.command("restore")
    .description("Bring back what was lost: see what can be restored, and restore it beside the running database.")
    .addOption(
      new Option("--region <stack>", "the region").choices(stackNames).default(undefined, "the one that writes"),
    )
    .option("--list", "what can be restored: windows and gaps of each repository", false)
    .option("--json", "with --list: as JSON", false)
    .option("--to <point>", "a moment with its zone, a position in WAL, a restore point's name, or latest")
    .option("--set <label>", "with --to: the backup to begin with; default: the newest one before the point")
    .addOption(new Option("--timeline <number>", "with --to: a history that was left behind").argParser(timelineOf))
    .addOption(new Option("--storage <size>", "with --to: size of the scratch database's volume").argParser(sizeOf))
    .option("--table <names...>", "with --to: only take these tables out, into a file")
    .addOption(
      new Option(
        "--into <where>",
        "with --to: `primary` puts the restored database in the place of the living one, which is kept under another name; with --table, the tables beside the living ones",
      )
        .choices(["scratch", "primary"])
        .default("scratch"),
    )
    .option("--dump <file>", "a logical dump: of this machine, of the volume backup-storage, or of the other places")
    .option("--namespace <name>", "with --dump: where to; default: the region's, its living database")
    .option("--no-owners", "with --dump: everything belongs to postgres, for dumps whose roles aren't here")
    .option("--only-if-empty", "with --dump: do nothing where the database has tables", false)
    .addOption(
      new Option(
        "--accept-unverified <reason>",
        "with --dump: take it with a checksum that is missing or wrong",
      ).argParser(reasonOf),
    )
    .option("--dry-run", "say what would be done, and do nothing", false)
    .option("--record <file>", "where the record of this run goes; default: a new file in .dr/records of the project")
    .action(async ({ set, region, list, json, to, dump, ...flags }: Flags, command: Command) => {
      const project = projectOf();
      const given = [list, to !== undefined, dump !== undefined].filter(Boolean).length;
      if (given !== 1) command.error("say one of --list, --to, --dump");
      const stack = region ?? writer(project);
      if (dump !== undefined) {
        exit(exitCodes[await runDump({ ...flags, project, region: stack, file: dump }, signal)]);
      } else if (to === undefined) exit(await runList(project, stack, json));
      else {
        const options = { ...flags, project, region: stack, to, ...(set !== undefined && { backup: set }) };
        exit(exitCodes[await runToPoint(options, signal)]);
      }
    });
};
