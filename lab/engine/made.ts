import type { Generation } from "./generated";
import {
  changesOf,
  type Checked,
  type Difference,
  type Operation,
  type Provider,
  type Resource,
  type State,
} from "./provider";
import { containsUnknown, plainObject, unknown, type Values } from "./values";

/** A type of resource that the lab makes real, outside of Pulumi's state. */
export interface Made {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Inputs whose change needs another object. */
  readonly identity: readonly string[];
  /** All outputs that `put` gives. */
  readonly outputs: readonly string[];
  /** Makes the object, or changes the one with this id. Throws an `Error` that tells what is wrong with the inputs. */
  readonly put: (inputs: Values, id?: string) => Promise<Generation>;
  readonly exists: (id: string, state: Values) => Promise<boolean>;
  readonly remove: (id: string, state: Values) => Promise<void>;
}

/** A provider of types that are made real; of no other type, and of no input that it would only seem to know. */
export class MakingProvider implements Provider {
  constructor(
    private readonly name: string,
    readonly version: string,
    private readonly types: ReadonlyMap<string, Made>,
  ) {}

  check({ type }: Resource, news: Values): Checked {
    const { required, optional } = this.madeOf(type);
    const inputs = Object.fromEntries(Object.entries(news).filter(([, value]) => value !== null));
    const missing = required.filter((property) => !(property in inputs));
    const foreign = Object.keys(inputs).filter((property) => ![...required, ...optional].includes(property));
    const failures = [
      ...missing.map((property) => ({ property, reason: `Missing required property '${property}'` })),
      ...foreign.map((property) => ({ property, reason: `The lab's stand-in of "${this.name}" doesn't know it` })),
    ];
    return { inputs, failures };
  }

  diff({ type }: Resource, _state: Values, news: Values, olds: Values, ignored: readonly string[]): Difference {
    const { identity } = this.madeOf(type);
    const changes = changesOf(plainObject(olds), plainObject(news), false);
    return {
      changes: new Map(
        [...changes]
          .filter(([property]) => !ignored.includes(property))
          .map(([property, change]) => [property, { ...change, replace: identity.includes(property) }]),
      ),
    };
  }

  async create({ type }: Resource, inputs: Values, { preview }: Operation): Promise<State> {
    const made = this.madeOf(type);
    if (preview || containsUnknown(inputs)) {
      return { id: "", state: { ...inputs, ...Object.fromEntries(made.outputs.map((name) => [name, unknown])) } };
    }
    const { id, outputs } = await made.put(plainObject(inputs));
    return { id, state: { ...inputs, ...outputs } };
  }

  async update({ type }: Resource, state: Values, news: Values, { preview }: Operation, id: string): Promise<Values> {
    if (preview || containsUnknown(news)) return { ...state, ...news };
    const made = this.madeOf(type);
    const kept = Object.entries(state).filter(([name]) => made.outputs.includes(name));
    const { outputs } = await made.put(plainObject(news), id);
    return { ...Object.fromEntries(kept), ...news, ...outputs };
  }

  async read({ type, urn }: Resource, id: string, state: Values, inputs: Values): Promise<State | undefined> {
    if (Object.keys(state).length === 0) {
      throw new Error(`${urn} can't be imported: this stand-in of "${this.name}" does not support it.`);
    }
    return (await this.madeOf(type).exists(id, plainObject(state))) ? { id, state, inputs } : undefined;
  }

  delete({ type }: Resource, id: string, state: Values): Promise<void> {
    return this.madeOf(type).remove(id, plainObject(state));
  }

  private madeOf(type: string): Made {
    const made = this.types.get(type);
    if (made) return made;
    throw new Error(
      `Unknown resource type ${type}: this stand-in of the "${this.name}" plugin knows ${[...this.types.keys()].join(", ")}.`,
    );
  }
}
