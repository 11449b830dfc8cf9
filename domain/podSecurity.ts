import { userId } from "./paths";

/**
 * Pod security standard `restricted`, by the user that the image names:
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
export const anyUserSecurity = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };

/** The same by the user of the image of Postgres, who owns the volumes. */
export const podSecurity = {
  ...anyUserSecurity,
  runAsUser: userId,
  runAsGroup: userId,
  fsGroup: userId,
  fsGroupChangePolicy: "OnRootMismatch",
};

export const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/**
 * Takes a name with a dot for a whole one. By default a store's name is first looked up below each search domain of the
 * cluster and of its node, for every connection, which made up most of a small restore's time.
 */
export const podDns = { options: [{ name: "ndots", value: "1" }] };
