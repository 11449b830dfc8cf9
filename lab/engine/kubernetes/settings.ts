import type { Selection } from "./kubeconfig";
import type { DiffSettings } from "./diff";

/** The provider's configuration. */
export interface Settings extends DiffSettings {
  /** Text or path; empty for the ambient one. */
  readonly kubeconfig: string;
  readonly selection: Selection;
  /** Namespace of objects that name none; the context's if undefined. */
  readonly namespace: string | undefined;
  /** Take fields over from other managers instead of stopping at a conflict. */
  readonly force: boolean;
  /** Adopt objects that exist already instead of refusing to create them. */
  readonly upsert: boolean;
  readonly deleteUnreachable: boolean;
}

const unsupported = ["renderYamlToDirectory", "skipUpdateUnreachable", "strictMode"];

/**
 * @param variables as the engine sends them, keyed `kubernetes:config:<name>`; booleans are text
 * @throws Error if a setting asks for what this stand-in can't do
 */
export function settingsOf(variables: ReadonlyMap<string, string>): Settings {
  const text = (name: string): string | undefined => variables.get(`kubernetes:config:${name}`) || undefined;
  const flag = (name: string, environment: string, otherwise = false): boolean =>
    (text(name) ?? process.env[environment] ?? String(otherwise)) === "true";
  const asked = unsupported.filter((name) => (text(name) ?? "false") !== "false");
  if (!flag("enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", true)) asked.push("enableServerSideApply");
  if (asked.length > 0) {
    throw new Error(
      `The lab's stand-in of the kubernetes plugin can't do ${asked.join(", ")}: leave it at its default or use the official plugin.`,
    );
  }
  return {
    kubeconfig: text("kubeconfig") ?? "",
    selection: { context: text("context"), cluster: text("cluster") },
    namespace: text("namespace"),
    force: flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    upsert: flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
    deleteUnreachable: flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
    mutableConfigMaps: flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
    mutableSecrets: flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
  };
}
