/** A plan as `pulumi preview --json` prints it, as far as a review reads it. */

type Inputs = Readonly<Record<string, unknown>>;

interface State {
  readonly type?: string;
  readonly inputs?: Inputs;
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
}

/** What becomes of one resource. */
export interface Change {
  readonly op: string;
  readonly type: string;
  readonly name: string;
  /** @default it is new */
  readonly before: State | undefined;
  /** @default it goes */
  readonly after: State | undefined;
}

/** What a plan changes, without what stays as it is. */
export interface Plan {
  readonly stack: string;
  readonly changes: readonly Change[];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/**
 * Reads a plan.
 * @throws SyntaxError when the text is no such plan
 */
export const readPlan = (text: string): Plan => {
  const help = "It must be what `pulumi preview --json` prints: pulumi preview --json > plan.json";
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`the plan is not JSON. ${help}`, { cause: error });
  }
  if (!isObject(plan) || !Array.isArray(plan["steps"])) throw new SyntaxError(`the plan has no steps. ${help}`);
  let stack = "";
  const changes = plan["steps"].flatMap((step: unknown): Change[] => {
    if (!isObject(step) || typeof step["op"] !== "string" || typeof step["urn"] !== "string") {
      throw new SyntaxError(`a step of the plan has no op and urn: ${JSON.stringify(step)}. ${help}`);
    }
    const { op, urn, oldState, newState } = step as { op: string; urn: string; oldState?: State; newState?: State };
    stack ||= /^urn:pulumi:([^:]+)::/.exec(urn)?.[1] ?? "";
    // A replacement comes as three steps; this one has both sides of it.
    if (["same", "create-replacement", "delete-replaced", "read", "refresh"].includes(op)) return [];
    const [, , types = "", name = ""] = urn.split("::");
    return [{ op, type: types.split("$").at(-1) ?? "", name, before: oldState, after: newState }];
  });
  return { stack, changes };
};

/** What lies at a path in a resource's inputs. */
export const inputAt = (state: State | undefined, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), state?.inputs);
