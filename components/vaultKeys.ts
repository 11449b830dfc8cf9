import { Alias } from "@pulumi/aws/kms/alias";
import { Key } from "@pulumi/aws/kms/key";
import { ReplicaKey } from "@pulumi/aws/kms/replicaKey";
import { CryptoKey } from "@pulumi/gcp/kms/cryptoKey";
import { CryptoKeyIAMMember } from "@pulumi/gcp/kms/cryptoKeyIAMMember";
import { KeyRing } from "@pulumi/gcp/kms/keyRing";
import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { cloudNames } from "../domain/identities";
import { deletionWindows, keyRotation } from "../domain/vault";
import { type Adoption, lasting } from "./lasting";

export interface VaultKeysArgs extends Adoption {
  readonly environment: string;
  /** @default no key in AWS */
  readonly aws:
    | {
        readonly region: string;
        /** Where the key's replica is, with which secrets and copies can be read when the first region is lost. */
        readonly replicaRegion: string;
        /** The key's ID, to adopt it: AWS chose it. */
        readonly adoptKeyId: string | undefined;
      }
    | undefined;
  /** @default no key in Google Cloud */
  readonly gcp:
    | {
        readonly project: string;
        readonly projectNumber: string;
        /** Location of the vault's bucket; the key must be in the same. */
        readonly location: string;
      }
    | undefined;
}

/** The keys that the clouds encrypt the vaults with. Who deletes one loses a vault, so a deletion waits as long as can be. */
export class VaultKeys extends ComponentResource {
  readonly awsKeyArn: Output<string> | undefined;
  readonly awsReplicaKeyArn: Output<string> | undefined;
  /** Only once the store may use it. */
  readonly gcpKeyName: Output<string> | undefined;

  constructor(name: string, args: VaultKeysArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:VaultKeys", name, {}, opts);
    const names = cloudNames(args.environment);
    const child = { parent: this };

    if (args.aws) {
      const { region, replicaRegion, adoptKeyId } = args.aws;
      const description = `Vault of Marimo ERP, ${args.environment}`;
      const deletionWindowInDays = deletionWindows.awsKey.days;
      const unread = ["deletionWindowInDays"];
      const key = new Key(
        `${name}-aws`,
        {
          description,
          region,
          multiRegion: true,
          enableKeyRotation: true,
          rotationPeriodInDays: keyRotation.days,
          deletionWindowInDays,
        },
        { ...child, ...lasting(args, adoptKeyId, unread) },
      );
      const replica = new ReplicaKey(
        `${name}-aws-replica`,
        { description, region: replicaRegion, primaryKeyArn: key.arn, deletionWindowInDays },
        // The replica of a multi-region key has its ID.
        { ...child, ...lasting(args, adoptKeyId && `${adoptKeyId}@${replicaRegion}`, unread) },
      );
      const alias = names.awsKeyAlias;
      new Alias(
        `${name}-aws-alias`,
        { name: alias, region, targetKeyId: key.keyId },
        { ...child, ...lasting(args, alias) },
      );
      this.awsKeyArn = key.arn;
      this.awsReplicaKeyArn = replica.arn;
    }

    if (args.gcp) {
      const { project, projectNumber } = args.gcp;
      const location = args.gcp.location.toLowerCase();
      const ringId = `projects/${project}/locations/${location}/keyRings/${names.gcpKeyRing}`;
      const ring = new KeyRing(
        `${name}-gcp-ring`,
        { name: names.gcpKeyRing, location, project },
        { ...child, ...lasting(args, ringId) },
      );
      const key = new CryptoKey(
        `${name}-gcp`,
        {
          name: names.gcpKey,
          keyRing: ring.id,
          purpose: "ENCRYPT_DECRYPT",
          rotationPeriod: keyRotation.toString(),
          destroyScheduledDuration: deletionWindows.gcpKey.toString(),
        },
        { ...child, ...lasting(args, `${ringId}/cryptoKeys/${names.gcpKey}`) },
      );
      const storeMayUse = new CryptoKeyIAMMember(
        `${name}-gcp-store`,
        {
          cryptoKeyId: key.id,
          role: "roles/cloudkms.cryptoKeyEncrypterDecrypter",
          // https://cloud.google.com/storage/docs/projects#service-agents
          member: `serviceAccount:service-${projectNumber}@gs-project-accounts.iam.gserviceaccount.com`,
        },
        child,
      );
      this.gcpKeyName = storeMayUse.cryptoKeyId;
    }
    this.registerOutputs({});
  }
}
