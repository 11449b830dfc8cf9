import { homedir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(__dirname, "..");
const lab = join(root, ".lab");

/** Where the lab keeps its things. All but `cache` lies in `.lab`, which git ignores and `lab down` removes. */
export const paths = {
  /** The checkout. */
  root,
  lab,
  /** Launchers and tools that the lab puts first on PATH. */
  bin: join(lab, "bin"),
  /** The stand-ins of Pulumi's programs, each in one file. */
  engine: join(lab, "engine"),
  /** Output of every command that the lab ran, one file per step. */
  logs: join(lab, "logs"),
  /** Reports of the demo and the benchmark. */
  reports: join(lab, "reports"),
  /** Contexts `primary` and `secondary`. */
  kubeconfig: join(lab, "kubeconfig"),
  /** Passwords of this lab. */
  secrets: join(lab, "secrets.json"),
  /** The lab's certificate authority and the stores' certificates. */
  certificates: join(lab, "certificates"),
  /** One folder per store, with one folder per bucket in it. */
  stores: join(lab, "stores"),
  /** One folder per region: its kind configuration and its container store. */
  regions: join(lab, "regions"),
  /** Podman's configuration and storage. */
  containers: join(lab, "containers"),
  /** Pulumi project folder of the lab: the product's program with the lab's stack configuration. */
  pulumiProject: join(lab, "pulumi"),
  /** Pulumi's state (file backend). */
  pulumiState: join(lab, "state"),
  pulumiHome: join(lab, "pulumi-home"),
  /** Built artifacts, shared by all checkouts on this machine. */
  cache:
    process.env["MARIMO_DR_CACHE"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "marimo-dr"),
} as const;
