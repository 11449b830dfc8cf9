import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { labVariables, network } from "./environment";
import { paths } from "./paths";
import { run, succeeds } from "./process";

/** Which program runs the lab's containers. */
export type Engine = "docker" | "podman";

/** Addresses of the lab's network; the stores have fixed ones, because clusters name them in their DNS. */
export const subnet = "10.231.0.0/16";
/**
 * The nodes' addresses come from here, so that they never take a store's. The range ends before the subnet's last address:
 * podman gives a node even the broadcast address, and nothing reaches it then.
 */
const dynamicRange = "10.231.1.0/24";

/**
 * Writes podman's configuration: storage, networks and volumes below `.lab`, so that nothing of the lab is mixed with
 * the machine's own containers.
 */
export function configurePodman(): void {
  const folder = (name: string): string => join(paths.containers, name);
  for (const name of ["storage", "run", "networks", "volumes", "tmp"]) {
    mkdirSync(folder(name), { recursive: true });
  }
  const { CONTAINERS_CONF, CONTAINERS_STORAGE_CONF } = labVariables();
  writeFileSync(
    CONTAINERS_STORAGE_CONF ?? "",
    `[storage]\ndriver = "overlay"\ngraphroot = "${folder("storage")}"\nrunroot = "${folder("run")}"\n`,
  );
  writeFileSync(
    CONTAINERS_CONF ?? "",
    `[containers]
# Podman's defaults ask for more than a machine without CAP_SYS_RESOURCE may give.
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "${folder("tmp")}"
volume_path = "${folder("volumes")}"

[network]
network_backend = "netavark"
network_config_dir = "${folder("networks")}"
`,
  );
}

/**
 * Whether the lab can have made a container. A lab that was interrupted early has no podman yet; one without the lab's configuration
 * would act on the machine's own containers.
 */
export async function isUsable(engine: Engine): Promise<boolean> {
  if (engine === "docker") return true;
  const { CONTAINERS_CONF = "", CONTAINERS_STORAGE_CONF = "" } = labVariables();
  const isConfigured = existsSync(CONTAINERS_CONF) && existsSync(CONTAINERS_STORAGE_CONF);
  return isConfigured && (await succeeds("podman", ["--version"]));
}

/** Makes the network that regions and stores share, if it is missing. */
export async function ensureNetwork(engine: Engine): Promise<void> {
  if (!(await succeeds(engine, ["network", "inspect", network]))) {
    const args = ["network", "create", "--subnet", subnet, "--ip-range", dynamicRange, network];
    await run(engine, args, { log: "network" });
  }
}

export async function imageExists(engine: Engine, image: string): Promise<boolean> {
  return succeeds(engine, ["image", "inspect", image]);
}
