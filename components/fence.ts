import type { types } from "@pulumi/kubernetes";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { ComponentResource, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { fence, type FenceSettings, type Fencing, leaseObject } from "../domain/fence";
import { names } from "../domain/names";
import { port } from "../domain/patroni";
import { paths } from "../domain/paths";
import type { Repository } from "../domain/repository";
import { fromConfigMap, type Mounted } from "./pods";

type Container = types.input.core.v1.Container;

export interface FenceArgs {
  readonly namespace: Input<string>;
  readonly fencing: Fencing;
  readonly region: string;
  readonly repositories: readonly Repository[];
  readonly repositoryPath: string;
}

/**
 * The container in each member that holds the writer's lease, lets commits be acknowledged by it, and says whether the
 * region takes writes.
 */
export class Fence extends ComponentResource {
  /** What it keeps, as its file has it. */
  readonly settings: string;
  readonly mounts: readonly Mounted[];

  constructor(name: string, args: FenceArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:Fence", name, {}, opts);
    const settings: FenceSettings = {
      fencing: args.fencing,
      region: args.region,
      repositories: args.repositories,
      object: leaseObject(args.repositoryPath),
      databaseHost: names.writeService,
    };
    this.settings = JSON.stringify(settings);
    const configuration = "postgres-fence";
    new ConfigMap(
      `${name}-settings`,
      { metadata: { name: configuration, namespace: args.namespace }, data: { "fence.json": this.settings } },
      { parent: this },
    );
    this.mounts = [
      fromConfigMap("fence", configuration, fence.settingsFolder),
      // The application's configuration may be made later than the database.
      {
        volume: { name: "application", configMap: { name: names.config, optional: true } },
        mount: { name: "application", mountPath: fence.applicationFolder, readOnly: true },
      },
    ];
    this.registerOutputs({});
  }

  /**
   * The container, made of what every container of a member has. As a sidecar of Kubernetes it ends after the others have: commits
   * go through while Postgres shuts down, and where Postgres ended can be handed over.
   * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ (on by default from 1.29 on)
   */
  container(base: Container, storeCa: boolean): Container {
    return {
      ...base,
      restartPolicy: "Always",
      env: [
        ...(base.env as types.input.core.v1.EnvVar[]),
        ...(storeCa ? [{ name: "NODE_EXTRA_CA_CERTS", value: `${paths.storeCaFolder}/ca.crt` }] : []),
      ],
      ports: [{ name: "writable", containerPort: port.writable }],
      volumeMounts: [
        ...(base.volumeMounts as types.input.core.v1.VolumeMount[]),
        ...this.mounts.map(({ mount }) => mount),
      ],
    };
  }
}
