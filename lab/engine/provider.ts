import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/provider_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { serve, unary, type Log } from "./server";
import { fromStruct, toStruct, type Values } from "./values";

export type { Log } from "./server";

/** What one call is about. */
export interface Resource {
  readonly urn: string;
  /** Type token, for example `kubernetes:core/v1:ConfigMap`. */
  readonly type: string;
  /** The name in the program. */
  readonly name: string;
}

export interface Checked {
  readonly inputs: Values;
  readonly failures?: readonly { readonly property: string; readonly reason: string }[];
}

/** How one property changes, keyed by its path in a `Difference`. */
export interface Change {
  readonly kind: "add" | "update" | "delete";
  readonly replace: boolean;
}

export interface Difference {
  readonly changes: ReadonlyMap<string, Change>;
  /** The old object must go first, because the new one takes its name. */
  readonly deleteBeforeReplace?: boolean;
}

export interface Operation {
  readonly preview: boolean;
  /** `customTimeouts` of the resource, in seconds; 0 when none is set. */
  readonly timeout: number;
}

export interface State {
  readonly id: string;
  readonly state: Values;
  readonly inputs?: Values;
}

/** What a plugin must do; wire formats and the server are the business of `runProvider`. */
export interface Provider {
  readonly version: string;
  checkConfig?(inputs: Values): Checked;
  diffConfig?(olds: Values, news: Values): Difference;
  /** @param variables the provider's configuration, keyed `<package>:config:<name>` */
  configure?(variables: ReadonlyMap<string, string>): Promise<void>;
  check(resource: Resource, news: Values, olds: Values, proposedName: string): Promise<Checked> | Checked;
  diff(
    resource: Resource,
    state: Values,
    news: Values,
    oldInputs: Values,
    ignoreChanges: readonly string[],
  ): Difference;
  create(resource: Resource, inputs: Values, operation: Operation): Promise<State>;
  update(resource: Resource, state: Values, news: Values, operation: Operation, id: string): Promise<Values>;
  /** Returns nothing when the object is gone. */
  read(resource: Resource, id: string, state: Values, inputs: Values): Promise<State | undefined>;
  delete(resource: Resource, id: string, state: Values, operation: Operation): Promise<void>;
  cancel?(): void;
}

/** The object exists but isn't as it should be: the engine keeps its state, and the next update tries again. */
export class NotReady extends Error {
  readonly metadata = new grpc.Metadata();

  constructor(message: string, reasons: readonly string[], { id, state, inputs }: State) {
    super(message);
    const detail = new proto.ErrorResourceInitFailed().setId(id).setProperties(toStruct(state));
    detail.setReasonsList([...reasons]).setInputs(inputs && toStruct(inputs));
    const packed = new Any();
    packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const status = new Status().setCode(grpc.status.UNKNOWN).setMessage(message);
    status.addDetails(packed);
    // gRPC's place for structured errors, which Go's clients know: https://pkg.go.dev/google.golang.org/grpc/status
    this.metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  }
}

interface Addressed {
  getUrn(): string;
}

/** The type and name in a URN `urn:pulumi:<stack>::<project>::<parent types>$<type>::<name>`. */
function resourceOf(request: Addressed): Resource {
  const urn = request.getUrn();
  const [, , types = "", ...name] = urn.split("::");
  return { urn, type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

function checkResponse({ inputs, failures = [] }: Checked): proto.CheckResponse {
  const response = new proto.CheckResponse().setInputs(toStruct(inputs));
  return response.setFailuresList(
    failures.map(({ property, reason }) => new proto.CheckFailure().setProperty(property).setReason(reason)),
  );
}

const { Kind } = proto.PropertyDiff;
const kinds = {
  add: { change: Kind.ADD, replace: Kind.ADD_REPLACE },
  update: { change: Kind.UPDATE, replace: Kind.UPDATE_REPLACE },
  delete: { change: Kind.DELETE, replace: Kind.DELETE_REPLACE },
};

function diffResponse({ changes, deleteBeforeReplace = false }: Difference): proto.DiffResponse {
  const { DIFF_NONE, DIFF_SOME } = proto.DiffResponse.DiffChanges;
  const response = new proto.DiffResponse().setChanges(changes.size > 0 ? DIFF_SOME : DIFF_NONE);
  for (const [path, { kind, replace }] of changes) {
    const diff = new proto.PropertyDiff().setKind(kinds[kind][replace ? "replace" : "change"]);
    response.getDetaileddiffMap().set(path, diff.setInputdiff(kind === "delete"));
    if (replace) response.addReplaces(path);
  }
  return response.setHasdetaileddiff(true).setDeletebeforereplace(deleteBeforeReplace);
}

function configured(): proto.ConfigureResponse {
  const response = new proto.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
  return response.setSupportsAutonamingConfiguration(true);
}

/** Every property that differs, none of which asks for a replacement. */
export function changesOf(olds: Values, news: Values, replace: boolean): Map<string, Change> {
  const keys = [...new Set([...Object.keys(olds), ...Object.keys(news)])];
  const changed = keys.filter((key) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]));
  return new Map(
    changed.map((key) => [key, { kind: !(key in olds) ? "add" : !(key in news) ? "delete" : "update", replace }]),
  );
}

