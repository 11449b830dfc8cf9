import { names } from "../../../domain/names";
import { killPod } from "../../faults";
import { paths } from "../../paths";
import { leaderUid, openCluster } from "../../stage/cluster";
import { repeat, summary, total } from "../../stage/statistics";
import { until } from "../../stage/until";
import { longestGap } from "../acknowledgements";
import { writer } from "../regions";
import { type Bench, underLoad } from "./load";
import type { FailoverBenchReport } from "./report";

const NAMESPACE = "marimo-erp";
const COMMITS_PER_SECOND = 200;
const HEALTHY_SECONDS = 300;

type LeaderKills = NonNullable<FailoverBenchReport["leaderKill"]>;

/** SIGKILL to all of the leader's pod, in a region that stays the writer. */
export async function leaderKills(bench: Bench, runs: number): Promise<LeaderKills> {
  const results = await repeat(runs, () => leaderKill(bench));
  return {
    gapSeconds: summary(results.map(({ gapSeconds }) => gapSeconds)),
    lostWrites: total(results.map(({ lostWrites }) => lostWrites)),
  };
}

async function leaderKill(bench: Bench) {
  const region = await writer();
  const cluster = openCluster(paths.kubeconfig, region, NAMESPACE);
  const { acknowledgements, count } = await underLoad(
    bench,
    { commitsPerSecond: COMMITS_PER_SECOND, to: region },
    async () => killPod(region, await leaderUid(cluster)),
  );
  const healthy = async () => {
    const { status } = await cluster.apps.readNamespacedStatefulSet({ name: names.statefulSet, namespace: NAMESPACE });
    return status?.readyReplicas === status?.replicas;
  };
  await until("all members are ready again", healthy, HEALTHY_SECONDS, bench.signal);
  return { gapSeconds: longestGap(acknowledgements.map(({ at }) => at)), lostWrites: count.lostWrites };
}
