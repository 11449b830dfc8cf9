import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword";

/** The passphrase that encrypts the repositories, made once. Without it no backup can ever be read. */
export class RepositoryCipher extends ComponentResource {
  readonly passphrase: Output<string>;

  constructor(name: string, opts?: ComponentResourceOptions) {
    super("marimo:dr:RepositoryCipher", name, {}, opts);
    this.passphrase = new RandomPassword(`${name}-cipher`, { length: 64, special: false }, { parent: this }).result;
    this.registerOutputs({});
  }
}
