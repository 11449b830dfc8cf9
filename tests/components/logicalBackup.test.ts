import assert from "node:assert/strict";
import { secret } from "@pulumi/pulumi";
import { BackupResults } from "../../components/backupResults";
import { LogicalBackup, type LogicalBackupArgs } from "../../components/logicalBackup";
import { fromConfigMap } from "../../components/pods";
import { Duration } from "../../domain/duration";
import type { DumpSettings } from "../../domain/jobs";
import { Size } from "../../domain/size";
import { capture } from "../support/capture";
import { countTypes, named } from "../support/captured";

const args: LogicalBackupArgs = {
  namespace: "marimo-erp",
  namespaceName: "marimo-erp",
  region: "here",
  image: "marimo-erp/postgres:1",
  members: 2,
  repositories: [{ name: "gcs", bucket: "vault-gcs", endpoint: undefined, keyType: "auto" }],
  repositoryPath: "/marimo",
  stores: {
    secret: "postgres-repositories",
    mounts: [fromConfigMap("store-ca", "postgres-store-ca", "/etc/store-ca")],
    ownCa: true,
  },
  identities: { s3RoleArn: undefined, gcsServiceAccount: "marimo-production-archive@p.iam.gserviceaccount.com" },
  storage: Size.parse("50Gi"),
  storageClass: "retain-ssd",
  localTime: Duration.days(30),
  storeTime: Duration.days(90),
  offSite: undefined,
  offSiteKey: undefined,
};

const declare = (change: Partial<LogicalBackupArgs> = {}) =>
  capture(() => new LogicalBackup("dumps", { ...args, ...change }));

interface Spec {
  readonly schedule: string;
  readonly timeZone: string;
  readonly concurrencyPolicy: string;
  readonly suspend?: boolean;
  readonly successfulJobsHistoryLimit: number;
  readonly failedJobsHistoryLimit: number;
  readonly jobTemplate: { readonly spec: { readonly template: { readonly spec: PodSpec } } };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly securityContext: { readonly runAsNonRoot: boolean };
  readonly containers: {
    readonly env: { readonly name: string; readonly value?: string }[];
    readonly envFrom: { readonly secretRef: { readonly name: string } }[];
    readonly volumeMounts: { readonly name: string; readonly mountPath: string }[];
    readonly resources: { readonly limits: Record<string, string> };
  }[];
  readonly volumes: {
    readonly name: string;
    readonly secret?: { readonly items?: { readonly key: string }[] };
    readonly persistentVolumeClaim?: { readonly claimName: string };
  }[];
}

const specOf = async (change: Partial<LogicalBackupArgs> = {}): Promise<Spec> =>
  named(await declare(change), "dumps-job").inputs["spec"] as Spec;
const podOf = (spec: Spec) => spec.jobTemplate.spec.template.spec;
const containerOf = (spec: Spec) => {
  const [container, ...more] = podOf(spec).containers;
  assert.ok(container && more.length === 0);
  return container;
};

