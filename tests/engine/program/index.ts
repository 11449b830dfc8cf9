import { Config } from "@pulumi/pulumi";
import { Provider } from "@pulumi/kubernetes/provider";
import { RandomPassword } from "@pulumi/random/randomPassword";
import { CustomResource } from "@pulumi/pulumi/resource";

/** What a test wants to have on the cluster. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** Any kind of object, without the SDK's class for it. */
class KubernetesObject extends CustomResource {}

const config = new Config();
const provider = new Provider("cluster", {
  kubeconfig: config.get("kubeconfig") ?? "",
  namespace: config.require("namespace"),
  upsertExistingObjects: config.getBoolean("upsert") ?? true,
  enableConfigMapMutable: true,
  enableSecretMutable: true,
  enablePatchForce: config.getBoolean("force") ?? true,
});
const create = `${config.getNumber("timeout") ?? 60}s`;
const password = new RandomPassword("password", { length: 24 });

function declare(manifest: Manifest): void {
  const group = manifest.apiVersion.includes("/") ? manifest.apiVersion : `core/${manifest.apiVersion}`;
  const name = `${manifest.kind}-${manifest.metadata.name}`.toLowerCase();
  const options = { provider, customTimeouts: { create, update: create } };
  const inputs = manifest.kind === "Secret" ? { ...manifest, stringData: { password: password.result } } : manifest;
  new KubernetesObject(`kubernetes:${group}:${manifest.kind}`, name, { ...inputs }, options);
}

config.requireObject<Manifest[]>("manifests").forEach(declare);

export const generated = password.result;
