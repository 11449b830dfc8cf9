import Module from "node:module";

/**
 * Packages that Pulumi's SDK loads at its start and needs only to serialize functions, for dynamic providers and the like, of
 * which this program has none. Loading them takes longer than all else that a preview loads; now the first use does it.
 */
const deferred = ["typescript", "@npmcli/arborist"];

type Load = (this: unknown, request: string, ...rest: unknown[]) => object;

const loader = Module as unknown as { _load: Load };
const load = loader._load;
loader._load = function (request, ...rest) {
  const loadNow = () => load.call(this, request, ...rest);
  if (!deferred.includes(request)) return loadNow();
  // `__esModule` makes compiled imports use the object as it is, instead of copying what it holds.
  return new Proxy({}, { get: (_, key) => key === "__esModule" || (Reflect.get(loadNow(), key) as unknown) });
};
