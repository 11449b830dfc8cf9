import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";
import { GcsVault, type GcsVaultArgs } from "./gcsVault";
import { S3Vault, type S3VaultArgs } from "./s3Vault";

export interface BackupVaultArgs {
  /** @default no vault in S3 */
  readonly s3: S3VaultArgs | undefined;
  /** @default no vault in Google's store */
  readonly gcs: GcsVaultArgs | undefined;
}

/** Where backups, dumps, Pulumi's state and evidence outlive a region, an account and a state file: a bucket in each cloud. */
export class BackupVault extends ComponentResource {
  readonly s3: S3Vault | undefined;
  readonly gcs: GcsVault | undefined;

  constructor(name: string, args: BackupVaultArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:BackupVault", name, {}, opts);
    if (args.s3) this.s3 = new S3Vault(`${name}-s3`, args.s3, { parent: this });
    if (args.gcs) this.gcs = new GcsVault(`${name}-gcs`, args.gcs, { parent: this });
    this.registerOutputs({});
  }
}