function handlersOf(provider: Provider): grpc.UntypedServiceImplementation {
  return {
    getPluginInfo: unary(() => new PluginInfo().setVersion(provider.version)),
    attach: unary(() => new Empty()),
    checkConfig: unary((request: proto.CheckRequest) => {
      const inputs = fromStruct(request.getNews());
      return checkResponse(provider.checkConfig?.(inputs) ?? { inputs });
    }),
    diffConfig: unary((request: proto.DiffRequest) => {
      const [olds, news] = [fromStruct(request.getOlds()), fromStruct(request.getNews())];
      return diffResponse(provider.diffConfig?.(olds, news) ?? { changes: changesOf(olds, news, false) });
    }),
    configure: unary(async (request: proto.ConfigureRequest) => {
      await provider.configure?.(new Map(request.getVariablesMap().entries()));
      return configured();
    }),
    cancel: unary(() => {
      provider.cancel?.();
      return new Empty();
    }),
    ...resourceHandlersOf(provider),
  };
}

function resourceHandlersOf(provider: Provider): grpc.UntypedServiceImplementation {
  return {
    check: unary(async (request: proto.CheckRequest) => {
      const { DISABLE } = proto.CheckRequest.AutonamingOptions.Mode;
      const autonaming = request.getAutonaming();
      const proposed = autonaming?.getMode() === DISABLE ? "" : autonaming?.getProposedName();
      const [news, olds] = [fromStruct(request.getNews()), fromStruct(request.getOlds())];
      return checkResponse(await provider.check(resourceOf(request), news, olds, proposed ?? ""));
    }),
    diff: unary((request: proto.DiffRequest) => {
      const [state, news] = [fromStruct(request.getOlds()), fromStruct(request.getNews())];
      const inputs = fromStruct(request.getOldInputs());
      return diffResponse(provider.diff(resourceOf(request), state, news, inputs, request.getIgnorechangesList()));
    }),
    create: unary(async (request: proto.CreateRequest) => {
      const operation = { preview: request.getPreview(), timeout: request.getTimeout() };
      const { id, state } = await provider.create(resourceOf(request), fromStruct(request.getProperties()), operation);
      return new proto.CreateResponse().setId(id).setProperties(toStruct(state));
    }),
    update: unary(async (request: proto.UpdateRequest) => {
      const operation = { preview: request.getPreview(), timeout: request.getTimeout() };
      const [state, news] = [fromStruct(request.getOlds()), fromStruct(request.getNews())];
      const updated = await provider.update(resourceOf(request), state, news, operation, request.getId());
      return new proto.UpdateResponse().setProperties(toStruct(updated));
    }),
    read: unary(async (request: proto.ReadRequest) => {
      const [state, inputs] = [fromStruct(request.getProperties()), fromStruct(request.getInputs())];
      const found = await provider.read(resourceOf(request), request.getId(), state, inputs);
      if (!found) return new proto.ReadResponse();
      const response = new proto.ReadResponse().setId(found.id).setProperties(toStruct(found.state));
      return response.setInputs(found.inputs && toStruct(found.inputs));
    }),
    delete: unary(async (request: proto.DeleteRequest) => {
      const operation = { preview: false, timeout: request.getTimeout() };
      await provider.delete(resourceOf(request), request.getId(), fromStruct(request.getProperties()), operation);
      return new Empty();
    }),
  };
}

/** Serves a provider to the engine that started this process. Calls it doesn't know are answered as unimplemented. */
export function runProvider(create: (log: Log) => Provider): void {
  serve(ResourceProviderService, (log) => handlersOf(create(log)));
}
