import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { Service } from "@pulumi/kubernetes/core/v1/service";
import { ComponentResource, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { jobs } from "../domain/jobs";
import { containerSecurity, podSecurity } from "../domain/podSecurity";
import { fromConfigMap } from "./pods";

export interface BackupResultsArgs {
  readonly namespace: Input<string>;
  /** Image built from `images/postgres`. */
  readonly image: string;
}

const name = "postgres-backup-metrics";

/** What the jobs that keep backups found last, and its metrics for Prometheus: `http://postgres-backup-metrics:9188/metrics`. */
export class BackupResults extends ComponentResource {
  constructor(componentName: string, args: BackupResultsArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:BackupResults", componentName, {}, opts);
    const { namespace } = args;
    const child = { parent: this };
    // Its keys are the jobs'; the program owns none of them.
    const results = new ConfigMap(`${componentName}-results`, { metadata: { name: jobs.results, namespace } }, child);
    const labels = { app: name };
    const { volume, mount } = fromConfigMap("results", jobs.results, jobs.resultsFolder);
    new Deployment(
      `${componentName}-metrics`,
      {
        metadata: { name, namespace, labels },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              automountServiceAccountToken: false,
              enableServiceLinks: false,
              securityContext: podSecurity,
              containers: [
                {
                  name: "metrics",
                  image: args.image,
                  command: ["marimo-jobs", "metrics"],
                  ports: [{ name: "metrics", containerPort: jobs.metricsPort }],
                  volumeMounts: [mount],
                  resources: { requests: { cpu: "10m", memory: "48Mi" }, limits: { cpu: "200m", memory: "128Mi" } },
                  readinessProbe: { httpGet: { path: "/metrics", port: jobs.metricsPort }, periodSeconds: 10 },
                  securityContext: containerSecurity,
                  terminationMessagePolicy: "FallbackToLogsOnError",
                },
              ],
              volumes: [volume],
            },
          },
        },
      },
      { ...child, dependsOn: results },
    );
    new Service(
      `${componentName}-service`,
      {
        metadata: {
          name,
          namespace,
          labels,
          annotations: { "prometheus.io/scrape": "true", "prometheus.io/port": String(jobs.metricsPort) },
        },
        spec: { selector: labels, ports: [{ name: "metrics", port: jobs.metricsPort, targetPort: jobs.metricsPort }] },
      },
      child,
    );
    this.registerOutputs({});
  }
}
