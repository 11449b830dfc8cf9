import { cpus, totalmem } from "node:os";
import { standInsInUse } from "../pulumi";
import { type ConnectionSource, withClient } from "../workload/connection";
import type { Cluster } from "./cluster";
import { pulumiVersion } from "./pulumi";
import type { Conditions } from "./reportFile";

/** On what is measured: this machine, and the versions of what takes part. */
export async function conditions({ version }: Cluster, database: ConnectionSource): Promise<Conditions> {
  const [kubernetes, postgres, pulumi] = await Promise.all([
    version.getCode(),
    withClient(database, (client) => client.query<{ server_version: string }>("SHOW server_version")),
    pulumiVersion(),
  ]);
  return {
    date: new Date().toISOString(),
    cores: cpus().length,
    memoryBytes: totalmem(),
    versions: {
      node: process.version,
      pulumi,
      kubernetes: kubernetes.gitVersion,
      postgres: postgres.rows[0]?.server_version ?? "",
    },
    standIns: standInsInUse(),
  };
}
