import { Bucket } from "@pulumi/gcp/storage/bucket";
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { gcsRules } from "../domain/lifecycle";
import { folderRules, replicationOf, softDelete, type VaultTimes } from "../domain/vault";
import { type Adoption, lasting } from "./lasting";

export interface GcsVaultArgs extends Adoption {
  readonly bucket: string;
  readonly project: string;
  /** A region, or one of Google's pairs of regions, which hold everything twice. */
  readonly location: string;
  readonly keyName: Input<string>;
  /** Folder of the repository inside the bucket. */
  readonly repositoryPath: string;
  readonly times: VaultTimes;
}

/**
 * A bucket in Google's store that keeps what is deleted and overwritten, twice: as an old version, and, when that is deleted
 * too, by soft delete. It has no retention policy, for that refuses the overwrites that pgBackRest and the lease are made of.
 */
export class GcsVault extends ComponentResource {
  readonly bucket: Output<string>;

  constructor(name: string, args: GcsVaultArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:GcsVault", name, {}, opts);
    const { location, times } = args;
    const vault = new Bucket(
      `${name}-bucket`,
      {
        name: args.bucket,
        project: args.project,
        location,
        rpo: replicationOf(location),
        storageClass: "STANDARD",
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        versioning: { enabled: true },
        softDeletePolicy: { retentionDurationSeconds: softDelete(times.undelete).seconds },
        encryption: { defaultKmsKeyName: args.keyName },
        lifecycleRules: gcsRules(folderRules(args.repositoryPath, times)),
        forceDestroy: false,
      },
      { parent: this, ...lasting(args, args.bucket, ["forceDestroy"]) },
    );
    this.bucket = vault.name;
    this.registerOutputs({ bucket: this.bucket });
  }
}
