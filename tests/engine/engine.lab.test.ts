/**
 * The stand-ins under the plain pulumi CLI against a real API server (KUBECONFIG, or the lab's first region).
 * The expectations hold for the official host and plugins too: with those on PATH the same tests run against them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { currentParts } from "../../lab/parts";
import { TestStack } from "./stack";

type Manifest = Record<string, unknown>;

const configMap = (value: string, annotations: Record<string, string> = {}): Manifest => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", annotations } },
  data: { value, other: "x" },
});
const secret: Manifest = { apiVersion: "v1", kind: "Secret", metadata: { name: "secret" } };
const statefulSet = (serviceName: string, replicas = 0): Manifest => ({
  ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "db" } },
  spec: {
    ...{ replicas, serviceName, selector: { matchLabels: { app: "db" } } },
    template: {
      metadata: { labels: { app: "db" } },
      spec: { containers: [{ name: "db", image: "localhost/no-such-image:1", imagePullPolicy: "Never" }] },
    },
  },
});
/** Is ready ten seconds after it is there: long enough to be interrupted. */
const slow: Manifest = {
  ...{ apiVersion: "v1", kind: "Service", metadata: { name: "slow" } },
  spec: { selector: { app: "nothing" }, ports: [{ port: 80 }] },
};
const failingJob: Manifest = {
  ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name: "job" } },
  spec: {
    activeDeadlineSeconds: 2,
    template: {
      spec: {
        restartPolicy: "Never",
        containers: [{ name: "job", image: "localhost/no-such-image:1", imagePullPolicy: "Never" }],
      },
    },
  },
};

