import { log } from "@pulumi/pulumi";
import { BackupResults } from "../components/backupResults";
import { BackupVerify } from "../components/backupVerify";
import { LogicalBackup } from "../components/logicalBackup";
import { MarimoNamespace } from "../components/marimoNamespace";
import { PostgresCluster } from "../components/postgresCluster";
import { regionCluster } from "../components/regionCluster";
import { SharedSecrets } from "../components/sharedSecrets";
import type { RegionConfig } from "../config";
import { identityAnnotations } from "../domain/repository";
import { roleInWords } from "../domain/role";

/** One region, primary or standby: everything in it can be lost, and built again from git and the vaults. */
export const region = (config: RegionConfig) => {
  const cluster = regionCluster({ ...config.cluster, region: config.region });
  const inCluster = { providers: [cluster] };

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
      role: config.role,
      repositories: config.repositories,
      restoreFrom: config.restoreFrom,
      restoreTimeline: config.restoreTimeline,
      repositoryPath: config.repositoryPath,
      retention: config.retention,
      storeCa: config.storeCa,
      keys: config.secrets,
      shared,
      identityAnnotations: identityAnnotations(config.identities, "archive"),
    },
    inCluster,
  );

  // Both regions share the vaults, and the one that takes writes fills them.
  if (config.role === "primary") {
    new BackupResults("backup-results", { namespace: namespace.name, image: config.postgres.image }, inCluster);
    const dumps = new LogicalBackup(
      "dumps",
      {
        namespace: namespace.name,
        namespaceName: config.namespace,
        region: config.region,
        image: config.postgres.image,
        members: config.postgres.members,
        repositories: config.repositories,
        repositoryPath: config.repositoryPath,
        stores: postgres.stores,
        identities: config.identities,
        ...config.dumps,
        storageClass: config.postgres.storageClass,
      },
      { ...inCluster, dependsOn: postgres },
    );
    new BackupVerify(
      "verify",
      {
        namespace: namespace.name,
        namespaceName: config.namespace,
        region: config.region,
        image: config.postgres.image,
        repositories: config.repositories,
        repositoryPath: config.repositoryPath,
        retention: config.retention,
        stores: postgres.stores,
        identities: config.identities,
        storeTime: config.dumps.storeTime,
        offSite: config.dumps.offSite,
        offSiteSecrets: dumps.offSiteSecrets,
      },
      { ...inCluster, dependsOn: dumps },
    );
  }

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
