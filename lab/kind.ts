import { stringify } from "yaml";

export type RegionName = "primary" | "secondary";
export const regionNames: readonly RegionName[] = ["primary", "secondary"];

/** Addresses of pods and services; they differ between regions, so that one region can route to the other. */
export const regionSubnets: Record<RegionName, { pods: string; services: string }> = {
  primary: { pods: "10.232.0.0/16", services: "10.233.0.0/16" },
  secondary: { pods: "10.234.0.0/16", services: "10.235.0.0/16" },
};

/** Name of the region's kind cluster. */
export function clusterName(region: RegionName): string {
  return `marimo-${region}`;
}

/** Name of the container that is the region's only node. */
export function nodeName(region: RegionName): string {
  return `${clusterName(region)}-control-plane`;
}

/** What the region's own node image needs from the host; the official node image brings it along. */
export interface NodeMounts {
  /** Container store with the images in it. */
  containerStore: string;
  /** CNI configuration, from `cniConfiguration`. */
  cni: string;
}

/** kind's configuration of one region: https://kind.sigs.k8s.io/docs/user/configuration/ */
export function kindConfiguration(region: RegionName, image: string, mounts?: NodeMounts): string {
  const subnets = regionSubnets[region];
  return stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    name: clusterName(region),
    networking: {
      podSubnet: subnets.pods,
      serviceSubnet: subnets.services,
      apiServerAddress: "127.0.0.1",
      ...(mounts === undefined ? {} : { disableDefaultCNI: true }),
    },
    nodes: [
      {
        role: "control-plane",
        image,
        ...(mounts === undefined
          ? {}
          : {
              extraMounts: [
                { hostPath: mounts.containerStore, containerPath: "/var/lib/containerd" },
                { hostPath: mounts.cni, containerPath: "/etc/cni/net.d/10-region.conflist", readOnly: true },
              ],
            }),
      },
    ],
  });
}

/** Network of the pods of a one-node region: each has its own link to the node, which routes and masquerades. */
export function cniConfiguration(region: RegionName): string {
  return JSON.stringify({
    cniVersion: "0.4.0",
    name: "region",
    plugins: [
      {
        type: "ptp",
        ipMasq: true,
        ipam: {
          type: "host-local",
          // /run is emptied by a restart of the node, as its pods are.
          dataDir: "/run/cni-ipam-state",
          routes: [{ dst: "0.0.0.0/0" }],
          ranges: [[{ subnet: regionSubnets[region].pods }]],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
}

/**
 * Adds names that the region's DNS answers itself to CoreDNS's configuration.
 *
 * @throws Error when the configuration isn't the one that kubeadm writes.
 */
export function corefileWithHosts(corefile: string, hosts: Record<string, string>): string {
  if (/^\s*hosts\b/m.test(corefile)) {
    return corefile;
  }
  const lines = Object.entries(hosts).map(([name, address]) => `        ${address} ${name}\n`);
  const changed = corefile.replace(
    /^ *forward /m,
    (line) => `    hosts {\n${lines.join("")}        fallthrough\n    }\n${line}`,
  );
  if (changed === corefile) {
    throw new Error(`CoreDNS's configuration has no line "forward", before which the lab's names go:\n${corefile}`);
  }
  return changed;
}
