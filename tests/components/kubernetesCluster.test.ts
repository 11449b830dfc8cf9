import assert from "node:assert/strict";
import { kubernetesCluster } from "../../components/kubernetesCluster";
import type { ClusterSpec } from "../../domain/cluster";
import { parseNetwork } from "../../domain/network";
import { capture, type Captured } from "../support/capture";
import { countTypes, named } from "../support/captured";

const made = { name: "marimo", network: parseNetwork("10.64.0.0/16") };
const eks: ClusterSpec = {
  ...made,
  ...{ kind: "eks", region: "eu-central-1", account: "123456789012", zones: ["a", "b", "c"] },
  ...{ admins: ["arn:aws:iam::123456789012:role/deploy"], apiFrom: ["192.0.2.0/24"] },
  ...{ environment: "production", namespace: "marimo-erp" },
};
const gke: ClusterSpec = { ...made, kind: "gke", region: "europe-west4", project: "example" };

const declare = (spec: ClusterSpec | undefined) =>
  capture(() => kubernetesCluster({ kubeconfig: "/path", context: "primary", region: "here", made: spec }));

const kubeconfigOf = (captured: readonly Captured[]) =>
  JSON.parse(named(captured, "cluster").inputs["kubeconfig"] as string) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: { exec: { command: string; args?: string[] } } }[];
  };

