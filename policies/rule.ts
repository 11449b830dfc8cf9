/** A resource as a rule sees it. */
export interface Resource {
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, unknown>>;
  /** Whether Pulumi refuses to delete or replace it. */
  readonly protect: boolean;
}

/** The stacks' files of this repository: configuration by key, by stack. A secret is an object with the key `secure`. */
export type StackFiles = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface Named {
  /** What an exception names. */
  readonly name: string;
  /** What holds where the rule is kept. */
  readonly promise: string;
}

/** A rule for each resource of its own. */
export interface ResourceRule extends Named {
  readonly kind: "resource";
  /** What is wrong, what follows from it, and what to do; nothing where all is well. */
  readonly check: (resource: Resource) => string | undefined;
}

/** A rule for all resources of a stack together. */
export interface StackRule extends Named {
  readonly kind: "stack";
  readonly check: (resources: readonly Resource[]) => string[];
}

/** A rule for the stacks' files, whichever stack is run. */
export interface FilesRule extends Named {
  readonly kind: "files";
  readonly check: (files: StackFiles) => string[];
}

export type Rule = ResourceRule | StackRule | FilesRule;

/** What lies at a path, in a value of unknown shape. */
export const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** A value as a message shows it. */
export const shown = (value: unknown): string =>
  value === undefined || value === "" ? "not set" : typeof value === "string" ? `"${value}"` : JSON.stringify(value);
