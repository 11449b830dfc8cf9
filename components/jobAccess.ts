import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount";
import { Role } from "@pulumi/kubernetes/rbac/v1/role";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding";
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import type { Duty } from "../domain/identities";
import { jobs } from "../domain/jobs";
import { serviceAccountOf } from "../domain/permissions";
import { type Identities, identityAnnotations } from "../domain/repository";

export interface JobAccessArgs {
  readonly namespace: Input<string>;
  readonly duty: Exclude<Duty, "archive">;
  readonly identities: Identities;
  /** ConfigMaps that its jobs read beside the results. @default none */
  readonly reads?: readonly string[];
}

/** Who a duty's jobs are: in the clouds by the annotations of their service account, in the cluster by what every job must tell. */
export class JobAccess extends ComponentResource {
  /** The service account's name. */
  readonly serviceAccount: Output<string>;

  constructor(name: string, args: JobAccessArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:JobAccess", name, {}, opts);
    const { namespace, duty, identities } = args;
    const metadata = { name: serviceAccountOf(duty), namespace };
    const account = new ServiceAccount(
      `${name}-account`,
      { metadata: { ...metadata, annotations: identityAnnotations(identities, duty) } },
      { parent: this },
    );
    const role = new Role(
      `${name}-role`,
      {
        metadata,
        rules: [
          { apiGroups: [""], resources: ["configmaps"], resourceNames: [jobs.results], verbs: ["get", "patch"] },
          { apiGroups: [""], resources: ["events"], verbs: ["create"] },
          ...(args.reads
            ? [{ apiGroups: [""], resources: ["configmaps"], resourceNames: [...args.reads], verbs: ["get"] }]
            : []),
        ],
      },
      { parent: this },
    );
    new RoleBinding(
      `${name}-binding`,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: account.metadata.name, namespace }],
      },
      { parent: this },
    );
    this.serviceAccount = account.metadata.name;
    this.registerOutputs({ serviceAccount: this.serviceAccount });
  }
}