// That the clouds accept these, and that their clusters then work, only a real run can show.
describe("KubernetesCluster", () => {
  it("that exists is a way to it, and nothing else", async () => {
    const captured = await declare(undefined);
    assert.deepEqual(countTypes(captured), { "pulumi:providers:kubernetes": 1, "pulumi:pulumi:Stack": 1 });
    const { inputs } = named(captured, "cluster");
    assert.deepEqual(
      [inputs["kubeconfig"], inputs["context"], inputs["clusterIdentifier"]],
      ["/path", "primary", "here"],
    );
  });

  describe("of EKS", () => {
    it("declares exactly these kinds", async () => {
      assert.deepEqual(countTypes(await declare(eks)), {
        "aws:ec2/eip:Eip": 3,
        "aws:ec2/internetGateway:InternetGateway": 1,
        "aws:ec2/natGateway:NatGateway": 3,
        "aws:ec2/route:Route": 4,
        "aws:ec2/routeTable:RouteTable": 4,
        "aws:ec2/routeTableAssociation:RouteTableAssociation": 6,
        "aws:ec2/subnet:Subnet": 6,
        "aws:ec2/vpc:Vpc": 1,
        "aws:ec2/vpcEndpoint:VpcEndpoint": 1,
        "aws:eks/accessEntry:AccessEntry": 1,
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": 1,
        "aws:eks/cluster:Cluster": 1,
        "aws:eks/podIdentityAssociation:PodIdentityAssociation": 4,
        "aws:iam/role:Role": 2,
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": 7,
        "kubernetes:storage.k8s.io/v1:StorageClass": 1,
        "marimo:dr:EksCluster": 1,
        "marimo:dr:EksNetwork": 1,
        "pulumi:providers:aws": 1,
        "pulumi:providers:kubernetes": 1,
        "pulumi:pulumi:Stack": 1,
      });
    });

    it("is Auto Mode, all of it, with access by entries alone, and can't be deleted by a slip", async () => {
      const { inputs } = named(await declare(eks), "eks-eks");
      const { roleArn, vpcConfig, enabledClusterLogTypes, ...rest } = inputs;
      assert.deepEqual(rest, {
        name: "marimo",
        region: "eu-central-1",
        accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
        bootstrapSelfManagedAddons: false,
        computeConfig: { enabled: true, nodePools: ["general-purpose", "system"], nodeRoleArn: "<ARN eks-nodes>" },
        kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true } },
        storageConfig: { blockStorage: { enabled: true } },
        upgradePolicy: { supportType: "STANDARD" },
        deletionProtection: true,
      });
      assert.deepEqual([roleArn, enabledClusterLogTypes], ["<ARN eks-control>", ["api", "audit", "authenticator"]]);
      assert.deepEqual(vpcConfig, {
        endpointPrivateAccess: true,
        endpointPublicAccess: true,
        publicAccessCidrs: ["192.0.2.0/24"],
        subnetIds: ["a", "b", "c"].map((zone) => `eks-network-inner-${zone}-id`),
      });
    });

    it("each zone has its own way out, and nodes have no public address", async () => {
      const captured = await declare(eks);
      for (const zone of ["a", "b", "c"]) {
        const inner = named(captured, `eks-network-inner-${zone}`).inputs;
        assert.equal(inner["availabilityZone"], `eu-central-1${zone}`);
        assert.ok(!("mapPublicIpOnLaunch" in inner));
        assert.equal(
          named(captured, `eks-network-inner-${zone}-route`).inputs["natGatewayId"],
          `eks-network-exit-${zone}-id`,
        );
        assert.equal(named(captured, `eks-network-exit-${zone}`).inputs["subnetId"], `eks-network-outer-${zone}-id`);
      }
      const tables = named(captured, "eks-network-s3").inputs["routeTableIds"];
      assert.deepEqual(
        tables,
        ["a", "b", "c"].map((zone) => `eks-network-inner-${zone}-routes-id`),
      );
    });

    it("pods get the roles that the stack global makes, by namespace and service account", async () => {
      const { inputs } = named(await declare(eks), "eks-pods-archive");
      assert.deepEqual(inputs, {
        clusterName: "marimo",
        region: "eu-central-1",
        namespace: "marimo-erp",
        serviceAccount: "postgres",
        roleArn: "arn:aws:iam::123456789012:role/marimo-production-archive",
      });
    });

    it("is reached by AWS' own tool, and the kubeconfig holds no secret", async () => {
      const { clusters, users } = kubeconfigOf(await declare(eks));
      assert.deepEqual(clusters[0]?.cluster, {
        server: "https://eks-eks.example",
        "certificate-authority-data": "<authority eks-eks>",
      });
      const { command, args } = users[0]?.user.exec ?? {};
      assert.deepEqual(
        [command, args?.join(" ")],
        ["aws", "eks get-token --region eu-central-1 --cluster-name marimo"],
      );
    });

    it("refuses another account's credentials", async () => {
      assert.equal(named(await declare(eks), "eks-aws").inputs["allowedAccountIds"], '["123456789012"]');
    });
  });

  describe("of GKE", () => {
    it("declares exactly these kinds", async () => {
      assert.deepEqual(countTypes(await declare(gke)), {
        "gcp:compute/network:Network": 1,
        "gcp:compute/router:Router": 1,
        "gcp:compute/routerNat:RouterNat": 1,
        "gcp:compute/subnetwork:Subnetwork": 1,
        "gcp:container/cluster:Cluster": 1,
        "gcp:projects/iAMMember:IAMMember": 1,
        "gcp:serviceaccount/account:Account": 1,
        "kubernetes:storage.k8s.io/v1:StorageClass": 1,
        "marimo:dr:GkeCluster": 1,
        "pulumi:providers:gcp": 1,
        "pulumi:providers:kubernetes": 1,
        "pulumi:pulumi:Stack": 1,
      });
    });

    it("is Autopilot with private nodes and the Gateway API, reached by name alone", async () => {
      const { inputs } = named(await declare(gke), "gke-gke");
      assert.equal(inputs["enableAutopilot"], true);
      assert.equal(inputs["location"], "europe-west4");
      assert.equal(inputs["deletionProtection"], true);
      assert.deepEqual(inputs["privateClusterConfig"], { enablePrivateNodes: true });
      assert.deepEqual(inputs["gatewayApiConfig"], { channel: "CHANNEL_STANDARD" });
      assert.deepEqual(inputs["controlPlaneEndpointsConfig"], {
        dnsEndpointConfig: { allowExternalTraffic: true },
        ipEndpointsConfig: { enabled: false },
      });
    });

    it("is reached by Google's own tool, and the kubeconfig holds no secret", async () => {
      const { clusters, users } = kubeconfigOf(await declare(gke));
      assert.deepEqual(clusters[0]?.cluster, { server: "https://gke-gke.example" });
      assert.equal(users[0]?.user.exec.command, "gke-gcloud-auth-plugin");
    });
  });

  it("volumes outlive their claims, in both", async () => {
    for (const [spec, provisioner] of [
      [eks, "ebs.csi.eks.amazonaws.com"],
      [gke, "pd.csi.storage.gke.io"],
    ] as const) {
      const { inputs } = named(await declare(spec), "retain");
      assert.deepEqual(
        [inputs["provisioner"], inputs["reclaimPolicy"], inputs["volumeBindingMode"]],
        [provisioner, "Retain", "WaitForFirstConsumer"],
      );
    }
  });

  it("is of the region, made or not: its provider is never replaced", async () => {
    for (const spec of [undefined, eks, gke]) {
      assert.equal(named(await declare(spec), "cluster").inputs["clusterIdentifier"], "here");
    }
  });
});
