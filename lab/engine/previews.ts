/**
 * Stand-in for the plugins of `@pulumi/aws` and `@pulumi/gcp` where there is no cloud: it answers previews, with every output
 * unknown, and refuses all else. Which inputs a cloud takes it doesn't know.
 */
import { version as aws } from "@pulumi/aws/package.json";
import { version as gcp } from "@pulumi/gcp/package.json";
import { changesOf, type Operation, type Provider, type Resource, runProvider } from "./provider";
import { plainObject, type Values } from "./values";

const versions: ReadonlyMap<string, string> = new Map(Object.entries({ aws, gcp }));

/** The refusal of everything that would need a cloud. */
const refused = (what: string): Promise<never> =>
  Promise.reject(new Error(`${what}: this stand-in of a cloud's plugin answers previews alone, and changes nothing.`));

export class PreviewingProvider implements Provider {
  constructor(readonly version: string) {}

  check(_: Resource, inputs: Values) {
    return { inputs };
  }

  diff(_: Resource, _state: Values, news: Values, olds: Values) {
    return { changes: changesOf(plainObject(olds), plainObject(news), false) };
  }

  create({ urn }: Resource, state: Values, { preview }: Operation) {
    // Outputs that a preview leaves out are unknown to the program.
    return preview ? Promise.resolve({ id: "", state }) : refused(urn);
  }

  update({ urn }: Resource, state: Values, news: Values, { preview }: Operation) {
    return preview ? Promise.resolve({ ...state, ...news }) : refused(urn);
  }

  read({ urn }: Resource) {
    return refused(urn);
  }

  delete({ urn }: Resource) {
    return refused(urn);
  }
}

if (require.main === module) {
  const name = process.argv.find((argument) => argument.startsWith("--plugin="))?.slice("--plugin=".length) ?? "";
  const version = versions.get(name);
  if (version === undefined)
    throw new Error(`--plugin is "${name}". It must be one of ${[...versions.keys()].join(", ")}`);
  runProvider(() => new PreviewingProvider(version));
}
