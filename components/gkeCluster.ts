import { Network } from "@pulumi/gcp/compute/network";
import { Router } from "@pulumi/gcp/compute/router";
import { RouterNat } from "@pulumi/gcp/compute/routerNat";
import { Subnetwork } from "@pulumi/gcp/compute/subnetwork";
import { Cluster } from "@pulumi/gcp/container/cluster";
import { IAMMember } from "@pulumi/gcp/projects/iammember";
import { Provider } from "@pulumi/gcp/provider";
import { Account } from "@pulumi/gcp/serviceaccount/account";
import { ComponentResource, type ComponentResourceOptions, interpolate, type Output } from "@pulumi/pulumi";
import { gkeNodeGrants, type GkeSpec } from "../domain/cluster";
import { gkeRanges } from "../domain/network";
import { execKubeconfig } from "./execKubeconfig";

/**
 * A cluster of GKE Autopilot: Google brings and renews the nodes, in three zones and without public addresses. Its API is reached by
 * a name of Google's, and who may use it is said by IAM, not by addresses.
 */
export class GkeCluster extends ComponentResource {
  readonly kubeconfig: Output<string>;
  /** The storage of volumes: https://cloud.google.com/kubernetes-engine/docs/how-to/persistent-volumes/gce-pd-csi-driver */
  readonly storage = { provisioner: "pd.csi.storage.gke.io", parameters: { type: "pd-ssd" } };
  /** A load balancer faces the Internet unless it is told otherwise. */
  readonly loadBalancerAnnotations = {};

  constructor(name: string, spec: GkeSpec, opts?: ComponentResourceOptions) {
    super("marimo:dr:GkeCluster", name, {}, opts);
    const { region, project } = spec;
    const provider = new Provider(`${name}-gcp`, { project, region }, { parent: this });
    const child = { parent: this, provider };
    const called = `${spec.name}-${region}`;

    const network = new Network(`${name}-network`, { name: called, project, autoCreateSubnetworks: false }, child);
    const { nodes, pods, services } = gkeRanges(spec.network);
    const subnet = new Subnetwork(
      `${name}-subnet`,
      {
        name: called,
        project,
        region,
        network: network.id,
        ipCidrRange: nodes.toString(),
        secondaryIpRanges: [
          { rangeName: "pods", ipCidrRange: pods.toString() },
          { rangeName: "services", ipCidrRange: services.toString() },
        ],
        // Nodes without a public address reach Google's store by this.
        privateIpGoogleAccess: true,
      },
      child,
    );
    // And all else, the vault in AWS among it, by this.
    const router = new Router(`${name}-router`, { name: called, project, region, network: network.id }, child);
    new RouterNat(
      `${name}-exit`,
      {
        name: called,
        project,
        region,
        router: router.name,
        natIpAllocateOption: "AUTO_ONLY",
        sourceSubnetworkIpRangesToNat: "ALL_SUBNETWORKS_ALL_IP_RANGES",
      },
      child,
    );
    const account = new Account(
      `${name}-nodes`,
      { accountId: `${spec.name}-nodes`, project, displayName: "Nodes of Marimo ERP's cluster" },
      child,
    );
    const mayServe = gkeNodeGrants.map(
      ({ role }) =>
        new IAMMember(`${name}-nodes-${role.replace(/.*\./, "")}`, { project, role, member: account.member }, child),
    );
    const cluster = new Cluster(
      `${name}-gke`,
      {
        name: spec.name,
        project,
        location: region,
        enableAutopilot: true,
        network: network.id,
        subnetwork: subnet.id,
        ipAllocationPolicy: { clusterSecondaryRangeName: "pods", servicesSecondaryRangeName: "services" },
        privateClusterConfig: { enablePrivateNodes: true },
        // https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation
        controlPlaneEndpointsConfig: {
          dnsEndpointConfig: { allowExternalTraffic: true },
          ipEndpointsConfig: { enabled: false },
        },
        clusterAutoscaling: {
          autoProvisioningDefaults: {
            serviceAccount: account.email,
            oauthScopes: ["https://www.googleapis.com/auth/cloud-platform"],
          },
        },
        gatewayApiConfig: { channel: "CHANNEL_STANDARD" },
        releaseChannel: { channel: "REGULAR" },
        deletionProtection: true,
      },
      { ...child, dependsOn: mayServe },
    );
    const { endpoint } = cluster.controlPlaneEndpointsConfig.dnsEndpointConfig;
    this.kubeconfig = execKubeconfig({
      name: spec.name,
      server: interpolate`https://${endpoint}`,
      command: ["gke-gcloud-auth-plugin"],
      installHint: "gcloud components install gke-gcloud-auth-plugin",
    });
    this.registerOutputs({});
  }
}
