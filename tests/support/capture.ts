import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";
import { getMonitor } from "@pulumi/pulumi/runtime/settings";

/** Options that decide what becomes of a resource, as the engine gets them; those that are off are left out. */
export interface CapturedOptions {
  readonly protect?: true;
  readonly retainOnDelete?: true;
  /** ID of what is adopted. */
  readonly import?: string;
  readonly ignoreChanges?: string[];
  readonly deleteBeforeReplace?: true;
}

/** A resource as the program declared it. */
export interface Captured {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  readonly options?: CapturedOptions;
}

/**
 * Runs a piece of the program against Pulumi's mocks and returns all that it declared, in a stable order.
 * What it doesn't prove: that an API server or a plugin accepts the inputs; the lab tests do.
 */
export const capture = async (declare: () => unknown): Promise<Captured[]> => {
  const captured: Captured[] = [];
  const options = new Map<string, CapturedOptions>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        captured.push({ type, name, inputs: showSecrets(inputs) as Record<string, unknown> });
        return { id: `${name}-id`, state: { ...(inputs as object), ...computed(type, name) } };
      },
      call: ({ token }) => {
        throw new Error(`the program called ${token}, and a region must not depend on anything it looks up`);
      },
    },
    "marimo-dr",
    "test",
    false,
  );
  noteOptions(options);
  await pulumi.runtime.runInPulumiStack(async () => {
    await declare();
    return {};
  });
  // Resources are registered behind the program's back; the last of them may come after its end.
  await pulumi.runtime.disconnect();
  assertUnique(captured);
  return captured
    .map((one) => {
      const its = options.get(`${one.type}::${one.name}`);
      return its ? { ...one, options: its } : one;
    })
    .sort((a, b) => (`${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1));
};

/** Mocks are not told a resource's options, so they are read where the request passes. */
const noteOptions = (options: Map<string, CapturedOptions>) => {
  const monitor = getMonitor() as unknown as {
    registerResource: (request: RegisterResourceRequest, callback: unknown) => unknown;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const ignored = request.getIgnorechangesList();
    const its: CapturedOptions = {
      ...(request.getProtect() === true && { protect: true }),
      ...(request.getRetainondelete() === true && { retainOnDelete: true }),
      ...(request.getImportid() !== "" && { import: request.getImportid() }),
      ...(ignored.length > 0 && { ignoreChanges: ignored }),
      ...(request.getDeletebeforereplace() && { deleteBeforeReplace: true }),
    };
    if (Object.keys(its).length > 0) options.set(`${request.getType()}::${request.getName()}`, its);
    return register(request, callback);
  };
};

/** Pulumi marks a secret on the wire with this key; a reader of a golden file had better see the word. */
const secretMark = "4dabf18193072939515e22adb298388d";

const showSecrets = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(showSecrets);
  if (typeof value !== "object" || value === null) return value;
  if (secretMark in value && "value" in value) return { "(secret)": showSecrets(value.value) };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, showSecrets(inner)]));
};

/** What the plugins compute; recognisable, so that a test sees where it ends up. */
const computed = (type: string, name: string): Record<string, unknown> => {
  switch (type) {
    case "random:index/randomPassword:RandomPassword":
      return { result: `<password ${name}>` };
    case "tls:index/privateKey:PrivateKey":
      return { privateKeyPem: `<key ${name}>` };
    case "tls:index/certRequest:CertRequest":
      return { certRequestPem: `<request ${name}>` };
    case "tls:index/selfSignedCert:SelfSignedCert":
    case "tls:index/locallySignedCert:LocallySignedCert":
      return { certPem: `<certificate ${name}>` };
    case "aws:kms/key:Key":
      return { arn: `<ARN ${name}>`, keyId: `<ID ${name}>` };
    case "aws:eks/cluster:Cluster":
      return { endpoint: `https://${name}.example`, certificateAuthority: { data: `<authority ${name}>` } };
    case "gcp:container/cluster:Cluster":
      return { controlPlaneEndpointsConfig: { dnsEndpointConfig: { endpoint: `${name}.example` } } };
    case "gcp:serviceaccount/account:Account":
      return { name: `<account ${name}>`, email: `<e-mail ${name}>`, member: `<member ${name}>` };
    case "gcp:projects/iAMCustomRole:IAMCustomRole":
      return { name: `<role ${name}>` };
    default:
      return type.startsWith("aws:") ? { arn: `<ARN ${name}>` } : {};
  }
};

/** Mocks accept two resources of one name, the engine doesn't. */
const assertUnique = (captured: Captured[]) => {
  const seen = new Set<string>();
  for (const { type, name } of captured) {
    const urn = `${type}::${name}`;
    if (seen.has(urn)) throw new Error(`declared twice: ${urn}`);
    seen.add(urn);
  }
};
