import { AccessEntry } from "@pulumi/aws/eks/accessEntry";
import { AccessPolicyAssociation } from "@pulumi/aws/eks/accessPolicyAssociation";
import { Cluster } from "@pulumi/aws/eks/cluster";
import { PodIdentityAssociation } from "@pulumi/aws/eks/podIdentityAssociation";
import { Role } from "@pulumi/aws/iam/role";
import { RolePolicyAttachment } from "@pulumi/aws/iam/rolePolicyAttachment";
import { Provider } from "@pulumi/aws/provider";
import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { type ClusterGrant, eksControlGrants, eksNodeGrants, type EksSpec } from "../domain/cluster";
import { cloudNames, duties } from "../domain/identities";
import { serviceAccountOf } from "../domain/permissions";
import { EksNetwork } from "./eksNetwork";
import { execKubeconfig } from "./execKubeconfig";

const trusting = (service: string, ...actions: string[]) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: actions }],
  });

/**
 * A cluster of EKS Auto Mode: AWS brings and renews the nodes, in private subnets of three zones. Who may do what is said by
 * access entries alone, and pods get their roles by Pod Identity.
 */
export class EksCluster extends ComponentResource {
  readonly kubeconfig: Output<string>;
  /** The storage of volumes: https://docs.aws.amazon.com/eks/latest/userguide/create-storage-class.html */
  readonly storage = {
    provisioner: "ebs.csi.eks.amazonaws.com",
    parameters: { type: "gp3", encrypted: "true" },
  };
  /** Without it a load balancer is not reached from outside: https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-nlb.html */
  readonly loadBalancerAnnotations = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
    "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
  };

  constructor(name: string, spec: EksSpec, opts?: ComponentResourceOptions) {
    super("marimo:dr:EksCluster", name, {}, opts);
    const { region, account } = spec;
    const provider = new Provider(`${name}-aws`, { region, allowedAccountIds: [account] }, { parent: this });
    const child = { parent: this, provider };
    const inAws = { parent: this, providers: [provider] };

    const { innerIds } = new EksNetwork(
      `${name}-network`,
      { region, zones: spec.zones, network: spec.network, title: `Marimo ERP ${spec.name}` },
      inAws,
    );
    const role = (duty: string, trust: string, grants: readonly ClusterGrant[]) => {
      // Roles are the account's, and its regions share their names.
      const made = new Role(
        `${name}-${duty}`,
        { name: `${spec.name}-${region}-${duty}`, assumeRolePolicy: trust },
        child,
      );
      const attached = grants.map(
        ({ role: policy }) =>
          new RolePolicyAttachment(
            `${name}-${duty}-${policy}`,
            { role: made.name, policyArn: `arn:aws:iam::aws:policy/${policy}` },
            child,
          ),
      );
      return { arn: made.arn, attached };
    };
    const control = role(
      "control",
      trusting("eks.amazonaws.com", "sts:AssumeRole", "sts:TagSession"),
      eksControlGrants,
    );
    const nodes = role("nodes", trusting("ec2.amazonaws.com", "sts:AssumeRole"), eksNodeGrants);

    const cluster = new Cluster(
      `${name}-eks`,
      {
        name: spec.name,
        region,
        roleArn: control.arn,
        // Whoever happens to make the cluster is not its administrator for ever: `clusterAdmins` says who is.
        accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
        // Auto Mode is these three together, and brings its own network and DNS add-ons.
        computeConfig: { enabled: true, nodePools: ["general-purpose", "system"], nodeRoleArn: nodes.arn },
        kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true } },
        storageConfig: { blockStorage: { enabled: true } },
        bootstrapSelfManagedAddons: false,
        vpcConfig: {
          subnetIds: [...innerIds],
          endpointPrivateAccess: true,
          endpointPublicAccess: true,
          publicAccessCidrs: [...spec.apiFrom],
        },
        upgradePolicy: { supportType: "STANDARD" },
        enabledClusterLogTypes: ["api", "audit", "authenticator"],
        deletionProtection: true,
      },
      // Without its policies EKS can't clean up after itself: they must go after the cluster.
      { ...child, dependsOn: [...control.attached, ...nodes.attached] },
    );
    const clusterName = cluster.name;
    const entries = spec.admins.map((principalArn, index) => {
      const entry = new AccessEntry(`${name}-admin-${index}`, { clusterName, principalArn, region }, child);
      return new AccessPolicyAssociation(
        `${name}-admin-${index}-policy`,
        {
          clusterName,
          principalArn,
          region,
          policyArn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
          accessScope: { type: "cluster" },
        },
        { ...child, dependsOn: entry },
      );
    });
    const names = cloudNames(spec.environment);
    for (const duty of duties) {
      new PodIdentityAssociation(
        `${name}-pods-${duty}`,
        {
          clusterName,
          region,
          namespace: spec.namespace,
          serviceAccount: serviceAccountOf(duty),
          roleArn: `arn:aws:iam::${account}:role/${names.awsRole(duty)}`,
        },
        child,
      );
    }
    this.kubeconfig = execKubeconfig({
      name: spec.name,
      server: cluster.endpoint,
      authority: cluster.certificateAuthority.data,
      command: ["aws", "eks", "get-token", "--region", region, "--cluster-name", spec.name],
      // Nobody is let in before these.
      after: entries.map(({ id }) => id),
    });
    this.registerOutputs({});
  }
}
