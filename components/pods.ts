import type { types } from "@pulumi/kubernetes";
import type { Fencing } from "../domain/fence";
import { memberHost, names } from "../domain/names";
import { port } from "../domain/patroni";
import { paths } from "../domain/paths";
import { type Repository, type RepositoryName, repositoryList } from "../domain/repository";

type EnvVar = types.input.core.v1.EnvVar;
type VolumeMount = types.input.core.v1.VolumeMount;
type Volume = types.input.core.v1.Volume;

/**
 * Resources of what can wait for Postgres, as a backup can. Where CPU is short the kernel shares it in proportion to what
 * containers request, and 10m beside Postgres' own CPU is nearly nothing.
 */
export const background = (cpu: string, memory: string): types.input.core.v1.ResourceRequirements => ({
  requests: { cpu: "10m", memory: "64Mi" },
  limits: { cpu, memory },
});

export const fromSecretKey = (name: string, secret: string, key: string): EnvVar => ({
  name,
  valueFrom: { secretKeyRef: { name: secret, key } },
});

const fromField = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

export interface CommonEnvironmentArgs {
  readonly repositories: readonly Repository[];
  /** The repository that a restore and a new member read. */
  readonly restoreFrom: RepositoryName;
}

/** What every container of the image reads. */
export const commonEnvironment = ({ repositories, restoreFrom }: CommonEnvironmentArgs): EnvVar[] => [
  { name: "MARIMO_STANZA", value: names.stanza },
  { name: "MARIMO_REPOSITORIES", value: repositoryList(repositories) },
  { name: "MARIMO_RESTORE_FROM", value: restoreFrom },
  { name: "MARIMO_DATABASE", value: names.database },
];

export interface MemberEnvironmentArgs {
  readonly fencing: Fencing;
  /** The history that a restore follows where the archive holds two. @default the newest */
  readonly restoreTimeline: string | undefined;
}

/** What the containers of a member read beside it. */
export const memberEnvironment = ({ fencing, restoreTimeline }: MemberEnvironmentArgs): EnvVar[] => [
  { name: "MARIMO_FENCING", value: fencing },
  ...(restoreTimeline === undefined ? [] : [{ name: "MARIMO_RESTORE_TIMELINE", value: restoreTimeline }]),
  { name: "PGDATA", value: paths.pgdata },
  { name: "PGHOST", value: paths.socket },
  { name: "PGUSER", value: names.superuser },
];

/** What Patroni reads beside that; nobody else in the pod needs its passwords. */
export const patroniEnvironment = (namespace: string, secrets: { system: string; members: string }): EnvVar[] => [
  fromField("PATRONI_NAME", "metadata.name"),
  fromField("PATRONI_KUBERNETES_NAMESPACE", "metadata.namespace"),
  fromField("PATRONI_KUBERNETES_POD_IP", "status.podIP"),
  {
    name: "PATRONI_POSTGRESQL_CONNECT_ADDRESS",
    value: `${memberHost("$(PATRONI_NAME)", namespace)}:${port.postgres}`,
  },
  { name: "PATRONI_RESTAPI_CONNECT_ADDRESS", value: `${memberHost("$(PATRONI_NAME)", namespace)}:${port.patroni}` },
  fromSecretKey("PATRONI_SUPERUSER_PASSWORD", secrets.system, "DB_PASSWORD"),
  fromSecretKey("PATRONI_REPLICATION_PASSWORD", secrets.members, "replication"),
  fromSecretKey("PATRONI_REWIND_PASSWORD", secrets.members, "rewind"),
];

/** A mount and the volume behind it. */
export interface Mounted {
  readonly volume: Volume;
  readonly mount: VolumeMount;
}

export const fromConfigMap = (name: string, configMap: string, mountPath: string): Mounted => ({
  volume: { name, configMap: { name: configMap } },
  mount: { name, mountPath, readOnly: true },
});

/**
 * Keys are readable by the image's group and nobody else, as Postgres and pgBackRest demand.
 * @param files paths of those that are wanted. @default all that the Secret has
 */
export const fromSecretVolume = (
  name: string,
  secretName: string,
  mountPath: string,
  files?: readonly string[],
): Mounted => {
  const items = files?.map((file) => file.slice(mountPath.length + 1)).map((key) => ({ key, path: key }));
  return {
    volume: { name, secret: { secretName, defaultMode: 0o440, ...(items && { items }) } },
    mount: { name, mountPath, readOnly: true },
  };
};

export const fromClaim = (name: string, claimName: string, mountPath: string): Mounted => ({
  volume: { name, persistentVolumeClaim: { claimName } },
  mount: { name, mountPath },
});

/** The same, for whoever must not change it. */
export const readOnly = ({ volume, mount }: Mounted): Mounted => ({ volume, mount: { ...mount, readOnly: true } });

export const scratch = (name: string, mountPath: string, sizeLimit: string): Mounted => ({
  volume: { name, emptyDir: { sizeLimit } },
  mount: { name, mountPath },
});
