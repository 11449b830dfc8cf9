import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { paths } from "./paths";
import { labSecrets } from "./secrets";

/** The podman or docker network that regions and stores share. */
export const network = "marimo-lab";

/** Fixed address of the lab's DNS server. */
export const dnsAddress = "10.231.0.15";

/** What the lab adds to the environment of every command. */
export function labVariables(): Record<string, string> {
  return {
    PATH: [paths.bin, process.env["PATH"] ?? ""].join(delimiter),
    KUBECONFIG: paths.kubeconfig,
    PULUMI_BACKEND_URL: pathToFileURL(paths.pulumiState).href,
    PULUMI_HOME: paths.pulumiHome,
    PULUMI_CONFIG_PASSPHRASE: labSecrets().pulumiPassphrase,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The lab's plugins are on PATH; Pulumi must not try to download others.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    CONTAINERS_CONF: join(paths.containers, "containers.conf"),
    CONTAINERS_STORAGE_CONF: join(paths.containers, "storage.conf"),
    MARIMO_LAB_DNS: dnsAddress,
    MARIMO_DR_PROJECT: paths.pulumiProject,
    KIND_EXPERIMENTAL_DOCKER_NETWORK: network,
    KIND_EXPERIMENTAL_PODMAN_NETWORK: network,
  };
}

/** The environment in which pulumi, kubectl, kind and podman act on the lab and on nothing else. */
export function labEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, ...labVariables() };
}
