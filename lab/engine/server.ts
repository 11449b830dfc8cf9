import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";

/** Pulumi's own limit of a message, in bytes: states and configurations can be large. */
const maxMessageBytes = 400 * 1024 * 1024;
const options = {
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
};

/** What a plugin says to the person who runs pulumi. */
export interface Log {
  /** A line that stays. */
  (severity: "info" | "warning" | "error", message: string, urn?: string): void;
  /** The current state of a resource, shown beside it until the next one. */
  status(message: string, urn: string): void;
}

/** Answers a call with a promise; an `Error` becomes the call's error with the same message. */
export function unary<Request, Response>(
  handle: (request: Request) => Promise<Response> | Response,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    // The extra promise turns an exception of a handler that isn't async into a rejection as well.
    Promise.resolve(call.request)
      .then(handle)
      .then(
        (response) => {
          callback(null, response);
        },
        (error: unknown) => {
          callback(asServiceError(error));
        },
      );
  };
}

function asServiceError(error: unknown): Partial<grpc.StatusObject> {
  if (error instanceof Error) {
    const { metadata } = error as { metadata?: grpc.Metadata };
    return { code: grpc.status.UNKNOWN, details: error.message, ...(metadata && { metadata }) };
  }
  return { code: grpc.status.UNKNOWN, details: String(error) };
}

/** Starts a plugin: serves on a free port of the loopback and prints the port, as the engine expects. */
export function serve(
  service: grpc.ServiceDefinition,
  handlers: (log: Log) => grpc.UntypedServiceImplementation,
): void {
  const server = new grpc.Server(options);
  server.addService(service, handlers(connectToEngine(engineAddress())));
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    // Nothing but the port may be on the first line, and the engine reads on: print it as text, uncoloured.
    process.stdout.write(`${port}\n`);
  });
}

/** The engine gives its address as the first argument that is no flag; absent when a person starts the plugin by hand. */
export function engineAddress(): string | undefined {
  return process.argv.slice(2).find((argument) => !argument.startsWith("-"));
}

function connectToEngine(address: string | undefined): Log {
  if (address === undefined) {
    const print = (_severity: string, message: string): void => void process.stderr.write(`${message}\n`);
    return Object.assign(print, { status: () => undefined });
  }
  const engine = new EngineClient(address, grpc.credentials.createInsecure(), options);
  exitWithEngine(engine);
  const severities = { info: LogSeverity.INFO, warning: LogSeverity.WARNING, error: LogSeverity.ERROR };
  const send = (severity: LogSeverity, message: string, urn: string, ephemeral: boolean): void => {
    const request = new LogRequest().setSeverity(severity).setMessage(message).setUrn(urn).setEphemeral(ephemeral);
    // A message that doesn't arrive means that the engine is gone, which exitWithEngine sees.
    engine.log(request, () => undefined);
  };
  const log = (severity: keyof typeof severities, message: string, urn = ""): void => {
    send(severities[severity], message, urn, false);
  };
  return Object.assign(log, {
    status: (message: string, urn: string): void => {
      send(LogSeverity.INFO, message, urn, true);
    },
  });
}

/** A plugin must not outlive its engine: `kill -9` of pulumi gives it no chance to stop its plugins. */
function exitWithEngine(engine: EngineClient): void {
  const channel = engine.getChannel();
  const { READY } = grpc.connectivityState;
  let connected = false;
  const watch = (): void => {
    const state = channel.getConnectivityState(true);
    if (connected && state !== READY) process.exit(1);
    connected ||= state === READY;
    channel.watchConnectivityState(state, Infinity, watch);
  };
  watch();
}
