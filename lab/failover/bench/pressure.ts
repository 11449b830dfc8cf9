import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { withClient } from "../../workload/connection";
import { longestGap } from "../acknowledgements";
import { type Direct, writer } from "../regions";
import { type Bench, underLoad } from "./load";
import type { FailoverBenchReport } from "./report";

const COMMITS_PER_SECOND = 100;
/** Processes that want a whole core, for each core. */
const CONTENDERS = 2;

type Pressure = NonNullable<FailoverBenchReport["pressure"]>;

/** All cores are wanted by others for a while: nobody may take a slow leader for a lost one. */
export async function pressure(bench: Bench, minutes: number): Promise<Pressure> {
  const before = await timeline(bench.database);
  const to = await writer();
  const { acknowledgements, count } = await underLoad(bench, { commitsPerSecond: COMMITS_PER_SECOND, to }, () =>
    contended(() => delay(minutes * 60_000, undefined, { signal: bench.signal })),
  );
  return {
    minutes,
    failovers: (await timeline(bench.database)) - before,
    longestGapSeconds: longestGap(acknowledgements.map(({ at }) => at)),
    lostWrites: count.lostWrites,
  };
}

/** Grows with every promotion. */
const timeline = (database: Direct): Promise<number> =>
  withClient(database, async (client) => {
    const { rows } = await client.query<{ segment: string }>("SELECT pg_walfile_name(pg_current_wal_lsn()) AS segment");
    return parseInt(rows[0]?.segment.slice(0, 8) ?? "", 16);
  });

async function contended(work: () => Promise<unknown>): Promise<void> {
  const busy: ChildProcess[] = Array.from({ length: CONTENDERS * availableParallelism() }, () =>
    spawn(process.execPath, ["--eval", "for (;;);"], { stdio: "ignore" }),
  );
  try {
    await work();
  } finally {
    for (const child of busy) child.kill("SIGKILL");
  }
}
