/** Names that the vaults' identities have in the clouds, and the platforms' limits for them. */

/** What a job may be. Each duty has an identity of its own in each cloud. */
export const duties = ["archive", "restore", "dumps", "verify"] as const;
export type Duty = (typeof duties)[number];

/** What an environment may be called, so that every name below stays within its platform's limit. */
export const environmentName = /^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$/;

/** Limits, with their sources. */
export const nameLimits = {
  /** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
  awsRole: /^[\w+=,.@-]{1,64}$/,
  /** https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html */
  awsKeyAlias: /^alias\/[a-zA-Z0-9/_-]{1,250}$/,
  /** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html */
  awsSecret: /^[a-zA-Z0-9/_+=.@-]{1,512}$/,
  /** https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/create */
  gcpServiceAccount: /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/,
  /** https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles/create */
  gcpRole: /^[a-zA-Z0-9_.]{3,64}$/,
  /** https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings/create */
  gcpKey: /^[a-zA-Z0-9_-]{1,63}$/,
  /** https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create */
  gcpSecret: /^[a-zA-Z0-9_-]{1,255}$/,
} as const;

/** All of an environment's names in the clouds. A second environment in the same account shares none of them. */
export const cloudNames = (environment: string) => {
  const base = `marimo-${environment}`;
  return {
    awsRole: (duty: Duty) => `${base}-${duty}`,
    awsReplicationRole: `${base}-replication`,
    awsKeyAlias: `alias/${base}-vault`,
    awsSecret: `${base}/shared-secrets`,
    gcpServiceAccount: (duty: Duty) => `${base}-${duty}`,
    gcpRole: (grant: string) => `${base}-${grant}`.replaceAll("-", "_"),
    gcpKeyRing: `${base}-vault`,
    gcpKey: "vault",
    gcpSecret: `${base}-shared-secrets`,
  };
};
