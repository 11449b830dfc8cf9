import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { BaseBackup } from "../../domain/archive";
import { parseTarget } from "../../domain/pointInTime";
import { copiedObjects, type Manifest, scratch, type ScratchArgs, scratchManifests } from "../../domain/scratch";
import { readStackFile } from "../../config/stackFile";

const root = join(__dirname, "../..");

const backup: BaseBackup = {
  label: "20261124-165254F",
  type: "full",
  references: [],
  startedAt: 1,
  stoppedAt: 2,
  timeline: 1,
  first: 2,
  last: 2,
  stop: 3,
  bytes: 31_196_825,
  damagedPages: false,
};

const args: ScratchArgs = {
  image: "example.com/postgres:1",
  storage: "10Gi",
  storageClass: undefined,
  clients: ["marimo-erp"],
  restore: {
    order: { repository: "gcs", backup, timeline: 3, target: parseTarget("2026-11-24T16:52:55Z") },
    repositories: [
      { name: "s3", bucket: "b", region: "r", endpoint: "s3.example.com:9000", uriStyle: "path", keyType: "shared" },
      { name: "gcs", bucket: "b", endpoint: undefined, keyType: "service" },
    ],
    storeCa: true,
    identityAnnotations: { who: "reader" },
  },
};

const ofKind = (manifests: readonly Manifest[], kind: string): Manifest => {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, `${found.length} of ${kind}`);
  return found[0] as Manifest;
};

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly serviceAccountName?: string;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}
interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly envFrom?: unknown;
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly resources: { readonly limits: Record<string, string> };
}
const podOf = (manifests: readonly Manifest[]): PodSpec =>
  (ofKind(manifests, "StatefulSet")["spec"] as { template: { spec: PodSpec } }).template.spec;

describe("the scratch database", () => {
  it("k8s/postgres-statefulset.yml is the empty one, with the production image", () => {
    const file = join(root, "k8s/postgres-statefulset.yml");
    const image = readStackFile(root, "primary").values.postgresImage;
    const manifests = scratchManifests({ ...args, image, storage: scratch.storage, restore: undefined });
    const text =
      "# A database to restore a dump into, for a test: kubectl apply -f k8s/postgres-statefulset.yml -n marimo-erp-test\n" +
      "# Made from domain/scratch.ts and Pulumi.primary.yaml (image). To make it anew: UPDATE_GOLDEN=1 npm run test:unit\n" +
      manifests
        .map((manifest) => `---\n${stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })}`)
        .join("");
    if (process.env["UPDATE_GOLDEN"] && !process.env["CI"]) writeFileSync(file, text);
    assert.equal(readFileSync(file, "utf8"), text, "write it anew: UPDATE_GOLDEN=1 npm run test:unit");
  });

  it("serves without a key of any repository; only the container that restores has them, and it ends before", () => {
    const { initContainers = [], containers } = podOf(scratchManifests(args));
    assert.deepEqual(
      initContainers.map(({ name }) => name),
      ["restore"],
    );
    assert.deepEqual(
      containers.map(({ name }) => name),
      ["postgres"],
    );
    const [serving] = containers;
    assert.equal(serving?.envFrom, undefined);
    assert.deepEqual(
      serving?.volumeMounts.map(({ name }) => name),
      ["data", "socket", "temp"],
    );
    assert.deepEqual(initContainers[0]?.envFrom, [{ secretRef: { name: "postgres-repositories" } }]);
  });

  it("has an identity that reads, no token of Kubernetes, and bounds", () => {
    const pod = podOf(scratchManifests(args));
    assert.equal(pod.serviceAccountName, "postgres-restore");
    assert.equal(pod.automountServiceAccountToken, false);
    for (const { resources } of [...pod.containers, ...(pod.initContainers ?? [])]) {
      assert.deepEqual(Object.keys(resources.limits), ["cpu", "memory"]);
    }
  });

  it("is told what to restore as the image reads it (images/postgres scratch.py)", () => {
    const order = podOf(scratchManifests(args)).initContainers?.[0]?.env.find(({ name }) => name === scratch.order);
    assert.deepEqual(JSON.parse(order?.value ?? ""), {
      repository: 2,
      backup: "20261124-165254F",
      bytes: 31_196_825,
      timeline: 3,
      target: { kind: "time", value: "2026-11-24 16:52:55.000000+00" },
    });
  });

  it("its policy lets it reach names, stores and identities, and no port of a database", () => {
    const policy = ofKind(scratchManifests(args), "NetworkPolicy")["spec"] as {
      egress: { ports: { port: number }[] }[];
    };
    const ports = policy.egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    assert.deepEqual(
      [...new Set(ports)].sort((a, b) => a - b),
      [53, 80, 443, 988, 9000],
    );
  });

  it("an empty one reaches nothing at all", () => {
    const policy = ofKind(scratchManifests({ ...args, restore: undefined }), "NetworkPolicy")["spec"];
    assert.deepEqual((policy as { egress: unknown[] }).egress, []);
  });

  it("copies what its restore reads, and nothing else", () => {
    const copied = args.restore ? copiedObjects(args.restore).map(({ name }) => name) : [];
    assert.deepEqual(copied, ["postgres-pgbackrest", "postgres-repositories", "postgres-store-ca", "postgres-gcs-key"]);
  });

  it("the file in k8s/ is what kubectl takes: several documents, none with a namespace of its own", () => {
    const text = readFileSync(join(root, "k8s/postgres-statefulset.yml"), "utf8");
    const documents = text
      .split("---\n")
      .slice(1)
      .map((one) => parse(one) as Manifest);
    assert.deepEqual(
      documents.map(({ kind }) => kind),
      ["NetworkPolicy", "Service", "StatefulSet"],
    );
    for (const { metadata } of documents) assert.equal(metadata["namespace"], undefined);
  });
});
