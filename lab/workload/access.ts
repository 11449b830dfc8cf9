import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ApiException, CoreV1Api, V1Service } from "@kubernetes/client-node";
import { names } from "../../domain/names";
import { labels, port } from "../../domain/patroni";
import type { Connection } from "./connection";
import { regionApi } from "./kubernetes";

export interface RegionAccess {
  readonly kubeconfig: string;
  /** Context of the kubeconfig: the region's name. */
  readonly context: string;
  /** @default marimo-erp */
  readonly namespace?: string;
}

/**
 * The lab's own way in from the host, beside the product's Services: a node port follows the leader from pod to pod, where
 * a port-forward ends with the pod that it led to.
 */
const SERVICE = "lab-writer";
const OPENING_MS = 10_000;

const nodePortService = Object.assign(new V1Service(), {
  metadata: { name: SERVICE },
  spec: {
    type: "NodePort",
    selector: { ...labels.app, [labels.roleKey]: labels.primary },
    ports: [{ name: "postgres", port: port.postgres, targetPort: port.postgres }],
  },
});

/**
 * Finds the region's database, each time anew: a region that was rebuilt or restarted has another address, password and
 * certificate authority.
 */
export function regionDatabase(access: RegionAccess): () => Promise<Connection> {
  return async () => {
    const api = new CoreV1Api(regionApi(access.kubeconfig, access.context));
    const namespace = access.namespace ?? "marimo-erp";
    const [host, nodePort, credentials] = await Promise.all([
      nodeAddress(api),
      nodePortOf(api, namespace),
      readCredentials(api, namespace),
    ]);
    await untilOpen(host, nodePort);
    return { host, port: nodePort, ...credentials };
  };
}

/** Who a client says that it is, and how it knows the server. */
export type Credentials = Omit<Connection, "host" | "port">;

/** The region's password and certificate authority, as the program made them. */
export const regionCredentials = (access: RegionAccess): Promise<Credentials> =>
  readCredentials(new CoreV1Api(regionApi(access.kubeconfig, access.context)), access.namespace ?? "marimo-erp");

async function readCredentials(api: CoreV1Api, namespace: string): Promise<Credentials> {
  const [secrets, tls] = await Promise.all([
    api.readNamespacedSecret({ name: names.secrets, namespace }),
    api.readNamespacedSecret({ name: "postgres-server-tls", namespace }),
  ]);
  return {
    user: decoded(secrets.data, "DB_USER"),
    password: decoded(secrets.data, "DB_PASSWORD"),
    database: names.database,
    tls: { ca: decoded(tls.data, "ca.crt"), serverName: names.writeService },
  };
}

async function nodeAddress(api: CoreV1Api): Promise<string> {
  const { items } = await api.listNode();
  const address = items[0]?.status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
  if (address === undefined) throw new Error("the region has no node with an address; the database cannot be reached");
  return address;
}

/**
 * A new Service's node port opens a moment after it is there, when kube-proxy has heard of it; one without a leader
 * behind it opens when there is one.
 */
async function untilOpen(host: string, port: number): Promise<void> {
  const limit = performance.now() + OPENING_MS;
  while (!(await isOpen(host, port))) {
    if (performance.now() > limit) throw new Error(`nothing answers at ${host}:${port}: no member of the region leads`);
    await delay(100);
  }
}

const isOpen = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });

async function nodePortOf(api: CoreV1Api, namespace: string): Promise<number> {
  const service = await readOrCreate(api, namespace);
  const nodePort = service.spec?.ports?.[0]?.nodePort;
  if (nodePort === undefined)
    throw new Error(`service ${SERVICE} in ${namespace} has no node port; delete it and try again`);
  return nodePort;
}

async function readOrCreate(api: CoreV1Api, namespace: string): Promise<V1Service> {
  try {
    return await api.readNamespacedService({ name: SERVICE, namespace });
  } catch (error) {
    if (!hasCode(error, 404)) throw error;
  }
  try {
    return await api.createNamespacedService({ namespace, body: nodePortService });
  } catch (error) {
    // Another session of the writer was faster.
    if (!hasCode(error, 409)) throw error;
    return api.readNamespacedService({ name: SERVICE, namespace });
  }
}

const hasCode = (error: unknown, code: number): boolean => error instanceof ApiException && error.code === code;

function decoded(data: Record<string, string> | undefined, key: string): string {
  const value = data?.[key];
  if (value === undefined) throw new Error(`the region's secret has no key ${key}; was it made by this program?`);
  return Buffer.from(value, "base64").toString("utf8");
}
