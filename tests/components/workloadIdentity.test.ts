import assert from "node:assert/strict";
import { WorkloadIdentity } from "../../components/workloadIdentity";
import { duties } from "../../domain/identities";
import { permissions } from "../../domain/permissions";
import { type Captured, capture } from "../support/capture";
import { countTypes, named } from "../support/captured";

const declare = (adopt = false) =>
  capture(
    () =>
      new WorkloadIdentity("identity", {
        adopt,
        environment: "production",
        namespace: "marimo-erp",
        repositoryPath: "/marimo",
        aws: {
          account: "123456789012",
          eksCluster: { location: "eu-central-1", name: "marimo" },
          gkeCluster: { project: "example", location: "europe-west3", name: "marimo" },
          bucketArn: "arn:aws:s3:::example-s3",
          keyArn: "arn:aws:kms:eu-central-1:123456789012:key/mrk-1",
        },
        gcp: { project: "example", bucket: "example-gcs", bucketName: "example-gcs" },
      }),
  );

const grantsInGoogleCloud = permissions.filter(({ cloud }) => cloud === "gcp").length;

const actionsOf = (captured: readonly Captured[], duty: string): string[] => {
  const policy = JSON.parse(named(captured, `identity-aws-${duty}-policy`).inputs["policy"] as string) as {
    Statement: { Action: string[] }[];
  };
  return policy.Statement.flatMap(({ Action }) => Action);
};

describe("WorkloadIdentity", () => {
  it("declares one identity for each duty in each cloud, and a grant for each row of the table", async () => {
    assert.deepEqual(countTypes(await declare()), {
      "aws:iam/openIdConnectProvider:OpenIdConnectProvider": 1,
      "aws:iam/role:Role": duties.length,
      "aws:iam/rolePolicy:RolePolicy": duties.length,
      "gcp:projects/iAMCustomRole:IAMCustomRole": grantsInGoogleCloud,
      "gcp:serviceaccount/account:Account": duties.length,
      "gcp:serviceaccount/iAMMember:IAMMember": duties.length,
      "gcp:storage/bucketIAMMember:BucketIAMMember": grantsInGoogleCloud,
      "marimo:dr:WorkloadIdentity": 1,
      "pulumi:pulumi:Stack": 1,
    });
  });

  it("no key is made anywhere", async () => {
    assert.doesNotMatch((await declare()).map(({ type }) => type).join("\n"), /accessKey|serviceaccount\/key|hmacKey/i);
  });

  it("the verifier changes nothing that it checks, and only the archive writer deletes", async () => {
    const captured = await declare();
    assert.ok(actionsOf(captured, "archive").includes("s3:DeleteObject"));
    for (const duty of ["restore", "dumps", "verify"]) {
      assert.ok(!actionsOf(captured, duty).includes("s3:DeleteObject"), duty);
    }
  });

  it("pods of one namespace and service account have it, and no others", async () => {
    const captured = await declare();
    const trust = named(captured, "identity-aws-dumps").inputs["assumeRolePolicy"] as string;
    assert.match(trust, /"aws:RequestTag\/kubernetes-service-account":"postgres-dumps"/);
    assert.match(trust, /:sub":"system:serviceaccount:marimo-erp:postgres-dumps"/);
    assert.equal(
      named(captured, "identity-gcp-dumps-pods").inputs["member"],
      "serviceAccount:example.svc.id.goog[marimo-erp/postgres-dumps]",
    );
  });

  it("a grant in Google's store is bound to its folder", async () => {
    const { inputs } = named(await declare(), "identity-gcp-archive-lease");
    assert.deepEqual(inputs["condition"], {
      title: "archive-lease",
      expression: 'resource.name.startsWith("projects/_/buckets/example-gcs/objects/marimo/lease/")',
    });
    assert.equal(inputs["role"], "<role identity-gcp-archive-lease-role>");
    assert.equal(inputs["member"], "<member identity-gcp-archive>");
  });

  it("identities are adopted by their names", async () => {
    const captured = await declare(true);
    const adopted = (name: string) => named(captured, name).options?.import;
    assert.equal(adopted("identity-aws-archive"), "marimo-production-archive");
    assert.equal(
      adopted("identity-gke"),
      "arn:aws:iam::123456789012:oidc-provider/container.googleapis.com/v1/projects/example/locations/europe-west3/clusters/marimo",
    );
    assert.equal(
      adopted("identity-gcp-archive"),
      "projects/example/serviceAccounts/marimo-production-archive@example.iam.gserviceaccount.com",
    );
    assert.equal(adopted("identity-gcp-archive-list-role"), "projects/example/roles/marimo_production_archive_list");
  });
});
