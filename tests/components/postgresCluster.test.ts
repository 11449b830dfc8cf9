import assert from "node:assert/strict";
import { secret } from "@pulumi/pulumi";
import { PostgresCluster, type PostgresClusterArgs } from "../../components/postgresCluster";
import { Duration } from "../../domain/duration";
import { Size } from "../../domain/size";
import { type Captured, capture } from "../support/capture";

const args: PostgresClusterArgs = {
  namespace: "marimo-erp",
  namespaceName: "marimo-erp",
  image: "marimo-erp/postgres:1",
  members: 2,
  storage: Size.parse("10Gi"),
  storageClass: undefined,
  cpu: "1",
  memory: Size.parse("1Gi"),
  repositories: [
    {
      name: "s3",
      bucket: "vault-s3",
      region: "eu-central-1",
      endpoint: undefined,
      uriStyle: "host",
      keyType: "shared",
    },
    { name: "gcs", bucket: "vault-gcs", endpoint: undefined, keyType: "service" },
  ],
  restoreFrom: "s3",
  restoreTimeline: undefined,
  repositoryPath: "/marimo",
  retention: Duration.days(90),
  storeCa: undefined,
  keys: {
    cipher: secret("the passphrase"),
    s3AccessKey: secret("the access key"),
    s3SecretKey: secret("the secret key"),
    gcsKey: secret("the service account"),
  },
  shared: {
    superuser: secret("the superuser's password"),
    replication: secret("the replication password"),
    rewind: secret("the rewind password"),
    authority: { key: secret("the authority's key"), certificate: "the authority's certificate" },
  },
  role: "primary",
  otherRegion: undefined,
  replication: { host: undefined, service: "none", from: [] },
  region: "here",
  fencing: "none",
  words: [],
  synchronous: "off",
  identityAnnotations: {},
};

const inTwoRegions: Partial<PostgresClusterArgs> = {
  otherRegion: { host: "db.other.example.com", port: 5432 },
  replication: { host: "db.this.example.com", service: "LoadBalancer", from: ["203.0.113.0/24"] },
  fencing: "lease",
};

const declare = (change: Partial<PostgresClusterArgs> = {}) =>
  capture(() => new PostgresCluster("postgres", { ...args, ...change }));

interface PodSpec {
  initContainers?: PodSpec["containers"];
  containers: {
    restartPolicy?: string;
    name: string;
    image: string;
    command: string[];
    env: { name: string; value?: string }[];
    envFrom: { secretRef: { name: string } }[];
    volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
    securityContext: unknown;
    resources: { limits: Record<string, string> };
  }[];
  securityContext: unknown;
  volumes: { name: string }[];
}

const ofKind = (captured: Captured[], kind: string) => captured.filter(({ type }) => type.endsWith(`:${kind}`));

const only = (captured: Captured[], kind: string, name: string): Record<string, unknown> => {
  const [found, ...more] = ofKind(captured, kind).filter(
    ({ inputs }) => (inputs["metadata"] as { name: string } | undefined)?.name === name,
  );
  assert.ok(found && more.length === 0, `${kind} ${name}`);
  return found.inputs;
};

const podSpecs = (captured: Captured[]): PodSpec[] => {
  const found: PodSpec[] = [];
  const search = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("containers" in value) found.push(value as PodSpec);
    else Object.values(value).forEach(search);
  };
  captured.forEach(({ inputs }) => {
    search(inputs);
  });
  return found;
};

