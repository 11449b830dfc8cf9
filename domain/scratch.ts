import { names } from "./names";
import { paths } from "./paths";
import { containerSecurity, podDns, podSecurity } from "./podSecurity";
import { port } from "./patroni";
import type { Order } from "./pointInTime";
import { type Repository, repositoryList, repositoryNumber } from "./repository";
import { scratchNamespace, serviceAccountOf } from "./permissions";

/** Where restores are tried: the namespace and the pod of the plan's "Quarterly Database Restore Test". */
export const scratch = {
  namespace: scratchNamespace,
  /** Size of its volume where nobody says otherwise; a member's own by default. */
  storage: "10Gi",
  pod: `${names.statefulSet}-0`,
  /** Init container that restores, with the repositories' keys. The one that serves has none. */
  restore: "restore",
  /** Secret with the scratch database's own password, under `passwordKey`. @default it makes one, in `passwordFile` */
  secret: "postgres-scratch",
  passwordKey: "password",
  passwordFile: `${paths.volume}/password`,
  /** What the restore found, in JSON; there when it is over. */
  resultFile: `${paths.volume}/restored.json`,
  /** Where `marimo-scratch` is told what to restore. */
  order: "MARIMO_SCRATCH",
} as const;

/** A Kubernetes object as plain data. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** Objects of the region's namespace that a restore needs a copy of. */
export interface Copied {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
  /** Where the restore finds it. @default its values become the environment */
  readonly mountPath?: string;
}

export interface ScratchRestore {
  readonly order: Order;
  readonly repositories: readonly Repository[];
  readonly storeCa: boolean;
  /** Cloud identities of the restore reader, as annotations of its service account. */
  readonly identityAnnotations: Record<string, string>;
}

export interface ScratchArgs {
  readonly image: string;
  /** As Kubernetes writes it. */
  readonly storage: string;
  /** @default the cluster's default class */
  readonly storageClass: string | undefined;
  /** Namespaces of which pods may connect, beside its own. */
  readonly clients: readonly string[];
  /** @default an empty database, for a dump */
  readonly restore: ScratchRestore | undefined;
}

/** What a restore is told, beside what it reads itself. */
const orderText = ({ repository, backup, timeline, target }: Order): string =>
  JSON.stringify({
    repository: repositoryNumber[repository],
    backup: backup.label,
    bytes: backup.bytes,
    timeline,
    target: { kind: target.kind, value: target.text },
  });

/** What a restore reads of the region's namespace. */
export const copiedObjects = ({ repositories, storeCa }: ScratchRestore): Copied[] => [
  { kind: "ConfigMap", name: "postgres-pgbackrest", mountPath: paths.pgbackrestFolder },
  { kind: "Secret", name: "postgres-repositories" },
  ...(storeCa ? [{ kind: "ConfigMap", name: "postgres-store-ca", mountPath: paths.storeCaFolder } as const] : []),
  ...(repositories.some(({ name, keyType }) => name === "gcs" && keyType === "service")
    ? [{ kind: "Secret", name: "postgres-gcs-key", mountPath: paths.gcsKeyFolder } as const]
    : []),
];

const volumeOf = ({ kind, name }: Copied) =>
  kind === "ConfigMap" ? { name, configMap: { name } } : { name, secret: { secretName: name, defaultMode: 0o440 } };

const tcp = (...ports: number[]) => ports.map((port) => ({ protocol: "TCP", port }));

/** Where pods ask who they are: EKS Pod Identity, and Google's metadata server. */
const identityServers = ["169.254.170.23/32", "169.254.169.254/32", "169.254.169.252/32"];

const storePort = ({ endpoint }: Repository): number => Number(endpoint?.split(":")[1] ?? 443);

/** Names, the stores' ports and the identities; no port of a database. */
const egress = ({ repositories }: ScratchRestore) => [
  { ports: [{ protocol: "UDP", port: 53 }, ...tcp(53)] },
  { ports: tcp(...new Set([443, ...repositories.map(storePort)])) },
  { to: identityServers.map((cidr) => ({ ipBlock: { cidr } })), ports: tcp(80, 988) },
];

export const scratchLabels = { app: "postgres", purpose: "scratch" };

