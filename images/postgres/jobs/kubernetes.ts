import { ApiException, CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";

/** The pod's own way to its cluster. */
export const inCluster = (): KubeConfig => {
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
};

/** One value of a ConfigMap. @default where it has none */
export const readKey = async (
  core: CoreV1Api,
  namespace: string,
  name: string,
  key: string,
): Promise<string | undefined> => (await core.readNamespacedConfigMap({ namespace, name })).data?.[key];

/** Sets one value of a ConfigMap and leaves the others alone. */
export const writeKey = async (
  core: CoreV1Api,
  namespace: string,
  name: string,
  key: string,
  value: string,
): Promise<void> => {
  await core.patchNamespacedConfigMap(
    { namespace, name, body: { data: { [key]: value } } },
    setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
  );
};

/** The API's own words, without the answer's headers. */
export const apiMessage = (error: unknown): string => {
  if (!(error instanceof ApiException)) return error instanceof Error ? error.message : String(error);
  const body: unknown = error.body;
  try {
    const { message } = (typeof body === "string" ? JSON.parse(body) : body) as { message?: string };
    return `${error.code}: ${message ?? "no message"}`;
  } catch {
    return `${error.code}: ${String(body).slice(0, 200)}`;
  }
};
