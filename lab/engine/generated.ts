import {
  changesOf,
  type Checked,
  type Difference,
  type Operation,
  type Provider,
  type Resource,
  type State,
} from "./provider";
import { containsUnknown, isSecret, plainObject, secret, unknown, type Values } from "./values";

/** A resource that is computed once and lives in Pulumi's state alone: a password, a key, a certificate. */
export interface Generated {
  /** Values of the inputs that the program leaves out. */
  readonly defaults?: Values;
  readonly required: readonly string[];
  /** The outputs that are secret, whatever the inputs. */
  readonly secretOutputs: readonly string[];
  /** All outputs that `generate` gives. */
  readonly outputs: readonly string[];
  /** Whether what is in the state must be generated anew although nobody changed its inputs. */
  readonly isDue?: (state: Values) => boolean;
  /** Returns the id and the outputs. Throws an `Error` that tells what is wrong with the inputs. */
  readonly generate: (inputs: Values) => Promise<Generation> | Generation;
}

export interface Generation {
  readonly id: string;
  readonly outputs: Values;
}

/** A provider of generated resources: any change of the inputs generates anew. */
export class GeneratingProvider implements Provider {
  constructor(
    private readonly name: string,
    readonly version: string,
    private readonly types: ReadonlyMap<string, Generated>,
  ) {}

  check({ type }: Resource, news: Values): Checked {
    const { defaults = {}, required } = this.generatedOf(type);
    const given = Object.entries(news).filter(([, value]) => value !== null);
    const inputs = { ...defaults, ...Object.fromEntries(given) };
    const failures = required
      .filter((property) => !(property in inputs))
      .map((property) => ({ property, reason: `Missing required property '${property}'` }));
    return { inputs, failures };
  }

  diff({ type }: Resource, state: Values, news: Values, oldInputs: Values, ignore: readonly string[]): Difference {
    const { outputs, isDue } = this.generatedOf(type);
    // Engines that don't send the old inputs: they are in the state, beside the outputs.
    const olds = Object.keys(oldInputs).length > 0 ? oldInputs : without(state, outputs);
    const changes = changesOf(without(plainObject(olds), ignore), without(plainObject(news), ignore), true);
    if (isDue?.(plainObject(state))) changes.set("readyForRenewal", { kind: "update", replace: true });
    return { changes };
  }

  async create({ type }: Resource, inputs: Values, { preview }: Operation): Promise<State> {
    const generated = this.generatedOf(type);
    if (preview || containsUnknown(inputs)) {
      const unknowns = Object.fromEntries(generated.outputs.map((name) => [name, unknown]));
      return { id: "", state: { ...inputs, ...hide(unknowns, generated.secretOutputs) } };
    }
    const { id, outputs } = await generated.generate(plainObject(inputs));
    return { id, state: { ...inputs, ...hide(outputs, generated.secretOutputs) } };
  }

  update({ urn }: Resource): Promise<Values> {
    return Promise.reject(new Error(`${urn} can't be updated: every change of it is a replacement.`));
  }

  read({ urn }: Resource, id: string, state: Values, inputs: Values): Promise<State> {
    if (Object.keys(state).length > 0) return Promise.resolve({ id, state, inputs });
    return Promise.reject(new Error(`${urn} can't be imported: this stand-in of "${this.name}" does not support it.`));
  }

  delete(): Promise<void> {
    return Promise.resolve();
  }

  private generatedOf(type: string): Generated {
    const generated = this.types.get(type);
    if (generated) return generated;
    throw new Error(
      `Unknown resource type ${type}: this stand-in of the "${this.name}" plugin knows ${[...this.types.keys()].join(", ")}.`,
    );
  }
}

function without(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}

function hide(outputs: Values, names: readonly string[]): Values {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [
      name,
      names.includes(name) && !isSecret(value) ? secret(value) : value,
    ]),
  );
}