describe("LogicalBackup", () => {
  it("declares exactly these kinds, so often", async () => {
    assert.deepEqual(countTypes(await declare()), {
      "kubernetes:batch/v1:CronJob": 1,
      "kubernetes:core/v1:PersistentVolumeClaim": 1,
      "kubernetes:core/v1:ServiceAccount": 1,
      "kubernetes:rbac.authorization.k8s.io/v1:Role": 1,
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": 1,
      "marimo:dr:JobAccess": 1,
      "marimo:dr:LogicalBackup": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("keeps what operators know: name, hour, history, claim and folder", async () => {
    const captured = await declare();
    const { inputs } = named(captured, "dumps-job");
    assert.equal((inputs["metadata"] as { name: string }).name, "postgres-backup");
    const spec = inputs["spec"] as Spec;
    assert.deepEqual(
      [spec.schedule, spec.timeZone, spec.concurrencyPolicy, spec.suspend],
      ["0 2 * * *", "Etc/UTC", "Forbid", undefined],
    );
    assert.deepEqual([spec.successfulJobsHistoryLimit, spec.failedJobsHistoryLimit], [7, 3]);
    const claim = named(captured, "dumps-storage");
    assert.deepEqual(claim.inputs["spec"], {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "retain-ssd",
      resources: { requests: { storage: "50Gi" } },
    });
    const mount = containerOf(spec).volumeMounts.find(({ mountPath }) => mountPath === "/backups");
    const volume = podOf(spec).volumes.find(({ name }) => name === mount?.name);
    assert.equal(volume?.persistentVolumeClaim?.claimName, "backup-storage");
  });

  it("is nobody but the dump writer, and reads none of the members' keys", async () => {
    const captured = await declare();
    const spec = named(captured, "dumps-job").inputs["spec"] as Spec;
    assert.equal(podOf(spec).serviceAccountName, "postgres-dumps");
    assert.deepEqual(
      (named(captured, "dumps-access-account").inputs["metadata"] as { annotations: object }).annotations,
      {
        "iam.gke.io/gcp-service-account": "marimo-production-dumps@p.iam.gserviceaccount.com",
      },
    );
    const { rules } = named(captured, "dumps-access-role").inputs as { rules: object[] };
    assert.deepEqual(rules, [
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["backup-results"], verbs: ["get", "patch"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
    ]);
    const secrets = podOf(spec).volumes.flatMap(({ secret }) => (secret ? [secret.items?.map(({ key }) => key)] : []));
    assert.deepEqual(secrets, [["ca.crt"]]);
  });

  it("is restricted and bounded, and every mount has its volume", async () => {
    for (const offSite of [undefined, { kind: "claim", claim: "nfs" }] as const) {
      const spec = await specOf({ offSite });
      assert.equal(podOf(spec).securityContext.runAsNonRoot, true);
      const { volumeMounts, resources } = containerOf(spec);
      assert.ok(resources.limits["memory"] && resources.limits["cpu"]);
      const volumes = new Set(podOf(spec).volumes.map(({ name }) => name));
      assert.equal(volumes.size, volumeMounts.length);
      for (const { name } of volumeMounts) assert.ok(volumes.has(name), name);
    }
  });

  it("tells the job where the members, the stores and the third place are", async () => {
    const spec = await specOf({ offSite: { kind: "claim", claim: "nfs" } });
    const text = containerOf(spec).env.find(({ name }) => name === "MARIMO_JOB")?.value ?? "";
    const { members, repositories, offSite, localSeconds } = JSON.parse(text) as DumpSettings;
    assert.deepEqual(members[1], { host: "postgres-1.postgres-members.marimo-erp.svc.cluster.local", port: 5432 });
    assert.equal(members.length, 2);
    assert.deepEqual(
      repositories.map(({ name }) => name),
      ["gcs"],
    );
    assert.deepEqual(offSite, { kind: "claim", claim: "nfs" });
    assert.equal(localSeconds, 30 * 86_400);
    assert.ok(podOf(spec).volumes.some((volume) => volume.persistentVolumeClaim?.claimName === "nfs"));
  });

  it("an off-site bucket's keys are a Secret, and in no plain input", async () => {
    const captured = await declare({
      offSite: { kind: "s3", endpoint: "s3.example.com", bucket: "copies", region: "us-east-1" },
      offSiteKey: { access: secret("the access key"), secret: secret("the secret key") },
    });
    const plain = JSON.stringify(captured, (key, value: unknown) => (key === "(secret)" ? undefined : value));
    assert.ok(!plain.includes("the access key") && !plain.includes("the secret key"));
    const spec = named(captured, "dumps-job").inputs["spec"] as Spec;
    assert.deepEqual(
      containerOf(spec).envFrom.map(({ secretRef }) => secretRef.name),
      ["postgres-repositories", "postgres-backup-offsite"],
    );
  });
});

it("BackupResults: a ConfigMap whose keys are the jobs', and metrics that need nothing of the cluster", async () => {
  const captured = await capture(() => new BackupResults("results", { namespace: "marimo-erp", image: "x:1" }));
  assert.equal(named(captured, "results-results").inputs["data"], undefined);
  const { spec } = named(captured, "results-metrics").inputs as {
    spec: { template: { spec: { automountServiceAccountToken: boolean } } };
  };
  assert.equal(spec.template.spec.automountServiceAccountToken, false);
});
