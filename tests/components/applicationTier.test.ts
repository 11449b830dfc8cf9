import assert from "node:assert/strict";
import { ApplicationTier, type ApplicationTierArgs } from "../../components/applicationTier";
import { capture } from "../support/capture";
import { countTypes, isComponent, named } from "../support/captured";

const args: ApplicationTierArgs = {
  namespace: "marimo-erp",
  images: { "api-gateway": "marimo-erp/api-gateway:1", "auth-service": "marimo-erp/auth-service:1" },
  role: "primary",
  standbyReplicas: 1,
  cpu: "100m",
  configuration: "fingerprint",
};

const declare = (change: Partial<ApplicationTierArgs> = {}) =>
  capture(() => new ApplicationTier("application", { ...args, ...change }));

const scales = async (change: Partial<ApplicationTierArgs>): Promise<Record<string, unknown>> => {
  const patches = (await declare(change)).filter(({ type }) => type.endsWith(":DeploymentPatch"));
  return Object.fromEntries(
    patches.map(({ name, inputs }) => [name, (inputs["spec"] as { replicas: number }).replicas]),
  );
};

interface Container {
  readonly image: string;
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: {
      readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional?: true };
    };
  }[];
  readonly envFrom: unknown;
  readonly ports: unknown;
  readonly resources: unknown;
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly port: string } };
}

interface DeploymentSpec {
  readonly replicas?: number;
  readonly selector: unknown;
  readonly template: {
    readonly metadata: { readonly labels: unknown };
    readonly spec: {
      readonly containers: readonly [Container];
      readonly securityContext: { readonly runAsNonRoot: boolean };
    };
  };
}

const specOf = async (name: string): Promise<DeploymentSpec> =>
  named(await declare(), `${name}-deployment`).inputs["spec"] as DeploymentSpec;

describe("ApplicationTier", () => {
  it("declares the two services, each with its Service and its scale", async () => {
    const captured = (await declare()).filter((one) => !isComponent(one));
    assert.deepEqual(countTypes(captured), {
      "kubernetes:apps/v1:Deployment": 2,
      "kubernetes:apps/v1:DeploymentPatch": 2,
      "kubernetes:core/v1:Service": 2,
    });
    const names = captured
      .filter(({ type }) => type.endsWith(":Service"))
      .map(({ inputs }) => [
        (inputs["metadata"] as { name: string }).name,
        (inputs["spec"] as { ports: { port: number }[] }).ports[0]?.port,
      ]);
    assert.deepEqual(names, [
      ["api-gateway-service", 8080],
      ["auth-service", 8081],
    ]);
  });

  it("has as many pods as its region's role asks for", async () => {
    assert.deepEqual(await scales({}), { "api-gateway-scale-primary-3": 3, "auth-service-scale-primary-2": 2 });
    const standby = await scales({ role: "standby" });
    assert.deepEqual(standby, { "api-gateway-scale-standby-1": 1, "auth-service-scale-standby-1": 1 });
    const cold = await scales({ role: "standby", standbyReplicas: 0 });
    assert.deepEqual(cold, { "api-gateway-scale-standby-0": 0, "auth-service-scale-standby-0": 0 });
    assert.deepEqual(await scales({ standbyReplicas: 0 }), await scales({}));
  });

  it("says its scale once: what somebody sets later is neither compared nor given up", async () => {
    const captured = await declare();
    for (const { options } of captured.filter(({ type }) => type.endsWith(":DeploymentPatch"))) {
      assert.deepEqual(options, { retainOnDelete: true, ignoreChanges: ["spec.replicas"] });
    }
    // Server-side apply takes back what a manager stops to apply, and leaves what it never applied.
    for (const { inputs } of captured.filter(({ type }) => type.endsWith(":Deployment"))) {
      assert.ok(!("replicas" in (inputs["spec"] as object)));
    }
  });

  it("is waited for nowhere", async () => {
    for (const { name, inputs } of (await declare()).filter((one) => !isComponent(one))) {
      const { annotations } = inputs["metadata"] as { annotations?: Record<string, string> };
      assert.equal(annotations?.["pulumi.com/skipAwait"], "true", name);
    }
  });

  for (const [name, port, variable] of [
    ["api-gateway", 8080, "API_GATEWAY_PORT"],
    ["auth-service", 8081, "AUTH_SERVICE_PORT"],
  ] as const) {
    it(`${name}: image, port, probes, resources and rights`, async () => {
      const { selector, template } = await specOf(name);
      const [container] = template.spec.containers;
      assert.deepEqual([selector, template.metadata.labels], [{ matchLabels: { app: name } }, { app: name }]);
      assert.equal(container.image, `marimo-erp/${name}:1`);
      assert.deepEqual(container.ports, [{ name: "http", containerPort: port }]);
      assert.deepEqual(container.env[0], { name: variable, value: String(port) });
      assert.deepEqual(container.envFrom, [{ configMapRef: { name: "marimo-config" } }]);
      assert.deepEqual(container.resources, {
        requests: { cpu: "100m", memory: "128Mi" },
        limits: { cpu: "500m", memory: "512Mi" },
      });
      assert.equal(container.livenessProbe?.httpGet.path, "/health");
      assert.equal(container.readinessProbe?.httpGet.path, "/ready");
      assert.ok(template.spec.securityContext.runAsNonRoot && container.securityContext.readOnlyRootFilesystem);
    });
  }

  it("auth-service gets the database's user and password, or doesn't start; api-gateway gets neither", async () => {
    const keys = async (name: string) =>
      (await specOf(name)).template.spec.containers[0].env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
    const auth = await keys("auth-service");
    for (const wanted of ["DB_USER", "DB_PASSWORD"]) {
      const found = auth.find(({ key }) => key === wanted);
      assert.ok(found?.name === "marimo-secrets" && found.optional !== true, wanted);
    }
    assert.ok(!JSON.stringify(await keys("api-gateway")).includes("DB_"));
  });
});
