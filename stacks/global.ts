import type { ProviderResource } from "@pulumi/pulumi";
import { BackupVault } from "../components/backupVault";
import { clouds } from "../components/clouds";
import { dnsFailover } from "../components/dnsFailover";
import { RepositoryCipher } from "../components/repositoryCipher";
import { SecretEscrow } from "../components/secretEscrow";
import { SharedSecrets } from "../components/sharedSecrets";
import { VaultKeys } from "../components/vaultKeys";
import { WorkloadIdentity } from "../components/workloadIdentity";
import type { GlobalConfig, VaultConfig } from "../config";

/** What must outlive any region: secrets, the vaults with who may use them, and the name that leads to the writer. */
export const global = (config: GlobalConfig) => {
  const providers = config.vault ? clouds(config.vault) : [];

  const sharedSecrets =
    config.sharedSecrets ?? new SharedSecrets("shared", { protect: true, retainOnDelete: true }).document;
  const vault = config.vault && vaults(config.vault, { ...config, sharedSecrets }, providers);
  const dns = config.dns && dnsFailover("dns", config.dns, { providers });

  return {
    /** The value of the regions' configuration key of this name. */
    sharedSecrets,
    ...vault,
    ...(dns?.nameServers && { nameServers: dns.nameServers }),
  };
};

/** The vaults in both clouds, with their keys, the escrow of what opens them, and an identity for each duty. */
const vaults = (
  config: VaultConfig,
  secrets: Pick<GlobalConfig, "repositoryCipher"> & {
    readonly sharedSecrets: NonNullable<GlobalConfig["sharedSecrets"]>;
  },
  providers: ProviderResource[],
) => {
  const { aws, gcp, ...common } = config;
  const inClouds = { providers };
  const repositoryCipher =
    secrets.repositoryCipher ?? new RepositoryCipher("repository", { protect: true, retainOnDelete: true }).passphrase;

  const keys = new VaultKeys("keys", { ...common, aws, gcp }, inClouds);
  const { awsKeyArn, awsReplicaKeyArn, gcpKeyName } = keys;
  const vault = new BackupVault(
    "vault",
    {
      s3: aws && awsKeyArn && { ...common, ...aws, keyArn: awsKeyArn },
      gcs: gcp && gcpKeyName && { ...common, ...gcp, keyName: gcpKeyName },
    },
    inClouds,
  );
  new SecretEscrow(
    "escrow",
    {
      ...common,
      secrets: { repositoryCipher, sharedSecrets: secrets.sharedSecrets },
      aws: aws && awsKeyArn && awsReplicaKeyArn && { ...aws, keyArn: awsKeyArn, replicaKeyArn: awsReplicaKeyArn },
      gcp,
    },
    inClouds,
  );
  const identities = new WorkloadIdentity(
    "identity",
    {
      ...common,
      aws: aws && vault.s3 && awsKeyArn && { ...aws, bucketArn: vault.s3.arn, keyArn: awsKeyArn },
      gcp: gcp && vault.gcs && { ...gcp, bucket: vault.gcs.bucket, bucketName: gcp.bucket },
    },
    inClouds,
  );
  return {
    /** The value of the regions' configuration key of this name. */
    repositoryCipher,
    /** The value of the regions' key s3RoleArn. */
    ...(identities.awsRoles.archive && { s3RoleArn: identities.awsRoles.archive }),
    /** The value of the regions' key gcsServiceAccount. */
    ...(identities.gcpAccounts.archive && { gcsServiceAccount: identities.gcpAccounts.archive }),
  };
};