describe("PostgresCluster", () => {
  it("declares exactly these kinds, so often", async () => {
    const counts: Record<string, number> = {};
    for (const { type } of await declare()) counts[type] = (counts[type] ?? 0) + 1;
    assert.deepEqual(counts, {
      "kubernetes:apps/v1:StatefulSet": 1,
      "kubernetes:batch/v1:CronJob": 2,
      "kubernetes:batch/v1:Job": 1,
      "kubernetes:core/v1:ConfigMap": 5,
      "kubernetes:core/v1:Secret": 6,
      "kubernetes:core/v1:Service": 3,
      "kubernetes:core/v1:ServiceAccount": 1,
      "kubernetes:policy/v1:PodDisruptionBudget": 1,
      "kubernetes:rbac.authorization.k8s.io/v1:Role": 1,
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": 1,
      "marimo:dr:BaseBackups": 1,
      "marimo:dr:Certificate": 2,
      "marimo:dr:DatabaseSecrets": 1,
      "marimo:dr:PostgresAccess": 1,
      "marimo:dr:PostgresCluster": 1,
      "pulumi:pulumi:Stack": 1,
      "tls:index/certRequest:CertRequest": 2,
      "tls:index/locallySignedCert:LocallySignedCert": 2,
      "tls:index/privateKey:PrivateKey": 2,
    });
  });

  it("keeps the names of the running system", async () => {
    const captured = await declare();
    only(captured, "StatefulSet", "postgres");
    const write = only(captured, "Service", "postgres-service") as {
      spec: { ports: { port: number }[]; selector: object };
    };
    assert.deepEqual(write.spec.selector, { app: "postgres", "cluster-name": "postgres", role: "primary" });
    assert.deepEqual(
      write.spec.ports.map(({ port }) => port),
      [5432],
    );
    const { stringData } = only(captured, "Secret", "marimo-secrets") as { stringData: { "(secret)": object } };
    assert.deepEqual(Object.keys(stringData["(secret)"]), ["DB_PASSWORD", "DB_USER"]);
  });

  it("every pod is restricted: no root, no capabilities, nothing to write but its volumes", async () => {
    const specs = podSpecs(await declare(inTwoRegions));
    assert.equal(specs.length, 4);
    for (const spec of specs) {
      const { runAsNonRoot, seccompProfile } = spec.securityContext as Record<string, unknown>;
      assert.equal(runAsNonRoot, true);
      assert.deepEqual(seccompProfile, { type: "RuntimeDefault" });
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        assert.ok(container.resources.limits["memory"], container.name);
      }
    }
  });

  it("every mount has its volume", async () => {
    for (const spec of podSpecs(await declare({ ...inTwoRegions, storeCa: "-----BEGIN CERTIFICATE-----" }))) {
      // `data` comes from the StatefulSet's claim.
      const volumes = new Set([...spec.volumes.map(({ name }) => name), "data"]);
      for (const { volumeMounts } of [...(spec.initContainers ?? []), ...spec.containers]) {
        for (const { name } of volumeMounts) assert.ok(volumes.has(name), name);
        assert.ok(volumeMounts.some(({ mountPath }) => mountPath === "/etc/store-ca"));
      }
    }
  });

  it("the secrets that the containers name exist, with the keys that they name", async () => {
    const captured = await declare();
    const keys = new Map(
      ofKind(captured, "Secret").map(({ inputs }) => {
        const { metadata, stringData } = inputs as {
          metadata: { name: string };
          stringData: Record<string, unknown> & { "(secret)"?: object };
        };
        return [metadata.name, Object.keys(stringData["(secret)"] ?? stringData)];
      }),
    );
    const text = JSON.stringify(podSpecs(captured));
    const references = [
      ...text.matchAll(
        /"secretKeyRef":\{"key":"([^"]+)","name":"([^"]+)"|"secretKeyRef":\{"name":"([^"]+)","key":"([^"]+)"/g,
      ),
    ];
    assert.ok(references.length > 0);
    for (const [, keyA, nameA, nameB, keyB] of references) {
      assert.ok(keys.get(nameA ?? nameB ?? "")?.includes(keyA ?? keyB ?? ""), `${nameA ?? nameB}/${keyA ?? keyB}`);
    }
    for (const [, name] of text.matchAll(/"secret(?:Name|Ref":\{"name)":"([^"]+)"/g))
      assert.ok(keys.has(name ?? ""), name);
  });

  it("only configured repositories have secrets in the environment", async () => {
    const captured = await declare({ repositories: args.repositories.filter(({ name }) => name === "s3") });
    const { stringData } = only(captured, "Secret", "postgres-repositories") as { stringData: { "(secret)": object } };
    assert.deepEqual(Object.keys(stringData["(secret)"]), [
      "PGBACKREST_REPO1_CIPHER_PASS",
      "PGBACKREST_REPO1_S3_KEY",
      "PGBACKREST_REPO1_S3_KEY_SECRET",
    ]);
    assert.equal(ofKind(captured, "Secret").length, 5);
  });

  it("no secret is an input in plain text", async () => {
    const plain = JSON.stringify(await declare(), (key, value: unknown) => (key === "(secret)" ? undefined : value));
    for (const text of [
      "the passphrase",
      "the access key",
      "the secret key",
      "the service account",
      "superuser's password",
      "the replication password",
      "the rewind password",
      "the authority's key",
      "<password",
      "<key ",
    ]) {
      assert.ok(!plain.includes(text), text);
    }
  });

  it("backups run in UTC, one at a time, with a deadline", async () => {
    for (const { inputs } of ofKind(await declare(), "CronJob")) {
      const { timeZone, concurrencyPolicy, startingDeadlineSeconds, jobTemplate } = inputs["spec"] as {
        timeZone: string;
        concurrencyPolicy: string;
        startingDeadlineSeconds: number;
        jobTemplate: { spec: { activeDeadlineSeconds: number } };
      };
      assert.equal(timeZone, "Etc/UTC");
      assert.equal(concurrencyPolicy, "Forbid");
      assert.equal(startingDeadlineSeconds, 3600);
      assert.equal(jobTemplate.spec.activeDeadlineSeconds, 12 * 3600);
    }
  });

  it("Patroni may touch its own ConfigMaps by name, no Secret, and no pod beyond its labels", async () => {
    const { rules } = only(await declare(), "Role", "postgres") as {
      rules: { resources: string[]; verbs: string[]; resourceNames?: string[] }[];
    };
    for (const { resources, verbs, resourceNames } of rules) {
      assert.ok(!resources.includes("secrets") && !resources.includes("*"));
      assert.ok(!verbs.includes("delete") && !verbs.includes("*"));
      if (resources.includes("configmaps") && verbs.includes("patch")) {
        assert.deepEqual(resourceNames, ["postgres-config", "postgres-leader", "postgres-failover", "postgres-sync"]);
      }
    }
  });

  // It left with the others, while Postgres was still shutting down: commits hung, and where it ended was told to nobody.
  it("the fence outlives the containers that it stands beside", async () => {
    const [members] = podSpecs(await declare(inTwoRegions)).filter(({ containers }) => containers.length > 1);
    const fences = members?.initContainers ?? [];
    assert.deepEqual(
      fences.map(({ name, restartPolicy }) => [name, restartPolicy]),
      [["fence", "Always"]],
    );
    assert.ok(!members?.containers.some(({ name }) => name === "fence"));
    assert.ok(podSpecs(await declare()).every(({ initContainers }) => initContainers === undefined));
  });

  it("one member is enough, and any number is possible", async () => {
    for (const members of [1, 3]) {
      const { spec } = only(await declare({ members }), "StatefulSet", "postgres") as { spec: { replicas: number } };
      assert.equal(spec.replicas, members);
    }
  });

  it("tells the members which history to follow, where somebody has chosen", async () => {
    const told = async (restoreTimeline: string | undefined) =>
      podSpecs(await declare({ restoreTimeline }))
        .flatMap(({ containers }) => containers)
        .filter(({ name }) => name === "postgres")
        .map(({ env }) => env.find(({ name }) => name === "MARIMO_RESTORE_TIMELINE")?.value);
    assert.deepEqual(await told(undefined), [undefined]);
    assert.deepEqual(await told("2:3"), ["2:3"]);
  });

  it("members roll when their configuration changes, and only then", async () => {
    const annotation = async (change: Partial<PostgresClusterArgs>) => {
      const { spec } = only(await declare(change), "StatefulSet", "postgres") as {
        spec: { template: { metadata: { annotations: Record<string, string> } } };
      };
      return spec.template.metadata.annotations["marimo-erp.com/configuration"];
    };
    assert.equal(await annotation({}), await annotation({}));
    assert.notEqual(await annotation({}), await annotation({ restoreFrom: "gcs" }));
    assert.notEqual(await annotation({}), await annotation({ retention: Duration.days(30) }));
  });

  it("a promotion changes the shared settings and adds the backups, and restarts no member", async () => {
    const [standby, primary] = [
      await declare({ ...inTwoRegions, role: "standby" }),
      await declare({ ...inTwoRegions, role: "primary" }),
    ];
    const backups = /BaseBackups|:backups|postgres-backups/;
    const declared = (captured: Captured[]) =>
      new Map(captured.filter(({ name }) => !backups.test(name)).map(({ name, inputs }) => [name, inputs]));
    const [before, after] = [declared(standby), declared(primary)];
    const changed = [...before].filter(([name, inputs]) => JSON.stringify(inputs) !== JSON.stringify(after.get(name)));
    assert.deepEqual(
      changed.map(([name]) => name),
      ["postgres-settings"],
    );
    assert.equal(before.size, after.size);
    assert.equal(standby.filter(({ name }) => backups.test(name)).length, 0);
    assert.ok(primary.filter(({ name }) => backups.test(name)).length > 0);
  });

  it("the other region reaches the member that takes writes, under a name that its certificate carries", async () => {
    const captured = await declare(inTwoRegions);
    const { spec } = only(captured, "Service", "postgres-replication") as {
      spec: { selector: object; type: string; loadBalancerSourceRanges: string[] };
    };
    assert.deepEqual(spec.loadBalancerSourceRanges, ["203.0.113.0/24"]);
    assert.deepEqual(spec.selector, { app: "postgres", "cluster-name": "postgres", role: "primary" });
    assert.equal(spec.type, "LoadBalancer");
    const requests = captured.filter(({ type }) => type.endsWith(":CertRequest"));
    assert.ok(
      requests.some(({ inputs }) => (inputs["dnsNames"] as string[] | undefined)?.includes("db.this.example.com")),
    );
  });

  it("DNS asks the member that takes writes, and only in two regions", async () => {
    const loadBalancer = only(await declare(inTwoRegions), "Service", "dr-writable") as { spec: { selector: object } };
    assert.deepEqual(loadBalancer.spec.selector, { app: "postgres", "cluster-name": "postgres", role: "primary" });
    const replication = { host: "db.this.example.com", service: "NodePort" as const, from: [] };
    const node = only(await declare({ ...inTwoRegions, replication }), "Service", "dr-writable");
    assert.deepEqual(node["spec"], {
      ...{ type: "NodePort", selector: loadBalancer.spec.selector },
      ports: [{ name: "http", port: 8009, targetPort: 8009, nodePort: 30055 }],
    });
    assert.ok(!ofKind(await declare(), "Service").some(({ name }) => name === "postgres-writable"));
  });
});
