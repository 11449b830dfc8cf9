import type { types } from "@pulumi/kubernetes";
import type { Input } from "@pulumi/pulumi";
import { jobs, type JobSettings } from "../domain/jobs";
import { paths } from "../domain/paths";
import { containerSecurity, podDns, podSecurity } from "../domain/podSecurity";
import { type Mounted, scratch } from "./pods";

/** How pods of a region reach its stores. */
export interface StoreAccess {
  /** Name of the Secret with the repositories' passphrase and keys. */
  readonly secret: Input<string>;
  /** Certificates and keys that are files. */
  readonly mounts: readonly Mounted[];
  /** Whether the stores' certificates are signed by a CA of our own, which is among the mounts. */
  readonly ownCa: boolean;
}

export interface JobPodArgs {
  readonly image: string;
  readonly command: readonly string[];
  readonly serviceAccount: Input<string>;
  readonly settings: JobSettings;
  readonly stores: StoreAccess;
  readonly mounts: readonly Mounted[];
  readonly environment?: readonly types.input.core.v1.EnvVar[];
  /** Secrets whose keys become variables. */
  readonly secrets?: readonly Input<string>[];
  readonly resources: types.input.core.v1.ResourceRequirements;
}

const ofPod = (name: string, label: string): types.input.core.v1.EnvVar => ({
  name,
  valueFrom: { fieldRef: { fieldPath: `metadata.labels['${label}']` } },
});

/** The pod of a job that is told by `JobSettings`, reaches the stores, and tells its result (images/postgres/jobs). */
export const jobPod = (args: JobPodArgs): types.input.core.v1.PodSpec => {
  const mounts = [scratch("temp", paths.temp, "256Mi"), ...args.stores.mounts, ...args.mounts];
  return {
    restartPolicy: "Never",
    serviceAccountName: args.serviceAccount,
    enableServiceLinks: false,
    securityContext: podSecurity,
    dnsConfig: podDns,
    containers: [
      {
        name: "job",
        image: args.image,
        command: [...args.command],
        env: [
          { name: jobs.settings, value: JSON.stringify(args.settings) },
          // https://kubernetes.io/docs/reference/labels-annotations-taints/#batchkubernetesio-job-name
          ofPod("MARIMO_JOB_NAME", "batch.kubernetes.io/job-name"),
          ofPod("MARIMO_JOB_UID", "batch.kubernetes.io/controller-uid"),
          ...(args.stores.ownCa ? [{ name: "NODE_EXTRA_CA_CERTS", value: `${paths.storeCaFolder}/ca.crt` }] : []),
          ...(args.environment ?? []),
        ],
        envFrom: [args.stores.secret, ...(args.secrets ?? [])].map((name) => ({ secretRef: { name } })),
        volumeMounts: mounts.map(({ mount }) => mount),
        resources: args.resources,
        securityContext: containerSecurity,
        terminationMessagePolicy: "FallbackToLogsOnError",
      },
    ],
    volumes: mounts.map(({ volume }) => volume),
  };
};
