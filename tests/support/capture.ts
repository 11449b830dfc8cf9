import * as pulumi from "@pulumi/pulumi";

/** A resource as the program declared it. */
export interface Captured {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/**
 * Runs a piece of the program against Pulumi's mocks and returns all that it declared, in a stable order.
 * What it doesn't prove: that an API server or a plugin accepts the inputs; the lab tests do.
 */
export const capture = async (declare: () => unknown): Promise<Captured[]> => {
  const captured: Captured[] = [];
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
  await pulumi.runtime.runInPulumiStack(async () => {
    declare();
    return Promise.resolve({});
  });
  // Resources are registered behind the program's back; the last of them may come after its end.
  await pulumi.runtime.disconnect();
  assertUnique(captured);
  return captured.sort((a, b) => (`${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1));
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
const computed = (type: string, name: string): Record<string, string> => {
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
    default:
      return {};
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
