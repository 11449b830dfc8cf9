import { all, type Input, type Output } from "@pulumi/pulumi";

export interface ExecKubeconfigArgs {
  /** The cluster's, and the context's. */
  readonly name: string;
  /** URL of the API. */
  readonly server: Input<string>;
  /** Certificates that it shows, PEM in base64. @default the public ones */
  readonly authority?: Input<string>;
  /** The cloud's own tool, which gives a token to whoever is logged in there. */
  readonly command: readonly [string, ...string[]];
  readonly installHint?: string;
  /** What must be there before anybody is let in. */
  readonly after?: readonly Input<string>[];
}

/** A kubeconfig without any secret: whoever uses it is who their cloud's tool says they are. */
export const execKubeconfig = (args: ExecKubeconfigArgs): Output<string> =>
  all([args.server, args.authority, ...(args.after ?? [])]).apply(([server, authority]) => {
    const { name, installHint } = args;
    const [command, ...rest] = args.command;
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster: { server, ...(authority && { "certificate-authority-data": authority }) } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
      users: [
        {
          name,
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1beta1",
              command,
              ...(rest.length > 0 && { args: rest }),
              interactiveMode: "IfAvailable",
              provideClusterInfo: true,
              ...(installHint && { installHint }),
            },
          },
        },
      ],
    });
  });
