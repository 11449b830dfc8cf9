import { changesOf, type Difference } from "../provider";
import { equal, type Values } from "../values";
import { Client } from "./client";
import { activeCluster, connectionOf, readKubeconfig } from "./kubeconfig";
import { textAt } from "./object";
import type { Settings } from "./settings";

/** The API server, or why it can't be reached. */
export type Cluster = { readonly client: Client; readonly namespace: string } | { readonly unreachable: string };

export async function connect(settings: Settings): Promise<Cluster> {
  try {
    const connection = connectionOf(readKubeconfig(settings.kubeconfig), settings.selection);
    const client = new Client(connection);
    await client.ping();
    return { client, namespace: connection.namespace };
  } catch (error) {
    return { unreachable: error instanceof Error ? error.message : String(error) };
  }
}

/** Another cluster means other objects, so a provider that points to another one is replaced, and all its objects. */
export function diffProviders(olds: Values, news: Values): Difference {
  const changes = changesOf(olds, news, false);
  const [oldIdentifier, identifier] = [olds["clusterIdentifier"], news["clusterIdentifier"]];
  const deciding =
    identifier && oldIdentifier
      ? ["clusterIdentifier"].filter(() => identifier !== oldIdentifier)
      : ["kubeconfig", "context", "cluster"].filter(() => !equal(clusterOf(olds), clusterOf(news)));
  return {
    changes: new Map([...changes].map(([name, change]) => [name, { ...change, replace: deciding.includes(name) }])),
  };
}

function clusterOf(inputs: Values): Values | undefined {
  const text = (name: string): string | undefined => textAt(inputs, name);
  try {
    return activeCluster(readKubeconfig(text("kubeconfig") ?? ""), {
      context: text("context"),
      cluster: text("cluster"),
    });
  } catch {
    // Nothing is known of a cluster whose configuration can't be read; that isn't a reason to replace everything.
    return undefined;
  }
}
