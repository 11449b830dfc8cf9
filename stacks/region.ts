import { log } from "@pulumi/pulumi";
import { kubernetesCluster } from "../components/kubernetesCluster";
import { MarimoNamespace } from "../components/marimoNamespace";
import { PostgresCluster } from "../components/postgresCluster";
import { SharedSecrets } from "../components/sharedSecrets";
import type { RegionConfig } from "../config";
import { identityAnnotations } from "../domain/repository";
import { roleInWords } from "../domain/role";

/** One region, primary or standby: everything in it can be lost, and built again from git and the vaults. */
export const region = (config: RegionConfig) => {
  const cluster = kubernetesCluster({ ...config.cluster, region: config.region });
  const inCluster = { providers: [cluster.provider] };

  void log.info(roleInWords({ ...config, ...config.postgres }));

  // A region that stands alone makes its own. When its state is lost, the restored database gets new ones.
  const shared = config.sharedSecrets ?? new SharedSecrets("shared");
  const namespace = new MarimoNamespace("marimo", { name: config.namespace }, inCluster);
  const postgres = new PostgresCluster(
    "postgres",
    {
      namespace: namespace.name,
      namespaceName: config.namespace,
      region: config.region,
      ...config.postgres,
      storageClass: config.postgres.storageClass ?? cluster.storageClass,
      loadBalancerAnnotations: cluster.loadBalancerAnnotations,
      role: config.role,
      repositories: config.repositories,
      restoreFrom: config.restoreFrom,
      restoreTimeline: config.restoreTimeline,
      repositoryPath: config.repositoryPath,
      retention: config.retention,
      storeCa: config.storeCa,
      keys: config.secrets,
      shared,
      identityAnnotations: identityAnnotations(config.identities),
    },
    inCluster,
  );

  return {
    role: config.role,
    region: config.region,
    writeEndpoint: postgres.writeEndpoint,
    readEndpoint: postgres.readEndpoint,
    repositories: config.repositories.map(({ name, bucket }) => `${name}: ${bucket}${config.repositoryPath}`),
    restoreFrom: config.restoreFrom,
    // For its own configuration and a second region's, when there is to be one.
    ...("document" in shared && { sharedSecrets: shared.document }),
  };
};
