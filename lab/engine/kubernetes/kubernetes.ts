import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import {
  NotReady,
  type Checked,
  type Difference,
  type Log,
  type Operation,
  type Provider,
  type Resource,
  type State,
} from "../provider";
import { containsUnknown, plainObject, type Values } from "../values";
import { ApiError, explain, isNotFound, type Client } from "./client";
import { connect, diffProviders, type Cluster } from "./cluster";
import { diffObjects } from "./diff";
import { takeOver } from "./managers";
import * as object from "./object";
import { settingsOf, type Settings } from "./settings";
import { checkpoint, creator, managerOf, parseState } from "./state";
import { mustBeReady, Unready, untilGone, untilReady, type Wait } from "./waiting";

/** Creations may come a moment before their namespace or definition: that many tries, pauses doubling from one second. */
const creationTries = 5;

export class KubernetesProvider implements Provider {
  private readonly cancelled = new AbortController();
  private settings: Settings = settingsOf(new Map());
  private cluster: Cluster = { unreachable: "the provider was not configured" };
  private warned = false;

  constructor(
    readonly version: string,
    private readonly log: Log,
  ) {}

  async configure(variables: ReadonlyMap<string, string>): Promise<void> {
    this.settings = settingsOf(variables);
    this.cluster = await connect(this.settings);
  }

  diffConfig(olds: Values, news: Values): Difference {
    return diffProviders(olds, news);
  }

  async check({ type, name, urn }: Resource, news: Values, olds: Values, proposedName: string): Promise<Checked> {
    this.warnIfUnreachable(urn);
    let inputs = object.normalize(plainObject(news));
    if (object.nameOf(inputs) === "") {
      if (object.isPatchType(type)) throw new Error(`${urn}: a patch needs metadata.name, the object that it changes.`);
      const old = plainObject(olds);
      const known = object.annotationOf(old, "autonamed") === "true" ? object.nameOf(old) : "";
      inputs = autonamed(inputs, known || proposedName || `${name}-${randomBytes(4).toString("hex")}`);
    }
    if (object.namespaceOf(inputs) === "" && (await this.isNamespaced(inputs))) {
      inputs = object.withMetadata(inputs, { namespace: this.defaultNamespace() });
    }
    return { inputs: object.markSecrets(inputs, news) };
  }

  diff({ type }: Resource, state: Values, news: Values, oldInputs: Values, ignored: readonly string[]): Difference {
    const { inputs, live } = parseState(state, oldInputs);
    const difference = diffObjects(inputs, live, plainObject(news), { settings: this.settings, ignored });
    if (!object.isPatchType(type)) return difference;
    const changes = [...difference.changes].map(
      ([path, change]) =>
        [path, { ...change, replace: /^metadata\.name(space)?$/.test(path) && change.replace }] as const,
    );
    return { changes: new Map(changes) };
  }

  async create({ urn, type }: Resource, inputs: Values, { preview, timeout }: Operation): Promise<State> {
    const wanted = plainObject(inputs);
    if (preview && !(await this.canPreview(type, wanted))) return { id: "", state: inputs };
    const client = this.reachable();
    const manager = managerOf(wanted, {});
    const adopts = object.isPatchType(type) || this.settings.upsert;
    const created = await this.retryCreation(urn, preview, () =>
      adopts
        ? client.apply(wanted, this.applyQuery(wanted, manager, preview, preview))
        : client.create(wanted, writeQuery(creator, preview)),
    ).catch((error: unknown) => {
      if (preview && isPreviewable(error)) return undefined;
      throw new Error(`resource ${urn} was not successfully created by the Kubernetes API server: ${explain(error)}`);
    });
    if (!created) return { id: "", state: inputs };
    if (preview) return { id: "", state: checkpoint(inputs, without(created, "status"), manager) };
    const result = (live: Values): State => ({ id: object.idOf(live), state: checkpoint(inputs, live, manager) });
    return result(await this.ready(wanted, created, { urn, timeout, result, verb: "created" }));
  }

