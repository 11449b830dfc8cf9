import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment";
import { DeploymentPatch } from "@pulumi/kubernetes/apps/v1/deploymentPatch";
import { Service } from "@pulumi/kubernetes/core/v1/service";
import type { types } from "@pulumi/kubernetes";
import { ComponentResource, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { type ApplicationName, applicationNames, applicationServices, replicasOf } from "../domain/application";
import { names } from "../domain/names";
import type { Role } from "../domain/patroni";
import { anyUserSecurity, containerSecurity } from "../domain/podSecurity";
import { fromSecretKey, scratch } from "./pods";

type EnvVar = types.input.core.v1.EnvVar;

export interface ApplicationTierArgs {
  readonly namespace: Input<string>;
  /** Image of each service. */
  readonly images: Readonly<Record<ApplicationName, string>>;
  /** Whether the region takes writes. */
  readonly role: Role;
  /** Pods of each service while the region follows. */
  readonly standbyReplicas: number;
  /** CPU that is each pod's own, as Kubernetes writes it. */
  readonly cpu: string;
  /** Differs whenever what the pods read at their start does. */
  readonly configuration: Input<string>;
}

/** An application that can't start must not keep a database's way back from ending: nothing waits for its pods. */
const unwaited = { "pulumi.com/skipAwait": "true" };

/** Not all of these are this program's: what somebody else adds to `marimo-secrets` is handed on. */
const fromSystem = (key: string, optional: boolean): EnvVar => fromSecretKey(key, names.secrets, key, optional);

/** What a service reads beside ConfigMap `marimo-config`, each no more than it needs. */
const secretsOf: Readonly<Record<ApplicationName, readonly EnvVar[]>> = {
  "api-gateway": [fromSystem("JWT_SECRET", true), fromSystem("REDIS_PASSWORD", true)],
  "auth-service": [
    fromSystem("DB_USER", false),
    fromSystem("DB_PASSWORD", false),
    fromSystem("JWT_SECRET", true),
    fromSystem("RABBITMQ_USER", true),
    fromSystem("RABBITMQ_PASSWORD", true),
    {
      name: "RABBITMQ_URL",
      value: "amqp://$(RABBITMQ_USER):$(RABBITMQ_PASSWORD)@$(RABBITMQ_HOST):$(RABBITMQ_PORT)/",
    },
  ],
};

const get = (path: string) => ({ path, port: "http" });

/**
 * The services that clients reach, at the scale of their region's role. How many pods there are is told once for each role, and is
 * the operator's and the autoscaler's afterwards: decision 13.
 */
export class ApplicationTier extends ComponentResource {
  constructor(name: string, args: ApplicationTierArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:ApplicationTier", name, {}, opts);
    for (const service of applicationNames) this.declare(service, args);
    this.registerOutputs({});
  }

  private declare(name: ApplicationName, args: ApplicationTierArgs): void {
    const { namespace, role } = args;
    const { port, portVariable, service } = applicationServices[name];
    const labels = { app: name };
    const metadata = { name, namespace, labels, annotations: unwaited };
    const temporary = scratch("temp", "/tmp", "64Mi");
    const deployment = new Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          // No `replicas`: what isn't applied isn't taken back.
          selector: { matchLabels: labels },
          template: {
            metadata: { labels, annotations: { "marimo-erp.com/configuration": args.configuration } },
            spec: {
              automountServiceAccountToken: false,
              enableServiceLinks: false,
              securityContext: anyUserSecurity,
              topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(
                (topologyKey) => ({
                  topologyKey,
                  maxSkew: 1,
                  whenUnsatisfiable: "ScheduleAnyway",
                  labelSelector: { matchLabels: labels },
                }),
              ),
              containers: [
                {
                  name,
                  image: args.images[name],
                  envFrom: [{ configMapRef: { name: names.config } }],
                  env: [{ name: portVariable, value: String(port) }, ...secretsOf[name]],
                  ports: [{ name: "http", containerPort: port }],
                  // A service that is only slow to start is not killed for it.
                  startupProbe: { httpGet: get("/health"), periodSeconds: 2, failureThreshold: 60 },
                  livenessProbe: { httpGet: get("/health"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
                  readinessProbe: { httpGet: get("/ready"), periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 2 },
                  resources: {
                    requests: { cpu: args.cpu, memory: "128Mi" },
                    limits: { cpu: "500m", memory: "512Mi" },
                  },
                  volumeMounts: [temporary.mount],
                  securityContext: containerSecurity,
                  terminationMessagePolicy: "FallbackToLogsOnError",
                },
              ],
              volumes: [temporary.volume],
            },
          },
        },
      },
      { parent: this },
    );
    new Service(
      `${name}-service`,
      {
        metadata: { ...metadata, name: service },
        spec: { selector: labels, ports: [{ name: "http", port, targetPort: "http" }] },
      },
      { parent: this },
    );
    const replicas = replicasOf(name, role, args.standbyReplicas);
    // By its name it is another resource for another role or number, so it is applied once for each. The old one only leaves
    // Pulumi's state: deleted, it would give the field up.
    new DeploymentPatch(
      `${name}-scale-${role}-${replicas}`,
      { metadata: { name, namespace, annotations: unwaited }, spec: { replicas } },
      { parent: this, dependsOn: deployment, ignoreChanges: ["spec.replicas"], retainOnDelete: true },
    );
  }
}