/** Polls for something that nothing announces, for at most 30 s. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`${what}: not within 30 s`);
    await pause(100);
  }
}

/** Every process that descends from one, by Linux's process table. */
function descendants(pid: number): number[] {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/stat`));
  const parentOf = (name: string): number =>
    Number(readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ")[1]);
  const children = processes.filter((name) => parentOf(name) === pid).map(Number);
  return [...children, ...children.flatMap(descendants)];
}

const official = (): boolean => currentParts().officialPulumi.includes("pulumi-resource-kubernetes");

describe("The engine on a real API server", function () {
  this.timeout(180_000);
  let stack: TestStack;

  beforeEach(async () => {
    stack = new TestStack();
    await stack.create();
  });

  afterEach(async () => {
    await stack.remove();
  });

  it("creates, changes nothing the second time, updates in place, and removes everything", async () => {
    stack.configure({ manifests: [configMap("1"), secret, statefulSet("members")] });
    assert.match(await stack.up(), /\+ 6 created/);
    const uid = await stack.get("configmap", "settings", ".metadata.uid");
    const again = await stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
    assert.equal(again.code, 0, again.output);

    stack.configure({ manifests: [configMap("2"), secret, statefulSet("members")] });
    assert.match(await stack.up(), /~ 1 updated/);
    assert.equal(await stack.get("configmap", "settings", ".data.value"), "2");
    assert.equal(await stack.get("configmap", "settings", ".metadata.uid"), uid);

    await stack.succeed(stack.pulumi("destroy", "--yes", "--skip-preview"));
    const left = await stack.succeed(stack.kubectl("get", "statefulset,secret,configmap", "--output", "name"));
    assert.deepEqual(left.trim().split("\n"), ["configmap/kube-root-ca.crt"]);
  });

  it("removes fields that left the program, also those of the creation", async () => {
    stack.configure({ manifests: [configMap("1")] });
    await stack.up();
    const { data, ...rest } = configMap("1");
    assert.ok(data);
    stack.configure({ manifests: [{ ...rest, data: { value: "1" } }] });
    await stack.up();
    assert.equal(await stack.get("configmap", "settings", ".data"), '{"value":"1"}');
  });

  it("shows a change by hand after a refresh, and mends it", async () => {
    stack.configure({ manifests: [configMap("1")] });
    await stack.up();
    await stack.succeed(stack.kubectl("patch", "configmap", "settings", "--patch", '{"data":{"value":"by hand"}}'));
    assert.match(await stack.succeed(stack.pulumi("refresh", "--yes", "--skip-preview", "--diff")), /by hand/);
    assert.match(await stack.succeed(stack.pulumi("preview", "--diff")), /"by hand" => "1"/);
    await stack.up();
    assert.equal(await stack.get("configmap", "settings", ".data.value"), "1");
  });

  it("stops at a field that somebody else owns, unless told to take it", async function () {
    // The official plugin takes fields over that kubectl has patched; the stand-in asks first.
    if (official()) this.skip();
    stack.configure({ force: false, manifests: [configMap("1")] });
    await stack.up();
    await stack.succeed(stack.kubectl("patch", "configmap", "settings", "--patch", '{"data":{"value":"by hand"}}'));
    stack.configure({ manifests: [configMap("2")] });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /conflict/i);
    stack.configure({ manifests: [configMap("2", { "pulumi.com/patchForce": "true" })] });
    await stack.up();
    assert.equal(await stack.get("configmap", "settings", ".data.value"), "2");
  });

  it("creates again what was deleted by hand", async () => {
    stack.configure({ manifests: [configMap("1")] });
    await stack.up();
    await stack.succeed(stack.kubectl("delete", "configmap", "settings"));
    assert.match(await stack.succeed(stack.pulumi("refresh", "--yes", "--skip-preview")), /- 1 deleted/);
    assert.match(await stack.up(), /\+ 1 created/);
    assert.equal(await stack.get("configmap", "settings", ".data.value"), "1");
  });

  it("keeps secrets out of the state and of what it prints", async () => {
    stack.configure({ manifests: [secret] });
    const printed = await stack.up();
    const encoded = await stack.get("secret", "secret", ".data.password");
    const password = Buffer.from(encoded, "base64").toString();
    assert.equal(password.length, 24);
    const state = await stack.succeed(stack.pulumi("stack", "export"));
    for (const text of [printed, state]) {
      assert.ok(!text.includes(password) && !text.includes(encoded), "the password stands somewhere in clear text");
    }
  });

  it("refuses to create what exists, unless told to adopt it", async () => {
    await stack.succeed(stack.kubectl("create", "configmap", "settings", "--from-literal=value=by hand"));
    stack.configure({ upsert: false, manifests: [configMap("1")] });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /already exists/);
    stack.configure({ upsert: true });
    await stack.up();
    assert.equal(await stack.get("configmap", "settings", ".data.value"), "1");
  });

  it("replaces for an immutable field", async () => {
    // Adopting, the official provider can't preview it: https://github.com/pulumi/pulumi-kubernetes/issues/3984
    stack.configure({ upsert: false, manifests: [statefulSet("members")] });
    await stack.up();
    const uid = await stack.get("statefulset", "db", ".metadata.uid");
    stack.configure({ manifests: [statefulSet("others")] });
    assert.match(await stack.succeed(stack.pulumi("preview")), /1 to replace/);
    await stack.up();
    assert.equal(await stack.get("statefulset", "db", ".spec.serviceName"), "others");
    assert.notEqual(await stack.get("statefulset", "db", ".metadata.uid"), uid);
  });

  it("tells why a Job failed", async () => {
    stack.configure({ manifests: [failingJob] });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /DeadlineExceeded/);
  });

  it("waits for a StatefulSet no longer than it may, and tells what its pods lack", async () => {
    stack.configure({ timeout: 5, manifests: [statefulSet("members", 1)] });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /'db' timed out waiting to be Ready/);
    assert.match(output, /0 out of 1 replicas succeeded readiness checks/);
    const refreshed = await stack.pulumi("refresh", "--yes", "--skip-preview");
    assert.match(refreshed.output, /'db' was created but failed to initialize/);
    // The object is there and known: the next update goes on from it.
    stack.configure({ timeout: 60, manifests: [statefulSet("members", 0)] });
    assert.match(await stack.up(), /~ 1 updated/);
  });

  it("previews without a cluster, and doesn't pretend to update it", async () => {
    stack.configure({
      kubeconfig: "/no/such/kubeconfig",
      manifests: [configMap("1"), secret, statefulSet("members", 2)],
    });
    assert.match(await stack.succeed(stack.pulumi("preview")), /\+ 6 to create/);
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /cluster is unreachable/);
  });

  it("survives kill -9 in the middle: no plugin stays, and the next update completes the work", async function () {
    // The official plugins outlive a CLI that was killed.
    if (official()) this.skip();
    stack.configure({ manifests: [configMap("1"), slow] });
    const pulumi = stack.start("up", "--yes", "--skip-preview");
    const exited = once(pulumi, "exit");
    await until("the service", async () => (await stack.kubectl("get", "service", "slow")).code === 0);
    const plugins = descendants(pulumi.pid ?? 0);
    assert.ok(plugins.length >= 3, `plugins: ${plugins.join()}`);
    pulumi.kill("SIGKILL");
    await exited;
    await until("the end of the plugins", () => !plugins.some((pid) => existsSync(`/proc/${pid}`)));

    const locked = await stack.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(locked.code, 0);
    assert.match(locked.output, /locked/);
    await stack.succeed(stack.pulumi("cancel", "--yes"));
    await stack.up();
    const again = await stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
    assert.equal(again.code, 0, again.output);
  });

  it("refuses a second update at the same time, and the first one ends well", async () => {
    stack.configure({ manifests: [slow] });
    const first = stack.start("up", "--yes", "--skip-preview");
    const exited = once(first, "exit");
    await until("the service", async () => (await stack.kubectl("get", "service", "slow")).code === 0);
    const second = await stack.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(second.code, 0);
    assert.match(second.output, /the stack is currently locked by 1 lock/);
    assert.deepEqual(await exited, [0, null]);
  });

  it("stops waiting at once when the user interrupts, and the next update completes the work", async () => {
    stack.configure({ manifests: [statefulSet("members", 1)] });
    const pulumi = stack.start("up", "--yes", "--skip-preview");
    const exited = once(pulumi, "exit");
    await until("the StatefulSet", async () => (await stack.kubectl("get", "statefulset", "db")).code === 0);
    pulumi.kill("SIGINT");
    const [code] = (await exited) as [number];
    assert.notEqual(code, 0);
    stack.configure({ manifests: [statefulSet("members", 0)] });
    await stack.up();
  });
});