/**
 * A Postgres of one pod, to restore into: its own volume, no archive, no way to production. The restore runs in a container of its
 * own that ends before the database serves, so what people work in holds no key of a repository. Bounded in CPU and memory,
 * and almost nothing is reserved: where CPU is short it goes to production.
 */
export const scratchManifests = (args: ScratchArgs): Manifest[] => {
  const { restore } = args;
  const copies = restore ? copiedObjects(restore) : [];
  const mounted = copies.filter(({ mountPath }) => mountPath !== undefined);
  const mounts = [
    { name: "data", mountPath: paths.volume },
    { name: "socket", mountPath: paths.socket },
    { name: "temp", mountPath: paths.temp },
  ];
  const environment = [
    { name: "MARIMO_STANZA", value: names.stanza },
    { name: "MARIMO_DATABASE", value: names.database },
    { name: "PGDATA", value: paths.pgdata },
    { name: "PGHOST", value: paths.socket },
    { name: "PGUSER", value: names.superuser },
    {
      name: "MARIMO_SCRATCH_PASSWORD",
      valueFrom: { secretKeyRef: { name: scratch.secret, key: scratch.passwordKey, optional: true } },
    },
  ];
  const container = (name: string, command: string, more: Record<string, unknown> = {}) => ({
    name,
    image: args.image,
    command: ["marimo-scratch", command],
    env: environment,
    volumeMounts: mounts,
    resources: { requests: { cpu: "10m", memory: "128Mi" }, limits: { cpu: "1", memory: "1Gi" } },
    securityContext: containerSecurity,
    terminationMessagePolicy: "FallbackToLogsOnError",
    ...more,
  });
  const restoring =
    restore &&
    container(scratch.restore, "restore", {
      env: [
        ...environment,
        { name: "MARIMO_REPOSITORIES", value: repositoryList(restore.repositories) },
        { name: scratch.order, value: orderText(restore.order) },
      ],
      envFrom: [{ secretRef: { name: "postgres-repositories" } }],
      volumeMounts: [
        ...mounts,
        ...mounted.map(({ name, mountPath }) => ({ name, mountPath: mountPath ?? "", readOnly: true })),
      ],
    });
  const objects: Manifest[] = [
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "postgres-scratch" },
      spec: {
        podSelector: { matchLabels: scratchLabels },
        policyTypes: ["Ingress", "Egress"],
        ingress: [
          {
            from: [
              { podSelector: {} },
              ...args.clients.map((name) => ({
                namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
              })),
            ],
            ports: tcp(port.postgres),
          },
        ],
        egress: restore ? egress(restore) : [],
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: names.writeService, labels: scratchLabels },
      spec: { selector: scratchLabels, ports: [{ name: "postgres", port: port.postgres, targetPort: port.postgres }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: names.statefulSet, labels: scratchLabels },
      spec: {
        serviceName: names.writeService,
        replicas: 1,
        selector: { matchLabels: scratchLabels },
        template: {
          metadata: { labels: scratchLabels },
          spec: {
            automountServiceAccountToken: false,
            ...(restore && { serviceAccountName: serviceAccountOf("restore") }),
            enableServiceLinks: false,
            securityContext: podSecurity,
            dnsConfig: podDns,
            ...(restoring && { initContainers: [restoring] }),
            containers: [
              container(names.statefulSet, "serve", {
                ports: [{ name: "postgres", containerPort: port.postgres }],
                readinessProbe: { exec: { command: ["pg_isready", "--quiet"] }, periodSeconds: 2 },
              }),
            ],
            volumes: [
              { name: "socket", emptyDir: { sizeLimit: "16Mi" } },
              { name: "temp", emptyDir: { sizeLimit: "256Mi" } },
              ...mounted.map(volumeOf),
            ],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: "data", labels: scratchLabels },
            spec: {
              accessModes: ["ReadWriteOnce"],
              ...(args.storageClass !== undefined && { storageClassName: args.storageClass }),
              resources: { requests: { storage: args.storage } },
            },
          },
        ],
      },
    },
  ];
  if (!restore) return objects;
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: serviceAccountOf("restore"), annotations: restore.identityAnnotations },
    },
    ...objects,
  ];
};
