import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount";
import { Role } from "@pulumi/kubernetes/rbac/v1/role";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding";
import { ComponentResource, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { patroniConfigMaps } from "../domain/patroni";

export interface PostgresAccessArgs {
  readonly namespace: Input<string>;
  /** Cloud identities of the pods, as annotations of their service account. @default none */
  readonly annotations: Record<string, string>;
}

/**
 * What Patroni may do: keep its state in its own four ConfigMaps, and label the members' pods.
 * Source: https://patroni.readthedocs.io/en/latest/kubernetes.html, less what only Endpoints mode needs.
 */
export class PostgresAccess extends ComponentResource {
  readonly serviceAccount: ServiceAccount;

  constructor(name: string, args: PostgresAccessArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:PostgresAccess", name, {}, opts);
    const metadata = { name: "postgres", namespace: args.namespace };
    this.serviceAccount = new ServiceAccount(
      `${name}-account`,
      { metadata: { ...metadata, annotations: args.annotations } },
      { parent: this },
    );
    const role = new Role(
      `${name}-role`,
      {
        metadata,
        rules: [
          {
            apiGroups: [""],
            resources: ["configmaps"],
            resourceNames: patroniConfigMaps,
            verbs: ["get", "patch", "update"],
          },
          // Kubernetes can't restrict these three to names.
          { apiGroups: [""], resources: ["configmaps"], verbs: ["create", "list", "watch"] },
          { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "patch", "watch"] },
        ],
      },
      { parent: this },
    );
    new RoleBinding(
      `${name}-binding`,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: this.serviceAccount.metadata.name, namespace: args.namespace }],
      },
      { parent: this },
    );
    this.registerOutputs({ serviceAccount: this.serviceAccount.metadata.name });
  }
}
