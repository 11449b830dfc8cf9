import assert from "node:assert/strict";
import { BackupVerify, type BackupVerifyArgs } from "../../components/backupVerify";
import { Duration } from "../../domain/duration";
import { parseOffSite } from "../../domain/offSite";
import { capture } from "../support/capture";
import { countTypes, named } from "../support/captured";

const args: BackupVerifyArgs = {
  namespace: "marimo-erp",
  namespaceName: "marimo-erp",
  region: "here",
  image: "marimo-erp/postgres:1",
  repositories: [{ name: "gcs", bucket: "vault-gcs", endpoint: undefined, keyType: "auto" }],
  repositoryPath: "/marimo",
  retention: Duration.days(90),
  stores: { secret: "postgres-repositories", mounts: [], ownCa: false },
  identities: { s3RoleArn: undefined, gcsServiceAccount: "marimo-x-archive@example.iam.gserviceaccount.com" },
  storeTime: Duration.days(90),
  offSite: undefined,
  offSiteSecrets: [],
};

const declare = (change: Partial<BackupVerifyArgs> = {}) =>
  capture(() => new BackupVerify("verify", { ...args, ...change }));

interface Spec {
  schedule: string;
  timeZone: string;
  concurrencyPolicy: string;
  jobTemplate: {
    spec: {
      activeDeadlineSeconds: number;
      podFailurePolicy: object;
      template: {
        spec: {
          serviceAccountName: string;
          containers: {
            command: string[];
            env: { name: string; value?: string }[];
            envFrom: object[];
            volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
            resources: { limits: Record<string, string> };
          }[];
          volumes: { name: string }[];
        };
      };
    };
  };
}

const specOf = async (change: Partial<BackupVerifyArgs> = {}) =>
  named(await declare(change), "verify-job").inputs["spec"] as Spec;
const containerOf = ({ jobTemplate }: Spec) => {
  const [container, ...more] = jobTemplate.spec.template.spec.containers;
  assert.ok(container && more.length === 0);
  return container;
};

describe("BackupVerify", () => {
  it("declares exactly these kinds, so often", async () => {
    assert.deepEqual(countTypes(await declare()), {
      "kubernetes:batch/v1:CronJob": 1,
      "kubernetes:core/v1:ConfigMap": 1,
      "kubernetes:core/v1:ServiceAccount": 1,
      "kubernetes:rbac.authorization.k8s.io/v1:Role": 1,
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": 1,
      "marimo:dr:BackupVerify": 1,
      "marimo:dr:JobAccess": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("runs each morning, after the night's backups, one at a time, and ends before the next night's", async () => {
    const { schedule, timeZone, concurrencyPolicy, jobTemplate } = await specOf();
    assert.equal(schedule, "0 6 * * *");
    assert.equal(timeZone, "Etc/UTC");
    assert.equal(concurrencyPolicy, "Forbid");
    assert.equal(jobTemplate.spec.activeDeadlineSeconds, 18 * 3600);
  });

  it("can change nothing that it checks", async () => {
    const captured = await declare({ offSite: parseOffSite("claim:tapes") });
    const { volumeMounts } = containerOf(named(captured, "verify-job").inputs["spec"] as Spec);
    const written = volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
    assert.deepEqual(written, ["/tmp"]);
    assert.ok(volumeMounts.some(({ mountPath }) => mountPath === "/offsite"));
    const { rules } = named(captured, "verify-access-role").inputs as { rules: object[] };
    assert.deepEqual(rules, [
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["backup-results"], verbs: ["get", "patch"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["postgres-leader"], verbs: ["get"] },
    ]);
  });

  it("is the verifier in the clouds, and has no way to the database", async () => {
    const captured = await declare();
    const account = named(captured, "verify-access-account").inputs["metadata"] as { annotations: object };
    assert.deepEqual(account.annotations, {
      "iam.gke.io/gcp-service-account": "marimo-x-verify@example.iam.gserviceaccount.com",
    });
    const text = JSON.stringify(captured);
    for (const word of ["PGPASSWORD", "postgres-backup-tls", "pg1-", "marimo-secrets"])
      assert.ok(!text.includes(word), word);
  });

  it("every mount has its volume, and an off-site bucket's keys are there", async () => {
    const offSite = parseOffSite("https://s3.example.com/tapes");
    const spec = await specOf({ offSite, offSiteSecrets: ["postgres-backup-offsite"] });
    const volumes = new Set(spec.jobTemplate.spec.template.spec.volumes.map(({ name }) => name));
    for (const { name } of containerOf(spec).volumeMounts) assert.ok(volumes.has(name), name);
    assert.deepEqual(containerOf(spec).envFrom, [
      { secretRef: { name: "postgres-repositories" } },
      { secretRef: { name: "postgres-backup-offsite" } },
    ]);
    const told = containerOf(spec).env.find(({ name }) => name === "MARIMO_JOB")?.value ?? "";
    assert.deepEqual((JSON.parse(told) as { offSite: object }).offSite, offSite);
  });
});
