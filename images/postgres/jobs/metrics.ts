import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { Gauge, type OpenMetricsContentType, Registry } from "prom-client";
import { jobs, type KeptResult, type Measure, measures } from "../../../domain/jobs";
import { messageOf, say } from "../log";

/** The newest result of each job, from the ConfigMap as it is mounted. Kubernetes brings it up to date within a minute or two. */
const readResults = async (folder: string): Promise<KeptResult[]> => {
  // Kubernetes keeps its own links there, which begin with a dot.
  const files = (await readdir(folder)).filter((file) => !file.startsWith("."));
  return Promise.all(files.map(async (file) => JSON.parse(await readFile(join(folder, file), "utf8")) as KeptResult));
};

/** The results as Prometheus reads them. A job that never ran has no line: alert on absence too. */
export const renderMetrics = (results: readonly KeptResult[]): Promise<string> => {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const gauge = (name: string, help: string, valueOf: (result: KeptResult) => number | undefined) => {
    const made = new Gauge({ name: `marimo_backup_${name}`, help, labelNames: ["job"], registers: [registry] });
    for (const result of results) {
      const value = valueOf(result);
      if (value !== undefined) made.set({ job: result.job }, value);
    }
  };
  const seconds = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time) / 1000);
  gauge("last_end_timestamp_seconds", "When the newest run ended.", ({ endedAt }) => seconds(endedAt));
  gauge("last_success_timestamp_seconds", "When the newest run without a fault ended.", (r) => seconds(r.lastGoodAt));
  gauge("good", "1 where the newest run found no fault, else 0.", ({ good }) => (good ? 1 : 0));
  gauge("faults", "Faults that the newest run found.", ({ faults }) => faults.length);
  for (const [name, help] of Object.entries(measures)) gauge(name, help, (r) => r.measures[name as Measure]);
  return registry.metrics();
};

/** Serves the results until it is told to end. */
export const metrics = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      if (request.url !== "/metrics") {
        response.writeHead(404).end();
        return;
      }
      readResults(jobs.resultsFolder)
        .then(renderMetrics)
        .then(
          (text) => {
            response.writeHead(200, { "content-type": Registry.OPENMETRICS_CONTENT_TYPE }).end(text);
          },
          (error: unknown) => {
            say(`metrics: ${messageOf(error)}`);
            response.writeHead(500).end(`${messageOf(error)}\n`);
          },
        );
    }).listen(jobs.metricsPort);
    process.once("SIGTERM", () => {
      server.close();
      server.closeAllConnections();
      resolve(0);
    });
  });
