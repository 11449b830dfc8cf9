import { chmodSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { labEnvironment } from "./environment";
import { paths } from "./paths";
import { run, succeeds } from "./process";
import { contentKey, type Step } from "./step";

/** Programs that are built from one Go module, `lab/go/<module>`. */
interface GoTool {
  module: string;
  title: string;
  expectedSeconds: number;
  /** Package path of each program, by the name it gets. */
  programs: Record<string, string>;
  /** `-X` settings that a plain build leaves empty: the versions that the programs report. */
  stamps?: Record<string, string>;
}

export const kubernetesVersion = "v1.34.3";
export const pulumiVersion = "3.259.0";

/** The toolchain that the modules under `lab/go` ask for. */
const goVersion = "1.26.8";

const kubernetes = (program: string): string => `k8s.io/kubernetes/cmd/${program}`;

export const goTools = {
  kubernetes: {
    module: "kubernetes",
    title: `Kubernetes ${kubernetesVersion} from source`,
    expectedSeconds: 360,
    programs: Object.fromEntries(
      [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
        "kubelet",
        "kubeadm",
        "kubectl",
      ].map((program) => [program, kubernetes(program)]),
    ),
    // Without it the API server reports v0.0.0, which kubeadm refuses.
    stamps: { "k8s.io/component-base/version.gitVersion": kubernetesVersion },
  },
  pulumi: {
    module: "pulumi",
    title: `Pulumi CLI ${pulumiVersion} from source`,
    expectedSeconds: 240,
    programs: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
    stamps: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": pulumiVersion },
  },
  kind: {
    module: "kind",
    title: "kind from source",
    expectedSeconds: 15,
    programs: { kind: "sigs.k8s.io/kind" },
  },
  etcd: {
    module: "etcd",
    title: "etcd from source",
    expectedSeconds: 35,
    programs: { etcd: "go.etcd.io/etcd/server/v3" },
  },
  coredns: {
    module: "coredns",
    title: "CoreDNS from source",
    expectedSeconds: 80,
    programs: { coredns: "github.com/coredns/coredns" },
  },
  localPath: {
    module: "local-path-provisioner",
    title: "local-path-provisioner from source",
    expectedSeconds: 80,
    programs: { "local-path-provisioner": "github.com/rancher/local-path-provisioner" },
  },
  stores: {
    module: "stores",
    title: "S3 and GCS servers from source",
    expectedSeconds: 60,
    programs: { versitygw: "github.com/versity/versitygw/cmd/versitygw", gcs: "./gcs" },
  },
} satisfies Record<string, GoTool>;

const goCache = join(paths.cache, "go");

/** Go's own caches lie in the lab's cache, so that `lab down --cache` removes them and touches no other project's. */
export function goEnvironment(): NodeJS.ProcessEnv {
  return {
    ...labEnvironment(),
    CGO_ENABLED: "0",
    GOFLAGS: "-buildvcs=false",
    GOCACHE: join(goCache, "build"),
    GOMODCACHE: join(goCache, "modules"),
    GOTOOLCHAIN: "local",
  };
}

/** Compares Go versions as in `go version go1.26.8 linux/amd64`. */
export function goIsRecent(versionLine: string, wanted: string = goVersion): boolean {
  const found = /\bgo(\d+)\.(\d+)(?:\.(\d+))?/.exec(versionLine);
  const [major = 0, minor = 0, patch = 0] = wanted.split(".").map(Number);
  if (found === null) {
    return false;
  }
  const difference = [Number(found[1]) - major, Number(found[2]) - minor, Number(found[3] ?? 0) - patch].find(
    (d) => d !== 0,
  );
  return (difference ?? 0) >= 0;
}

/**
 * Path of a Go command that is recent enough. Debian's own is older than the modules ask for, but any Go can download
 * the wanted toolchain, which is published as a module.
 */
async function goCommand(): Promise<string> {
  const env = goEnvironment();
  if (!(await succeeds("go", ["version"], env))) {
    throw new Error("No Go compiler on PATH. Install one (Debian: apt-get install golang-go), then run the lab again.");
  }
  if (goIsRecent(await run("go", ["version"], { log: "go", env }))) {
    return "go";
  }
  const platform = `linux-${arch() === "x64" ? "amd64" : arch()}`;
  const toolchain = join(goCache, "modules", "golang.org", `toolchain@v0.0.1-go${goVersion}.${platform}`);
  if (!existsSync(join(toolchain, "bin", "go"))) {
    const module = `golang.org/toolchain@v0.0.1-go${goVersion}.${platform}`;
    await run("go", ["mod", "download", module], { log: "go", env, cwd: paths.cache });
  }
  // Modules are unpacked without execute permission.
  for (const folder of ["bin", join("pkg", "tool", platform.replace("-", "_"))]) {
    for (const file of readdirSync(join(toolchain, folder))) {
      chmodSync(join(toolchain, folder, file), 0o755);
    }
  }
  return join(toolchain, "bin", "go");
}

/** The step that builds one module's programs. */
export async function goStep(tool: GoTool): Promise<Step> {
  const source = join(paths.root, "lab", "go", tool.module);
  const flags = Object.entries(tool.stamps ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const ldflags = ["-s", "-w", ...flags].join(" ");
  return {
    name: tool.module,
    title: tool.title,
    expectedSeconds: tool.expectedSeconds,
    key: await contentKey(goVersion, arch(), ldflags, JSON.stringify(tool.programs), { path: source }),
    build: async (directory) => {
      const go = await goCommand();
      for (const [program, packagePath] of Object.entries(tool.programs)) {
        await run(go, ["build", "-trimpath", "-ldflags", ldflags, "-o", join(directory, program), packagePath], {
          log: `build-${tool.module}`,
          cwd: source,
          env: goEnvironment(),
        });
      }
    },
  };
}

/** Folder of a module that `lab/go/<tool>` requires, as Go unpacked it. */
export async function moduleFolder(tool: GoTool, module: string): Promise<string> {
  const printed = await run(await goCommand(), ["mod", "download", "-json", module], {
    log: `build-${tool.module}`,
    cwd: join(paths.root, "lab", "go", tool.module),
    env: goEnvironment(),
  });
  const { Dir } = JSON.parse(printed) as { Dir: string };
  return Dir;
}

/** Version that `lab/go/<tool>/go.mod` requires of `module`. */
export function requiredVersion(tool: GoTool, module: string): string {
  const file = join(paths.root, "lab", "go", tool.module, "go.mod");
  const version = new RegExp(`^\\s*(?:require )?${module} (v\\S+)`, "m").exec(readFileSync(file, "utf8"))?.[1];
  if (version === undefined) {
    throw new Error(`${file} requires no ${module}.`);
  }
  return version;
}
