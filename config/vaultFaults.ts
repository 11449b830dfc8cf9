import { isTakenPath } from "../domain/vault";
import { missingFault, type RawConfiguration, remedy, sameBucketFault } from "./parse";
import { vaultKeys, type VaultValues } from "./vaultKeys";

/** Faults of the vaults that only several keys together show. */
export const vaultFaults = (raw: RawConfiguration, values: VaultValues): string[] => {
  const faults: string[] = [];
  const key = (name: keyof VaultValues) => `${raw.project}:${name}`;
  const set = (name: keyof VaultValues, value: string) => `Set it: ${remedy(raw, name, value)}`;
  const needs = (why: string, ...names: (keyof VaultValues)[]) => {
    for (const name of names) {
      if (values[name] === undefined) faults.push(missingFault(raw, vaultKeys, name, why));
    }
  };
  const { vaults, s3Region, awsReplicaRegion, repositoryPath, retentionDays, dumpDays, lockDays } = values;

  if (vaults.includes("s3")) {
    needs("vaults has s3", "s3Bucket", "s3Region", "awsAccount");
    needs("vaults has s3, and keys and secrets must survive the loss of one AWS region", "awsReplicaRegion");
    if (s3Region !== undefined && s3Region === awsReplicaRegion) {
      faults.push(
        `${key("s3Region")} and ${key("awsReplicaRegion")} are both "${s3Region}". The second copy of keys and secrets would be lost ` +
          `with the first, and no backup could be read. It must be another region. ${set("awsReplicaRegion", s3Region === "eu-west-1" ? "eu-central-1" : "eu-west-1")}`,
      );
    }
    if (!values.eksCluster && !values.gkeCluster) {
      faults.push(
        `${key("eksCluster")} and ${key("gkeCluster")} are not set, but vaults has s3: no pod could write to it, so nothing would be ` +
          `backed up. One of them must be REGION/NAME of a cluster. ${set("eksCluster", vaultKeys.eksCluster.example)}`,
      );
    }
    const shortest = Math.min(retentionDays, dumpDays);
    if (lockDays > shortest) {
      const name = retentionDays <= dumpDays ? "retentionDays" : "dumpDays";
      faults.push(
        `${key("lockDays")} is "${lockDays}", but ${key(name)} is "${shortest}". The lock must be ${shortest} days or less: ` +
          `what expires before its lock is over stays, can't be removed by anybody, and is paid for. ${set("lockDays", String(shortest))}`,
      );
    }
  }
  if (vaults.includes("gcs")) needs("vaults has gcs", "gcsBucket", "gcpProject", "gcpProjectNumber");
  if (values.gkeCluster) needs("gkeCluster is, and it is a cluster of that project", "gcpProject");
  if (vaults.length > 0 && isTakenPath(repositoryPath)) {
    faults.push(
      `${key("repositoryPath")} is "${repositoryPath}". It must not be dumps, state or evidence, nor inside of them: the vault has rules ` +
        `of expiry for these folders, and they would remove backups. ${set("repositoryPath", "/marimo")}`,
    );
  }
  faults.push(...sameBucketFault(raw, values));
  if (values.adopt === "true") {
    const why = "adopt is true, and what it holds exists already: the escrow has it";
    needs(why, "repositoryCipher", "sharedSecrets");
    if (vaults.includes("s3")) needs("adopt is true, and AWS chose it", "adoptKeyId", "adoptSecretArn");
  }
  return faults;
};
