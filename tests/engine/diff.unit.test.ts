import assert from "node:assert/strict";
import { diffObjects, pathText, type DiffSettings } from "../../lab/engine/kubernetes/diff";
import { unknown, type Values } from "../../lab/engine/values";

const frozen: DiffSettings = { mutableConfigMaps: false, mutableSecrets: false };
const mutable: DiffSettings = { mutableConfigMaps: true, mutableSecrets: true };

const statefulSet: Values = {
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name: "db", namespace: "n" },
  spec: {
    replicas: 2,
    serviceName: "members",
    template: {
      spec: {
        hostNetwork: false,
        containers: [{ name: "a", image: "a:1", resources: { limits: { cpu: "1000m", memory: "1024Mi" } } }],
      },
    },
    volumeClaimTemplates: [{ metadata: { name: "data" }, spec: { resources: { requests: { storage: "1Gi" } } } }],
  },
};

/** The same as the API server gives it back: defaults filled in, quantities rewritten, meaningless values dropped. */
const liveStatefulSet: Values = {
  ...statefulSet,
  metadata: { name: "db", namespace: "n", uid: "1", generation: 1 },
  spec: {
    replicas: 2,
    revisionHistoryLimit: 10,
    serviceName: "members",
    template: {
      spec: {
        dnsPolicy: "ClusterFirst",
        containers: [{ name: "a", image: "a:1", resources: { limits: { cpu: "1", memory: "1Gi" } }, stdin: true }],
      },
    },
    volumeClaimTemplates: [{ metadata: { name: "data" }, spec: { resources: { requests: { storage: "1Gi" } } } }],
  },
};

function withSpec(object: Values, spec: Values): Values {
  return { ...object, spec: { ...(object["spec"] as Values), ...spec } };
}

function changesOf(olds: Values, live: Values, news: Values, settings = mutable, ignored: string[] = []) {
  const { changes, deleteBeforeReplace } = diffObjects(olds, live, news, { settings, ignored });
  const list = [...changes].map(([path, { kind, replace }]) => `${replace ? "replace" : kind} ${path}`);
  return { list: list.sort(), deleteBeforeReplace };
}

describe("Difference of a Kubernetes object", () => {
  it("is none where the server only filled in, rewrote or dropped", () => {
    assert.deepEqual(changesOf(statefulSet, liveStatefulSet, statefulSet).list, []);
  });

  it("names the changed field", () => {
    const news = withSpec(statefulSet, { replicas: 3 });
    assert.deepEqual(changesOf(statefulSet, liveStatefulSet, news), {
      list: ["update spec.replicas"],
      deleteBeforeReplace: false,
    });
  });

  it("sees what somebody changed by hand", () => {
    const live = withSpec(liveStatefulSet, { replicas: 0 });
    assert.deepEqual(changesOf(statefulSet, live, statefulSet).list, ["update spec.replicas"]);
  });

  it("does not take 1 for 1000Mi", () => {
    const template = { spec: { containers: [{ name: "a", resources: { limits: { memory: "1000Mi" } } }] } };
    const paths = changesOf(statefulSet, liveStatefulSet, withSpec(statefulSet, { template })).list;
    assert.ok(paths.includes("update spec.template.spec.containers[0].resources.limits.memory"), paths.join());
  });

  it("sees a field that is new in the program, even if its value is false", () => {
    const news = withSpec(statefulSet, { automount: false });
    assert.deepEqual(changesOf(statefulSet, liveStatefulSet, news).list, ["add spec.automount"]);
  });

  const replacements: [string, Values][] = [
    ["spec.serviceName", { serviceName: "other" }],
    ["spec.podManagementPolicy", { podManagementPolicy: "Parallel" }],
    ["spec.selector", { selector: { matchLabels: { a: "b" } } }],
    ["spec.revisionHistoryLimit", { revisionHistoryLimit: 3 }],
  ];
  for (const [path, spec] of replacements) {
    it(`replaces a StatefulSet for ${path}, the old one first as its name is fixed`, () => {
      assert.deepEqual(changesOf(statefulSet, liveStatefulSet, withSpec(statefulSet, spec)), {
        list: [`replace ${path}`],
        deleteBeforeReplace: true,
      });
    });
  }

  it("replaces for a change within a volume claim template", () => {
    const claim = { metadata: { name: "data" }, spec: { resources: { requests: { storage: "2Gi" } } } };
    const { list } = changesOf(statefulSet, liveStatefulSet, withSpec(statefulSet, { volumeClaimTemplates: [claim] }));
    assert.deepEqual(list, ["replace spec.volumeClaimTemplates[0].spec.resources.requests.storage"]);
  });

  it("replaces for another name, without deleting first", () => {
    const news = { ...statefulSet, metadata: { name: "other", namespace: "n" } };
    const difference = changesOf(statefulSet, liveStatefulSet, news);
    assert.deepEqual(difference, { list: ["replace metadata.name"], deleteBeforeReplace: false });
  });

  it("replaces a ConfigMap's data only where the provider isn't told that they are mutable", () => {
    const map = (value: string): Values => ({
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "n" } },
      data: { "a.conf": value },
    });
    assert.deepEqual(changesOf(map("1"), map("1"), map("2"), mutable).list, ['update data["a.conf"]']);
    assert.deepEqual(changesOf(map("1"), map("1"), map("2"), frozen).list, ['replace data["a.conf"]']);
    const immutable = { ...map("1"), immutable: true };
    const news = { ...map("2"), immutable: true };
    assert.deepEqual(changesOf(immutable, immutable, news, mutable).list, ['replace data["a.conf"]']);
  });

  it("counts a value that isn't known yet as a change", () => {
    const news = withSpec(statefulSet, { serviceName: unknown });
    assert.deepEqual(changesOf(statefulSet, liveStatefulSet, news).list, ["replace spec.serviceName"]);
  });

  it("leaves out what ignoreChanges names", () => {
    const news = withSpec(statefulSet, { replicas: 5 });
    assert.deepEqual(changesOf(statefulSet, liveStatefulSet, news, mutable, ["spec.replicas"]).list, []);
  });

  it("sees a field that left the program", () => {
    const map = (labels: Values): Values => ({
      ...{ apiVersion: "v1", kind: "ConfigMap" },
      metadata: { name: "c", namespace: "n", labels },
    });
    const { list } = changesOf(map({ "a.b/c": "1", c: "2" }), map({ "a.b/c": "1", c: "2" }), map({ c: "2" }));
    assert.deepEqual(list, ['delete metadata.labels["a.b/c"]']);
  });
});

describe("Property path", () => {
  it("quotes keys with dots and counts items", () => {
    assert.equal(pathText(["spec", "ports", 0, "port"]), "spec.ports[0].port");
    assert.equal(pathText(["metadata", "annotations", "a.b/c"]), 'metadata.annotations["a.b/c"]');
  });
});
