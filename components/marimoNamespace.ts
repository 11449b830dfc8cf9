import { Namespace } from "@pulumi/kubernetes/core/v1/namespace";
import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";

export interface MarimoNamespaceArgs {
  readonly name: string;
}

/** The namespace of Marimo ERP, which admits only pods of the security standard `restricted`. */
export class MarimoNamespace extends ComponentResource {
  readonly name: Output<string>;

  constructor(name: string, args: MarimoNamespaceArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:MarimoNamespace", name, {}, opts);
    const namespace = new Namespace(
      `${name}-namespace`,
      {
        metadata: {
          name: args.name,
          labels: {
            name: args.name,
            environment: "production",
            "pod-security.kubernetes.io/enforce": "restricted",
          },
        },
      },
      // The volumes outlive a `pulumi destroy`, and so must the namespace that holds their claims.
      { parent: this, retainOnDelete: true },
    );
    this.name = namespace.metadata.name;
    this.registerOutputs({ name: this.name });
  }
}
