import { Secret as AwsSecret } from "@pulumi/aws/secretsmanager/secret";
import { SecretVersion as AwsSecretVersion } from "@pulumi/aws/secretsmanager/secretVersion";
import { Secret as GcpSecret } from "@pulumi/gcp/secretmanager/secret";
import { SecretVersion as GcpSecretVersion } from "@pulumi/gcp/secretmanager/secretVersion";
import { ComponentResource, type ComponentResourceOptions, type Input, jsonStringify, secret } from "@pulumi/pulumi";
import { cloudNames } from "../domain/identities";
import { deletionWindows } from "../domain/vault";
import { type Adoption, lasting } from "./lasting";

export interface SecretEscrowArgs extends Adoption {
  readonly environment: string;
  /** What must outlive Pulumi's state, by the configuration key that takes it. */
  readonly secrets: Readonly<Record<string, Input<string>>>;
  /** @default no copy in AWS */
  readonly aws:
    | {
        readonly region: string;
        readonly replicaRegion: string;
        readonly keyArn: Input<string>;
        readonly replicaKeyArn: Input<string>;
        /** The secret's ARN, to adopt it: AWS chose its end. */
        readonly adoptSecretArn: string | undefined;
      }
    | undefined;
  /** @default no copy in Google Cloud */
  readonly gcp: { readonly project: string } | undefined;
}

/**
 * What no backup can be read without, in both clouds' secret managers: a region takes it from the one that lives. It is one
 * document, so that nobody has half of it.
 */
export class SecretEscrow extends ComponentResource {
  constructor(name: string, args: SecretEscrowArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:SecretEscrow", name, {}, opts);
    const names = cloudNames(args.environment);
    const document = secret(jsonStringify(args.secrets));
    const description = `What the regions of Marimo ERP hold alike, ${args.environment}, by configuration key`;

    if (args.aws) {
      const { region, replicaRegion, keyArn, replicaKeyArn, adoptSecretArn } = args.aws;
      const copy = new AwsSecret(
        `${name}-aws`,
        {
          name: names.awsSecret,
          description,
          region,
          kmsKeyId: keyArn,
          recoveryWindowInDays: deletionWindows.awsSecret.days,
          replicas: [{ region: replicaRegion, kmsKeyId: replicaKeyArn }],
        },
        { parent: this, ...lasting(args, adoptSecretArn, ["recoveryWindowInDays"]) },
      );
      new AwsSecretVersion(
        `${name}-aws-version`,
        { region, secretId: copy.id, secretString: document },
        { parent: this, retainOnDelete: true },
      );
    }

    if (args.gcp) {
      const { project } = args.gcp;
      const copy = new GcpSecret(
        `${name}-gcp`,
        { secretId: names.gcpSecret, project, replication: { auto: {} }, deletionProtection: true },
        {
          parent: this,
          ...lasting(args, `projects/${project}/secrets/${names.gcpSecret}`, ["deletionProtection"]),
        },
      );
      new GcpSecretVersion(
        `${name}-gcp-version`,
        // An old version is what one goes back to after a wrong change.
        { secret: copy.id, secretData: document, deletionPolicy: "ABANDON" },
        { parent: this, retainOnDelete: true },
      );
    }
    this.registerOutputs({});
  }
}
