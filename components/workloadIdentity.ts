import { OpenIdConnectProvider } from "@pulumi/aws/iam/openIdConnectProvider";
import { Role } from "@pulumi/aws/iam/role";
import { RolePolicy } from "@pulumi/aws/iam/rolePolicy";
import { IAMCustomRole } from "@pulumi/gcp/projects/iamcustomRole";
import { Account } from "@pulumi/gcp/serviceaccount/account";
import { IAMMember } from "@pulumi/gcp/serviceaccount/iammember";
import { BucketIAMMember } from "@pulumi/gcp/storage/bucketIAMMember";
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type CustomResourceOptions,
  type Input,
  type Output,
} from "@pulumi/pulumi";
import { cloudNames, duties, type Duty } from "../domain/identities";
import {
  awsPolicy,
  dutyTitles,
  gcpCondition,
  namespaceOf,
  permissionsOf,
  serviceAccountOf,
} from "../domain/permissions";
import { type AwsTrust, awsTrustPolicy, gkeIssuer } from "../domain/trust";
import { type Adoption, lasting } from "./lasting";

export interface WorkloadIdentityArgs extends Adoption {
  readonly environment: string;
  readonly namespace: string;
  readonly repositoryPath: string;
  /** @default no identities in AWS */
  readonly aws:
    | (Omit<AwsTrust, "namespace" | "serviceAccount"> & {
        readonly bucketArn: Input<string>;
        readonly keyArn: Input<string>;
      })
    | undefined;
  /** @default no identities in Google Cloud */
  readonly gcp: { readonly project: string; readonly bucket: Input<string>; readonly bucketName: string } | undefined;
}

/** One identity for each duty in each cloud, without keys: a pod has it by its cluster, namespace and service account. */
export class WorkloadIdentity extends ComponentResource {
  /** ARNs, by duty. */
  readonly awsRoles: Readonly<Partial<Record<Duty, Output<string>>>>;
  /** E-mail addresses, by duty. */
  readonly gcpAccounts: Readonly<Partial<Record<Duty, Output<string>>>>;

  constructor(name: string, args: WorkloadIdentityArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:WorkloadIdentity", name, {}, opts);
    const { aws, gcp } = args;
    this.awsRoles = aws ? this.inAws(name, args, aws) : {};
    this.gcpAccounts = gcp ? this.inGoogleCloud(name, args, gcp) : {};
    this.registerOutputs({ awsRoles: this.awsRoles, gcpAccounts: this.gcpAccounts });
  }

  private inAws(name: string, args: WorkloadIdentityArgs, aws: NonNullable<WorkloadIdentityArgs["aws"]>) {
    const names = cloudNames(args.environment);
    const { repositoryPath, namespace } = args;
    const child = { parent: this };
    if (aws.gkeCluster) {
      const issuer = gkeIssuer(aws.gkeCluster);
      // A rebuilt GKE cluster of the same name has the same issuer, so nothing here changes with it.
      new OpenIdConnectProvider(
        `${name}-gke`,
        { url: `https://${issuer}`, clientIdLists: ["sts.amazonaws.com"] },
        { ...child, ...lasting(args, `arn:aws:iam::${aws.account}:oidc-provider/${issuer}`) },
      );
    }
    return byDuty((duty) => {
      const trust = awsTrustPolicy({
        ...aws,
        namespace: namespaceOf(duty, namespace),
        serviceAccount: serviceAccountOf(duty),
      });
      const role = new Role(
        `${name}-aws-${duty}`,
        {
          name: names.awsRole(duty),
          description: dutyTitles[duty].replaceAll("`", ""),
          assumeRolePolicy: JSON.stringify(trust),
        },
        { ...child, ...lasting(args, names.awsRole(duty)) },
      );
      const places = all([aws.bucketArn, aws.keyArn]);
      new RolePolicy(
        `${name}-aws-${duty}-policy`,
        {
          name: "vault",
          role: role.name,
          policy: places.apply(([bucketArn, keyArn]) =>
            JSON.stringify(awsPolicy(duty, { bucketArn, keyArn, repositoryPath })),
          ),
        },
        child,
      );
      return role.arn;
    });
  }

  private inGoogleCloud(name: string, args: WorkloadIdentityArgs, gcp: NonNullable<WorkloadIdentityArgs["gcp"]>) {
    const names = cloudNames(args.environment);
    const { project, bucket, bucketName } = gcp;
    const child: CustomResourceOptions = { parent: this };
    return byDuty((duty) => {
      const accountId = names.gcpServiceAccount(duty);
      const email = `${accountId}@${project}.iam.gserviceaccount.com`;
      const account = new Account(
        `${name}-gcp-${duty}`,
        { accountId, project, displayName: dutyTitles[duty].replace(/:.*/, "") },
        { ...child, ...lasting(args, `projects/${project}/serviceAccounts/${email}`) },
      );
      new IAMMember(
        `${name}-gcp-${duty}-pods`,
        {
          serviceAccountId: account.name,
          role: "roles/iam.workloadIdentityUser",
          member: `serviceAccount:${project}.svc.id.goog[${namespaceOf(duty, args.namespace)}/${serviceAccountOf(duty)}]`,
        },
        child,
      );
      for (const { id, actions, place, reason } of permissionsOf(duty, "gcp")) {
        const grant = `${duty}-${id}`;
        const roleId = names.gcpRole(grant);
        const role = new IAMCustomRole(
          `${name}-gcp-${grant}-role`,
          { roleId, project, title: `Marimo DR: ${grant}`, description: reason, permissions: [...actions] },
          { ...child, ...lasting(args, `projects/${project}/roles/${roleId}`) },
        );
        const expression = gcpCondition(place, bucketName, args.repositoryPath);
        new BucketIAMMember(
          `${name}-gcp-${grant}`,
          {
            bucket,
            role: role.name,
            member: account.member,
            ...(expression && { condition: { title: grant, expression } }),
          },
          child,
        );
      }
      return account.email;
    });
  }
}

const byDuty = <T>(make: (duty: Duty) => T) => Object.fromEntries(duties.map((duty) => [duty, make(duty)]));
