import assert from "node:assert/strict";
import { describePod, readinessOf, type Verdict } from "../../lab/engine/kubernetes/conditions";
import type { Values } from "../../lab/engine/values";

function assess(object: Values, related: Values[] = []): Verdict {
  const condition = readinessOf(object);
  assert.ok(condition, `nothing is awaited for ${JSON.stringify(object["kind"])}`);
  return condition.assess(object, related);
}

const crashing: Values = {
  metadata: { name: "db-0", namespace: "n" },
  status: {
    conditions: [{ type: "Ready", status: "False", message: "containers with unready status: [db]" }],
    containerStatuses: [
      {
        ...{ name: "db", ready: false },
        state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s restarting failed container" } },
        lastState: { terminated: { reason: "Error", exitCode: 1, message: "repository s3: wrong passphrase\n" } },
      },
    ],
  },
};

describe("A StatefulSet", () => {
  const set = (status: Values, generation = 1, strategy = "RollingUpdate"): Values => ({
    ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "db", generation } },
    spec: { replicas: 2, updateStrategy: { type: strategy } },
    status,
  });
  const revisions = { currentRevision: "a", updateRevision: "a" };
  const full = { observedGeneration: 1, replicas: 2, readyReplicas: 2, currentReplicas: 2, ...revisions };

  const table: [string, Values, boolean][] = [
    ["is ready with all members of one revision", set(full), true],
    ["is not ready before the controller has seen the newest generation", set(full, 2), false],
    ["is not ready while a member is missing", set({ ...full, readyReplicas: 1 }), false],
    ["is not ready in the middle of a rollout", set({ ...full, updateRevision: "b" }), false],
    ["is not ready without any status", set({}), false],
    [
      "that is updated by hand is ready although the revisions differ",
      set({ ...full, observedGeneration: 2, updateRevision: "b", currentReplicas: 0 }, 2, "OnDelete"),
      true,
    ],
  ];
  for (const [name, object, ready] of table) {
    it(name, () => {
      assert.equal(assess(object).ready, ready);
    });
  }

  it("tells why its pods are not ready, with what the container said last", () => {
    const { reasons } = assess(set({ ...full, readyReplicas: 0 }), [crashing]);
    assert.match(reasons.join("\n"), /0 out of 2 replicas succeeded readiness checks/);
    assert.match(reasons.join("\n"), /CrashLoopBackOff.*exit code 1.*repository s3: wrong passphrase/);
  });
});

describe("A Deployment", () => {
  const deployment = (status: Values): Values => ({
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", generation: 3 } },
    spec: { replicas: 1 },
    status,
  });
  const available = { type: "Available", status: "True" };
  const full = {
    observedGeneration: 3,
    replicas: 1,
    updatedReplicas: 1,
    availableReplicas: 1,
    conditions: [available],
  };

  it("is ready when its new pods are available and the old ones gone", () => {
    assert.equal(assess(deployment(full)).ready, true);
    assert.equal(assess(deployment({ ...full, replicas: 2 })).ready, false);
    assert.equal(assess(deployment({ ...full, observedGeneration: 2 })).ready, false);
  });

  it("tells what its conditions say", () => {
    const late = { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "timed out" };
    assert.deepEqual(assess(deployment({ ...full, replicas: 0, conditions: [late] })).reasons, [
      "[ProgressDeadlineExceeded] timed out",
    ]);
  });
});

describe("A Job", () => {
  const job = (...conditions: Values[]): Values => ({
    ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name: "j", namespace: "n" } },
    status: { conditions },
  });

  it("is ready when it is complete, and only then", () => {
    assert.equal(assess(job({ type: "Complete", status: "True" })).ready, true);
    assert.equal(assess(job()).ready, false);
  });

  it("fails at once, with its reason and its pods' last words", () => {
    const verdict = assess(
      job({ type: "Failed", status: "True", reason: "BackoffLimitExceeded", message: "Job has reached the limit" }),
      [crashing],
    );
    assert.equal(verdict.failed, true);
    assert.match(verdict.reasons.join("\n"), /BackoffLimitExceeded.*limit[^]*wrong passphrase/);
  });
});

describe("A Service", () => {
  const service = (spec: Values): Values => ({ apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec });
  const endpoints = (notReadyAddresses: Values[]): Values => ({ subsets: [{ notReadyAddresses }] });

  it("without a selector or without an address of its own waits for nothing", () => {
    assert.equal(assess(service({})).ready, true);
    assert.equal(assess(service({ clusterIP: "None", selector: { a: "b" } })).ready, true);
  });

  it("waits until no pod that it selects is unready", () => {
    const selecting = service({ clusterIP: "10.0.0.1", selector: { a: "b" } });
    assert.equal(assess(selecting).ready, false);
    assert.equal(assess(selecting, [endpoints([{ ip: "1.2.3.4" }])]).ready, false);
    assert.equal(assess(selecting, [endpoints([])]).ready, true);
  });
});

describe("A PersistentVolumeClaim", () => {
  const claim = (phase: string): Values => ({
    ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "c" } },
    spec: { storageClassName: "standard" },
    status: { phase },
  });

  it("must be bound, unless its class waits for the first pod", () => {
    assert.equal(assess(claim("Bound")).ready, true);
    assert.equal(assess(claim("Pending"), [{ volumeBindingMode: "Immediate" }]).ready, false);
    assert.equal(assess(claim("Pending"), [{ volumeBindingMode: "WaitForFirstConsumer" }]).ready, true);
  });
});

describe("A pod's description", () => {
  it("is empty for a ready pod", () => {
    assert.deepEqual(describePod({ status: { conditions: [{ type: "Ready", status: "True" }] } }), []);
  });

  it("tells why it isn't scheduled", () => {
    const message = "0/1 nodes are available: 1 Insufficient memory.";
    const pod = {
      metadata: { name: "p", namespace: "n" },
      status: { conditions: [{ type: "PodScheduled", status: "False", message }] },
    };
    assert.deepEqual(describePod(pod), [`[Pod n/p]: ${message}`]);
  });
});
