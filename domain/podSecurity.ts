import { userId } from "./paths";

/** Pod security standard `restricted`: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
export const podSecurity = {
  runAsNonRoot: true,
  runAsUser: userId,
  runAsGroup: userId,
  fsGroup: userId,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
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
