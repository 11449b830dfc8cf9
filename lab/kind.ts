import { stringify } from "yaml";

export type RegionName = "primary" | "secondary";
export const regionNames: readonly RegionName[] = ["primary", "secondary"];

/** Addresses of pods and services; they differ between regions, so that one region can route to the other. */
export const regionSubnets: Record<RegionName, { pods: string; services: string }> = {
  primary: { pods: "10.232.0.0/16", services: "10.233.0.0/16" },
  secondary: { pods: "10.234.0.0/16", services: "10.235.0.0/16" },
};

/**
 * Where the other region reaches a region's leader: a name, and an address that the region's node has beside its own, and
 * every node that is built in its place. It stands for a load balancer of a cloud and its record.
 */
export const regionAddresses: Record<RegionName, { host: string; address: string }> = {
  primary: { host: "primary.lab.internal", address: "10.231.0.21" },
  secondary: { host: "secondary.lab.internal", address: "10.231.0.22" },
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
    // The lab applies its own DNS instead. kind skips the preflight checks; this list takes the place of kind's.
    kubeadmConfigPatches: [stringify({ kind: "InitConfiguration", skipPhases: ["preflight", "addon/coredns"] })],
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
 * The region's DNS: `template` (lab/images/coredns.yaml) with the image, the address that kubelet tells every pod, and
 * names that it answers by itself.
 */
export function dnsManifest(
  template: string,
  region: RegionName,
  image: string,
  hosts: Record<string, string>,
): string {
  // kubeadm gives pods the tenth address of the services' subnet.
  const address = regionSubnets[region].services.replace(/0\/\d+$/, "10");
  const indent = / *(?=HOSTS)/.exec(template)?.[0] ?? "";
  const lines = Object.entries(hosts).map(([name, host]) => `${host} ${name}`);
  return template
    .replace("IMAGE", image)
    .replace("ADDRESS", address)
    .replace("HOSTS", lines.join(`\n${indent}`));
}
