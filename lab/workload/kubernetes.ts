import { type Configuration, createConfiguration, KubeConfig, ServerConfiguration } from "@kubernetes/client-node";

/**
 * Longest time for a request. A region that is destroyed answers nothing and refuses nothing, and the client by itself
 * would wait for minutes.
 */
const TIMEOUT_MS = 10_000;

/**
 * How to talk to a region's API server, for the constructors of `@kubernetes/client-node`.
 *
 * @throws Error when the kubeconfig has no such context, as while the region is not there
 */
export function regionApi(kubeconfig: string, context: string): Configuration {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`${kubeconfig} has no context ${context}: there is no such region now`);
  return createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: (request) => {
          request.setSignal(AbortSignal.timeout(TIMEOUT_MS));
          return Promise.resolve(request);
        },
        post: (response) => Promise.resolve(response),
      },
    ],
  });
}