  async update({ urn, type }: Resource, state: Values, news: Values, operation: Operation): Promise<Values> {
    const { preview, timeout } = operation;
    const wanted = plainObject(news);
    if (preview && !(await this.canPreview(type, wanted))) return news;
    const client = this.reachable();
    const manager = managerOf(wanted, state);
    const live = await client.get(wanted).catch((error: unknown) => {
      throw new Error(
        `update of resource ${urn} failed: ${explain(error)}. If it was deleted by hand, run pulumi refresh.`,
      );
    });
    const result = (now: Values): State => ({ id: object.idOf(now), state: checkpoint(news, now, manager) });
    const updated = await this.applyUpdate(client, wanted, live, { manager, preview, type }).catch((error: unknown) => {
      if (preview && error instanceof ApiError && error.code === 403) return undefined;
      if (preview) throw error;
      throw new NotReady(`update of resource ${urn} failed: ${explain(error)}`, [explain(error)], result(live));
    });
    if (!updated) return news;
    if (preview) return checkpoint(news, updated, manager);
    return result(await this.ready(wanted, updated, { urn, timeout, result, verb: "updated" })).state;
  }

  async read({ urn, type }: Resource, id: string, state: Values, inputs: Values): Promise<State | undefined> {
    if ("unreachable" in this.cluster) return this.readUnreachable(urn, this.cluster.unreachable);
    const known = Object.keys(inputs).length > 0;
    const { client } = this.cluster;
    const { inputs: old } = parseState(state, inputs);
    const live = await client.get(known ? old : object.referenceOf(type, id)).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw new Error(`${urn} can't be read: ${explain(error)}`);
    });
    if (!live) return undefined;
    const declared = known ? object.prune(live, old) : without(object.normalize(live), "status");
    const marked = object.markSecrets(declared, inputs);
    const result = { id, inputs: marked, state: checkpoint(marked, live, managerOf(old, state)) };
    if (!known || object.annotationOf(old, "skipAwait") === "true") return result;
    await mustBeReady(live, client).catch((error: unknown) => {
      if (error instanceof Unready) throw new NotReady(error.message, [error.message, ...error.reasons], result);
      throw error;
    });
    return result;
  }

  async delete({ urn, type }: Resource, id: string, state: Values, { timeout }: Operation): Promise<void> {
    if ("unreachable" in this.cluster) {
      await this.readUnreachable(urn, this.cluster.unreachable);
      return;
    }
    const { client } = this.cluster;
    const { inputs, live } = parseState(state, {});
    const reference = object.nameOf(live) === "" ? object.referenceOf(type, id) : live;
    try {
      if (object.isPatchType(type)) {
        // To apply nothing is to give up all fields that this manager has set.
        await client.apply(object.referenceOf(type, id), writeQuery(managerOf(inputs, state), false));
        return;
      }
      await client.delete(reference, propagationOf(inputs));
    } catch (error) {
      if (isNotFound(error)) return;
      throw new Error(`${urn} can't be deleted: ${explain(error)}`, { cause: error });
    }
    if (object.annotationOf(inputs, "skipAwait") === "true") return;
    await untilGone(reference, this.wait(urn, timeout, inputs, client));
  }

  cancel(): void {
    this.cancelled.abort();
  }

  private async applyUpdate(
    client: Client,
    wanted: Values,
    live: Values,
    { manager, preview, type }: { manager: string; preview: boolean; type: string },
  ): Promise<Values> {
    const handOver = object.isPatchType(type) || preview ? undefined : takeOver(live, manager);
    if (handOver) await client.patch(live, handOver);
    // A dry run can't hand over, so it must not stop at the fields that would be.
    const force = preview && takeOver(live, manager) !== undefined;
    return client.apply(wanted, this.applyQuery(wanted, manager, preview, force));
  }

  private applyQuery(wanted: Values, manager: string, preview: boolean, force: boolean): Record<string, string> {
    const forced = force || this.settings.force || object.annotationOf(wanted, "patchForce") === "true";
    return { ...writeQuery(manager, preview), force: String(forced) };
  }

  private async ready(
    wanted: Values,
    written: Values,
    { urn, timeout, result, verb }: { urn: string; timeout: number; result: (live: Values) => State; verb: string },
  ): Promise<Values> {
    if (object.annotationOf(wanted, "skipAwait") === "true") return written;
    const client = this.reachable();
    try {
      return await untilReady(written, this.wait(urn, timeout, wanted, client));
    } catch (error) {
      if (!(error instanceof Unready)) throw error;
      const live = await client.get(written).catch(() => written);
      const message = `resource ${urn} was successfully ${verb}, but the Kubernetes API server reported that it failed to fully initialize or become live: ${error.message}`;
      throw new NotReady(message, [message, ...error.reasons], result(live));
    } finally {
      this.log.status("", urn);
    }
  }

  private wait(urn: string, timeout: number, wanted: Values, client: Client): Wait {
    const annotated = Number(object.annotationOf(wanted, "timeoutSeconds"));
    return {
      client,
      timeout: timeout || annotated || undefined,
      cancelled: this.cancelled.signal,
      report: (status) => {
        this.log.status(status, urn);
      },
    };
  }

  /** Tries again while what the object needs isn't there yet. */
  private async retryCreation(urn: string, preview: boolean, create: () => Promise<Values>): Promise<Values> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await create();
      } catch (error) {
        if (!isNotFound(error) || preview || attempt === creationTries) throw error;
        this.log.status(`Retry #${attempt}; creation failed: ${explain(error)}`, urn);
        await pause(1000 * 2 ** (attempt - 1), undefined, { signal: this.cancelled.signal });
      }
    }
  }

  private reachable(): Client {
    if ("client" in this.cluster) return this.cluster.client;
    throw new Error(`configured Kubernetes cluster is unreachable: ${this.cluster.unreachable}`);
  }

  private readUnreachable(urn: string, reason: string): Promise<undefined> {
    if (!this.settings.deleteUnreachable) {
      throw new Error(
        `configured Kubernetes cluster is unreachable: ${reason}. If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"`,
      );
    }
    this.log("info", "the cluster is unreachable and deleteUnreachable is set: removed from Pulumi's state", urn);
    return Promise.resolve(undefined);
  }

  /** Once for all: without a cluster a preview tells what the program says, and nothing of what is there. */
  private warnIfUnreachable(urn: string): void {
    if (this.warned || "client" in this.cluster) return;
    this.warned = true;
    this.log("warning", `configured Kubernetes cluster is unreachable: ${this.cluster.unreachable}`, urn);
  }

  private defaultNamespace(): string {
    return this.settings.namespace ?? ("client" in this.cluster ? this.cluster.namespace : "default");
  }

  private async isNamespaced(inputs: Values): Promise<boolean> {
    const [apiVersion, kind] = [object.apiVersionOf(inputs), object.kindOf(inputs)];
    if (object.isClusterKind(kind)) return false;
    const { client } = "client" in this.cluster ? this.cluster : {};
    return (await client?.isNamespaced(apiVersion, kind)) ?? true;
  }

  private async canPreview(type: string, wanted: Values): Promise<boolean> {
    if ("unreachable" in this.cluster || containsUnknown(wanted) || object.isPatchType(type)) return false;
    const found = await this.cluster.client.isNamespaced(object.apiVersionOf(wanted), object.kindOf(wanted));
    return found !== undefined;
  }
}

function autonamed(inputs: Values, name: string): Values {
  const annotations = { ...object.objectAt(inputs, "metadata", "annotations"), "pulumi.com/autonamed": "true" };
  return object.withMetadata(inputs, { name, annotations });
}

function writeQuery(fieldManager: string, preview: boolean): Record<string, string> {
  return { fieldManager, fieldValidation: "Strict", ...(preview && { dryRun: "All" }) };
}

function propagationOf(inputs: Values): string {
  const policy = object.annotationOf(inputs, "deletionPropagationPolicy")?.toLowerCase();
  return { orphan: "Orphan", background: "Background" }[policy ?? ""] ?? "Foreground";
}

function without(values: Values, name: string): Values {
  return Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
}

/** Errors that a preview can't avoid: the namespace comes with the same update, or the object will be replaced. */
function isPreviewable(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return [403, 404, 409].includes(error.code) || error.message.includes("field is immutable");
}
