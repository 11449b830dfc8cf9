import * as http from "node:http";
import * as https from "node:https";
import { createInterface } from "node:readline";
import type { Value, Values } from "../values";
import { apiVersionOf, kindOf, listAt, nameOf, namespaceOf, textAt } from "./object";
import type { Connection } from "./kubeconfig";

/** What the API server answered instead of success. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    readonly status: Values,
  ) {
    super(textAt(status, "message") ?? `the API server answered ${code}`);
  }

  get reason(): string {
    return textAt(this.status, "reason") ?? "";
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: Record<string, string>;
  readonly body?: Value;
  readonly contentType?: string;
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** Where a kind of objects lives on the API server. */
interface Place {
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface Event {
  readonly type: string;
  readonly object: Values;
}

/** Milliseconds after which a request counts as unanswered; a watch has its own end. */
const requestTimeout = 60_000;

/** The few calls of the Kubernetes API that the provider needs. */
export class Client {
  private readonly agent: http.Agent;
  private readonly places = new Map<string, Promise<ReadonlyMap<string, Place>>>();

  constructor(private readonly connection: Connection) {
    const { ca, certificate: cert, key, insecure } = connection;
    this.agent = connection.server.startsWith("http:")
      ? new http.Agent({ keepAlive: true })
      : new https.Agent({ keepAlive: true, ca, cert, key, rejectUnauthorized: !insecure });
  }

  /** @throws Error if nothing answers within ten seconds */
  async ping(): Promise<void> {
    await this.json({ method: "GET", path: "/version", timeout: 10_000 });
  }

  get(object: Values): Promise<Values> {
    return this.at(object, (path) => ({ method: "GET", path }));
  }

  create(object: Values, query: Record<string, string>): Promise<Values> {
    return this.at(object, (path, collection) => ({ method: "POST", path: collection, query, body: object }));
  }

  /** Server-side apply. */
  apply(object: Values, query: Record<string, string>): Promise<Values> {
    const contentType = "application/apply-patch+yaml";
    return this.at(object, (path) => ({ method: "PATCH", path, query, body: object, contentType }));
  }

  patch(object: Values, operations: Values[]): Promise<Values> {
    const contentType = "application/json-patch+json";
    return this.at(object, (path) => ({ method: "PATCH", path, body: operations, contentType }));
  }

  delete(object: Values, propagationPolicy: string): Promise<Values> {
    return this.at(object, (path) => ({ method: "DELETE", path, body: { propagationPolicy } }));
  }

  /** Whether objects of the kind live in a namespace; undefined if the API server doesn't know the kind. */
  async isNamespaced(apiVersion: string, kind: string): Promise<boolean | undefined> {
    return (await this.placesOf(apiVersion)).get(kind)?.namespaced;
  }

  async list(of: Values, query: Record<string, string>): Promise<Values[]> {
    return listAt(await this.json({ method: "GET", path: await this.collectionOf(of), query }), "items");
  }

  /**
   * Follows the objects of a kind in a namespace, beginning with those that exist, until the signal aborts it or
   * the server ends the stream.
   */
  async watch(of: Values, query: Record<string, string>, onEvent: (event: Event) => void, signal: AbortSignal) {
    const collection = await this.collectionOf(of);
    const response = await this.send({
      ...{ method: "GET", path: collection, query: { ...query, watch: "1" } },
      ...{ timeout: 0, signal },
    });
    for await (const line of createInterface({ input: response })) {
      const event = JSON.parse(line) as Values;
      if (event["type"] === "ERROR") throw new ApiError(410, event["object"] as Values);
      onEvent({ type: textAt(event, "type") ?? "", object: event["object"] as Values });
    }
  }

  private async at(object: Values, request: (path: string, collection: string) => Request): Promise<Values> {
    const collection = await this.collectionOf(object);
    return this.json(request(`${collection}/${encodeURIComponent(nameOf(object))}`, collection));
  }

  private async collectionOf(object: Values): Promise<string> {
    const [apiVersion, kind] = [apiVersionOf(object), kindOf(object)];
    const place = (await this.placesOf(apiVersion)).get(kind);
    if (!place) {
      const message = `the API server knows no ${kind} of ${apiVersion}; is its CustomResourceDefinition installed?`;
      throw new ApiError(404, { message, reason: "NoMatch" });
    }
    const namespace = place.namespaced ? `/namespaces/${namespaceOf(object) || "default"}` : "";
    return `${root(apiVersion)}${namespace}/${place.plural}`;
  }

  private placesOf(apiVersion: string): Promise<ReadonlyMap<string, Place>> {
    const known = this.places.get(apiVersion);
    if (known) return known;
    const places = this.discover(apiVersion).then(
      (found) => {
        // A definition that comes later must be found later.
        if (found.size === 0) this.places.delete(apiVersion);
        return found;
      },
      (error: unknown) => {
        this.places.delete(apiVersion);
        throw error;
      },
    );
    this.places.set(apiVersion, places);
    return places;
  }

  private async discover(apiVersion: string): Promise<ReadonlyMap<string, Place>> {
    const found = await this.json({ method: "GET", path: root(apiVersion) }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const whole = listAt(found, "resources").filter((resource) => !textAt(resource, "name")?.includes("/"));
    return new Map(
      whole.map((resource) => [
        textAt(resource, "kind") ?? "",
        { plural: textAt(resource, "name") ?? "", namespaced: resource["namespaced"] === true },
      ]),
    );
  }

  private async json(request: Request): Promise<Values> {
    const response = await this.send(request);
    return JSON.parse(await textOf(response)) as Values;
  }

  /** Returns the answer, or throws an ApiError if it isn't one of success. */
  private async send(request: Request): Promise<http.IncomingMessage> {
    const response = await this.open(request);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return response;
    throw new ApiError(code, statusOf(await textOf(response)));
  }

  private open({ method, path, query = {}, body, contentType, timeout, signal }: Request) {
    const { server, token } = this.connection;
    const url = new URL(server.replace(/\/$/, "") + path);
    url.search = new URLSearchParams(query).toString();
    const { request } = url.protocol === "http:" ? http : https;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      accept: "application/json",
      // Node says nothing of the length of a DELETE's body by itself.
      ...(payload && { "content-type": contentType ?? "application/json", "content-length": payload.length }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    return new Promise<http.IncomingMessage>((resolve, reject) => {
      const options = { method, headers, agent: this.agent, timeout: timeout ?? requestTimeout, signal };
      const outgoing = request(url, options, resolve);
      outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${timeout ?? requestTimeout} ms`)));
      outgoing.on("error", (error) => {
        reject(
          new Error(`${method} ${url.origin}${url.pathname}: ${error.message || String(error)}`, { cause: error }),
        );
      });
      outgoing.end(payload);
    });
  }
}

function root(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The Status object of an error; proxies answer plain text. */
function statusOf(text: string): Values {
  try {
    return JSON.parse(text) as Values;
  } catch {
    return { message: text };
  }
}

/** What went wrong, and what can be done about it. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof ApiError) || error.code !== 409) return error.message;
  if (error.reason === "AlreadyExists") {
    return `${error.message}. The resource already exists in the cluster: import it, rename it, or set upsertExistingObjects on the provider to take it over`;
  }
  return `${error.message}. Somebody else owns these fields: leave them out, or take them over with the annotation pulumi.com/patchForce: "true" or the provider's enablePatchForce`;
}
