import assert from "node:assert/strict";
import { join } from "node:path";
import { names } from "../../domain/names";
import { loseState } from "../../lab/stage/pulumi";
import { until } from "../../lab/stage/until";
import { labEnvironment } from "../../lab/environment";
import type { RegionName } from "../../lab/kind";
import { paths } from "../../lab/paths";
import { configureStack } from "../../lab/pulumi";
import { createRegion, destroyRegion } from "../../lab/regions";
import { regionDatabase } from "../../lab/workload/access";
import { withClient } from "../../lab/workload/connection";
import { type Count, countAcknowledged } from "../../lab/workload/count";
import { startWriter, type Writer } from "../../lab/workload/writer";

/** The region that the lab tests destroy and rebuild. */
export const region = "primary";
export const namespace = "marimo-erp";

export { until };

export interface Outcome {
  readonly code: number | undefined;
  /** stdout and stderr as a person would see them. */
  readonly output: string;
}

/** No command of these tests takes longer unless something hangs. */
const COMMAND_MS = 600_000;

/** Runs a command in the lab's environment; its failure is an outcome like another. */
export const command = async (file: string, args: readonly string[], input?: string): Promise<Outcome> => {
  const { execa } = await import("execa");
  const { exitCode, all } = await execa(file, args, {
    env: labEnvironment(),
    extendEnv: false,
    reject: false,
    all: true,
    ...(input === undefined ? { stdin: "ignore" } : { input }),
    timeout: COMMAND_MS,
  });
  return { code: exitCode, output: all };
};

export const succeed = async (running: Promise<Outcome>): Promise<string> => {
  const { code, output } = await running;
  assert.equal(code, 0, output);
  return output;
};

/** What a person does with a region and sees of it. */
export const inRegion = (region: RegionName) => {
  const pulumiArguments = (...args: string[]) => [
    ...["-C", paths.pulumiProject, "--non-interactive", "--stack", region],
    ...args,
  ];

  /** The plain CLI on the region's stack. */
  const pulumi = (...args: string[]): Promise<Outcome> => command("pulumi", pulumiArguments(...args));

  const up = (...args: string[]): Promise<Outcome> => pulumi("up", "--yes", "--skip-preview", ...args);

  const configure = (key: string, value: string): Promise<string> =>
    succeed(command("pulumi", pulumiArguments("config", "set", key, value)));

  /** kubectl in the region's namespace. */
  const kubectl = (...args: string[]): Promise<Outcome> =>
    command("kubectl", ["--context", region, "--namespace", namespace, ...args]);

  const inMember = (pod: string, ...args: string[]): Promise<Outcome> =>
    kubectl("exec", pod, "--container", "postgres", "--", ...args);

  const database = regionDatabase({ kubeconfig: paths.kubeconfig, context: region, namespace });

  /** One value from the member that takes writes, over TLS and with the password that the program holds. */
  const query = (sql: string): Promise<string> =>
    withClient(database, async (client) => {
      const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
      return String(rows[0]?.[0]);
    });

  /** Closes the segment that is being written, and returns when both repositories have it. */
  const archiveEverything = async (): Promise<void> => {
    // Named once: the server may write into the next segment at any time, and leave that one open for long.
    const segment = await query("SELECT pg_walfile_name(pg_switch_wal() - 1)");
    const archived = `SELECT last_archived_wal >= '${segment}' FROM pg_stat_archiver`;
    await until(`${segment} is archived`, async () => (await query(archived)) === "true");
  };

  /** Name of the pod that leads. */
  const leader = async (): Promise<string> => {
    const selector = `app=postgres,role=primary`;
    const output = await succeed(
      kubectl("get", "pods", "--selector", selector, "--output", "jsonpath={.items[*].metadata.name}"),
    );
    return output.trim();
  };

  /** Whether every member is ready, the standbys streaming. */
  const healthy = async (): Promise<boolean> => {
    const { output } = await kubectl(
      "get",
      "statefulset",
      names.statefulSet,
      "--output",
      "jsonpath={.status.readyReplicas}",
    );
    return output === "2";
  };

  /** Log of the member's Patroni container, the one that was replaced by a restart included. */
  const memberLog = async (pod: string): Promise<string> => {
    const [now, before] = await Promise.all([
      kubectl("logs", pod, "--container", "postgres"),
      kubectl("logs", pod, "--container", "postgres", "--previous"),
    ]);
    return `${before.output}\n${now.output}`;
  };

  return {
    name: region,
    pulumiArguments,
    pulumi,
    up,
    configure,
    kubectl,
    inMember,
    database,
    query,
    archiveEverything,
    leader,
    healthy,
    memberLog,
  };
};

export const primary = inRegion(region);

let ledgers = 0;
/** Path of a ledger that no other test writes. */
export const newLedger = (): string => join(paths.lab, "tests", `${process.pid}-${(ledgers += 1)}.jsonl`);

/** Returns when the writer's commits go through. */
export const goesOn = async (writer: Writer): Promise<void> => {
  const before = writer.acknowledgedRows();
  await until("the writer goes on", () => Promise.resolve(writer.acknowledgedRows() > before + 200));
};

/**
 * Writes at an ERP's pace while a fault is injected and until writes go through again, then counts what was acknowledged.
 */
export const underLoad = async (fault: () => Promise<void>): Promise<Count> => {
  const ledger = newLedger();
  const writer = await startWriter(primary.database, ledger, { commitsPerSecond: 200 });
  try {
    await goesOn(writer);
    await fault();
    await goesOn(writer);
  } finally {
    await writer.stop();
  }
  return countAcknowledged(primary.database, ledger);
};

/** The region and Pulumi's state are gone, and a new empty region and stack stand in their place. */
export const loseEverything = async (): Promise<void> => {
  await destroyRegion(region);
  await loseState();
  await createRegion(region);
  await configureStack(region);
};
