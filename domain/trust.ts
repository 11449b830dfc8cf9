/** Which pods of which clusters may take on a role in AWS. */

/** A cluster as the configuration names it. */
export interface ClusterName {
  /** The cloud's region. */
  readonly location: string;
  readonly name: string;
}

export interface AwsTrust {
  readonly account: string;
  /** By EKS Pod Identity. @default none */
  readonly eksCluster: ClusterName | undefined;
  /** By web identity, from Google Cloud. @default none */
  readonly gkeCluster: (ClusterName & { readonly project: string }) | undefined;
  readonly namespace: string;
  /** The Kubernetes service account. */
  readonly serviceAccount: string;
}

/** https://cloud.google.com/kubernetes-engine/fleet-management/docs/use-workload-identity; without the scheme, as AWS has it. */
export const gkeIssuer = ({ project, location, name }: NonNullable<AwsTrust["gkeCluster"]>): string =>
  `container.googleapis.com/v1/projects/${project}/locations/${location}/clusters/${name}`;

/**
 * EKS Pod Identity names the pod by tags of the session, so a rebuilt cluster needs no change in IAM, whose control plane sits in
 * one region. https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
 */
const byPodIdentity = ({ account, eksCluster, namespace, serviceAccount }: AwsTrust) =>
  eksCluster && {
    Sid: "EksPodIdentity",
    Effect: "Allow",
    Principal: { Service: "pods.eks.amazonaws.com" },
    Action: ["sts:AssumeRole", "sts:TagSession"],
    Condition: {
      StringEquals: {
        "aws:SourceAccount": account,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": serviceAccount,
      },
      ArnEquals: {
        "aws:SourceArn": `arn:aws:eks:${eksCluster.location}:${account}:cluster/${eksCluster.name}`,
      },
    },
  };

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html */
const byWebIdentity = ({ account, gkeCluster, namespace, serviceAccount }: AwsTrust) => {
  if (!gkeCluster) return undefined;
  const issuer = gkeIssuer(gkeCluster);
  return {
    Sid: "GkeWebIdentity",
    Effect: "Allow",
    Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${issuer}` },
    Action: ["sts:AssumeRoleWithWebIdentity"],
    Condition: {
      StringEquals: {
        [`${issuer}:aud`]: "sts.amazonaws.com",
        [`${issuer}:sub`]: `system:serviceaccount:${namespace}:${serviceAccount}`,
      },
    },
  };
};

/** The trust policy of a role. */
export const awsTrustPolicy = (trust: AwsTrust) => ({
  Version: "2012-10-17",
  Statement: [byPodIdentity(trust), byWebIdentity(trust)].filter((statement) => statement !== undefined),
});
