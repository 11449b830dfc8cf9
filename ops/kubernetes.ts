import { PassThrough, type Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import {
  ApiException,
  type Configuration,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  ServerConfiguration,
  type V1Status,
  VersionApi,
} from "@kubernetes/client-node";

/** Longest time for an answer. A region that is lost answers nothing and refuses nothing. */
const answerMs = 10_000;

/** What is special about a command in a pod. */
export interface ExecOptions {
  /** Longest time that it may take. @default 10 */
  readonly seconds?: number;
  /** What it reads. It must know where the end is (`head -c`): not every API server passes it on. */
  readonly stdin?: Readable;
  /** Where its output goes. @default it is returned */
  readonly stdout?: Writable;
}

/** A region's Kubernetes. */
export interface Cluster {
  readonly core: CoreV1Api;
  readonly coordination: CoordinationV1Api;
  readonly version: VersionApi;
  /** Objects of any kind. */
  readonly objects: KubernetesObjectApi;
  readonly namespace: string;
  /**
   * Runs a command in a pod, and returns what it printed.
   * @throws Error with what it said on stderr when it doesn't end with 0, or takes too long
   */
  readonly exec: (pod: string, container: string, command: readonly string[], options?: ExecOptions) => Promise<string>;
}

export interface ClusterAccess {
  /** Path of a kubeconfig. @default the ambient one */
  readonly kubeconfig: string | undefined;
  /** @default the kubeconfig's current context */
  readonly context: string | undefined;
  readonly namespace: string;
}

const load = ({ kubeconfig, context }: ClusterAccess): KubeConfig => {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  if (config.getCurrentCluster() === null) {
    throw new Error(`${kubeconfig ?? "the ambient kubeconfig"} has no context ${context ?? "that is current"}`);
  }
  return config;
};

const withTimeout = (config: KubeConfig, server: string): Configuration =>
  createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: (request) => {
          request.setSignal(AbortSignal.timeout(answerMs));
          return Promise.resolve(request);
        },
        post: (response) => Promise.resolve(response),
      },
    ],
  });

/** The part of a WebSocket that is used here; its package's types are not among the client's. */
interface Socket {
  readonly bufferedAmount: number;
  close: () => void;
  on: (event: "close", listener: () => void) => void;
}

class Collected extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** What may wait in memory to be sent. */
const bufferedBytes = 4 * 2 ** 20;

/** Sends no faster than the other side takes it. The stream stays open: its end would close the connection with older API servers. */
const pump = async (from: Readable, into: PassThrough, socket: Socket): Promise<void> => {
  for await (const chunk of from) {
    into.write(chunk);
    while (socket.bufferedAmount > bufferedBytes) await pause(10);
  }
};

const execIn =
  (config: KubeConfig, namespace: string): Cluster["exec"] =>
  async (pod, container, command, { seconds = answerMs / 1000, stdin, stdout } = {}) => {
    const [output, stderr] = [new Collected(), new Collected()];
    const what = `${command.join(" ")} in ${pod} (container ${container})`;
    let timer: NodeJS.Timeout | undefined;
    let close = () => {};
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`${what} has not ended after ${seconds} s`));
      }, seconds * 1000);
    });
    const input = stdin && new PassThrough();
    const ended = new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(namespace, pod, container, [...command], stdout ?? output, stderr, input ?? null, false, resolve)
        .then((socket: Socket) => {
          if (stdin && input) pump(stdin, input, socket).catch(reject);
          close = () => {
            socket.close();
          };
          socket.on("close", () => {
            reject(new Error(`${what}: the connection was closed before it ended`));
          });
        }, reject);
    });
    try {
      const status = await Promise.race([ended, timeout]);
      if (status.status !== "Success") {
        throw new Error(`${what} failed: ${stderr.text.trim() || (status.message ?? "it gave no reason")}`);
      }
      return output.text;
    } finally {
      clearTimeout(timer);
      close();
    }
  };

/** @throws Error when the kubeconfig can't be read, or has no such context */
export const openCluster = (access: ClusterAccess): Cluster => {
  const config = load(access);
  const { namespace } = access;
  const api = withTimeout(config, config.getCurrentCluster()?.server ?? "");
  return {
    core: new CoreV1Api(api),
    coordination: new CoordinationV1Api(api),
    version: new VersionApi(api),
    objects: new KubernetesObjectApi(api),
    namespace,
    exec: execIn(config, namespace),
  };
};

export const hasCode = (error: unknown, code: number): boolean => error instanceof ApiException && error.code === code;

/** One line for people; the client's own errors carry whole answers with their headers. */
export const reasonOf = (error: unknown): string => {
  if (error instanceof ApiException) {
    const { message } = (parseJson(error.body) ?? {}) as { message?: string };
    return `Kubernetes says ${error.code}${message === undefined ? "" : `: ${message}`}`;
  }
  if (error instanceof Error) {
    if (error.name === "TimeoutError" || error.name === "AbortError") return `no answer within ${answerMs / 1000} s`;
    return error.message || (error as NodeJS.ErrnoException).code || error.name;
  }
  // The WebSocket of an exec fails with an event.
  const { message } = error as { message?: unknown };
  return typeof message === "string" ? message : String(error);
};

const parseJson = (text: unknown): unknown => {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
