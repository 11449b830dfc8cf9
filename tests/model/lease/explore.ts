/** What the explorer needs to know of a system: https://en.wikipedia.org/wiki/Model_checking, breadth first. */
export interface System<S> {
  readonly initial: S;
  /** The same for states that differ in nothing that matters. */
  key(state: S): string;
  next(state: S): Iterable<readonly [label: string, state: S]>;
  /** What is wrong with a state, if anything. */
  fault(state: S): string | undefined;
}

export interface Result {
  readonly states: number;
  /** Whether all reachable states were visited. */
  readonly complete: boolean;
  readonly fault?: { readonly message: string; readonly trace: readonly string[] };
}

/** Visits each reachable state once, nearest first, so that the trace to a fault is a shortest one. */
export const explore = <S>(system: System<S>, limit: number): Result => {
  const known = new Set([system.key(system.initial)]);
  // Labels and parents of all states in the order of their discovery; the states themselves only while they wait.
  const labels = [""];
  const parents = [-1];
  let frontier: [number, S][] = [[0, system.initial]];

  const traceTo = (index: number): string[] => {
    const trace: string[] = [];
    for (let at = index; at > 0; at = parents[at] ?? 0) trace.unshift(labels[at] ?? "");
    return trace;
  };

  while (frontier.length > 0) {
    const discovered: [number, S][] = [];
    for (const [index, state] of frontier) {
      const message = system.fault(state);
      if (message !== undefined) {
        return { states: known.size, complete: false, fault: { message, trace: traceTo(index) } };
      }
      for (const [label, following] of system.next(state)) {
        const key = system.key(following);
        if (known.has(key)) continue;
        if (known.size >= limit) return { states: known.size, complete: false };
        known.add(key);
        discovered.push([labels.length, following]);
        labels.push(label);
        parents.push(index);
      }
    }
    frontier = discovered;
  }
  return { states: known.size, complete: true };
};
