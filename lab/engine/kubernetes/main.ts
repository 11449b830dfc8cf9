/**
 * Stand-in for the plugin of `@pulumi/kubernetes`, for machines where the official one can't be had: server-side
 * apply of any kind of object on a real API server. Helm, Kustomize, YAML rendering, client-side apply and
 * `pulumi.com/waitFor` are not there and say so.
 */
import { version } from "@pulumi/kubernetes/package.json";
import { runProvider } from "../provider";
import { KubernetesProvider } from "./kubernetes";

runProvider((log) => new KubernetesProvider(version, log));
