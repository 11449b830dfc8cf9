import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { BlockList } from "node:net";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { subnet } from "../../../lab/engine";
import { cniConfiguration, dnsManifest, kindConfiguration, regionNames, regionSubnets } from "../../../lab/kind";
import { paths } from "../../../lab/paths";
import { mergeKubeconfigs } from "../../../lab/regions";

describe("kind's configuration of a region", () => {
  const mounts = { containerStore: "/lab/primary/containerd", cni: "/lab/primary/cni.conflist" };

  it("gives the own node image its container store and its network", () => {
    assert.deepEqual(parse(kindConfiguration("primary", "node:1", mounts)), {
      kind: "Cluster",
      apiVersion: "kind.x-k8s.io/v1alpha4",
      name: "marimo-primary",
      networking: {
        podSubnet: "10.232.0.0/16",
        serviceSubnet: "10.233.0.0/16",
        apiServerAddress: "127.0.0.1",
        disableDefaultCNI: true,
      },
      kubeadmConfigPatches: ["kind: InitConfiguration\nskipPhases:\n  - preflight\n  - addon/coredns\n"],
      nodes: [
        {
          role: "control-plane",
          image: "node:1",
          extraMounts: [
            { hostPath: "/lab/primary/containerd", containerPath: "/var/lib/containerd" },
            {
              hostPath: "/lab/primary/cni.conflist",
              containerPath: "/etc/cni/net.d/10-region.conflist",
              readOnly: true,
            },
          ],
        },
      ],
    });
  });

  it("leaves the official node image its own network and images", () => {
    const { networking, nodes } = parse(kindConfiguration("secondary", "node:1")) as {
      networking: object;
      nodes: object[];
    };
    assert.deepEqual(nodes, [{ role: "control-plane", image: "node:1" }]);
    assert.equal("disableDefaultCNI" in networking, false);
  });

  it("gives no two parts of the lab the same addresses", () => {
    const taken = [subnet, ...regionNames.flatMap((region) => Object.values(regionSubnets[region]))];
    for (const [index, one] of taken.entries()) {
      const block = new BlockList();
      const [address = "", bits] = one.split("/");
      block.addSubnet(address, Number(bits));
      for (const other of taken.slice(index + 1)) {
        assert.equal(block.check(other.split("/")[0] ?? ""), false, `${one} holds ${other}`);
      }
    }
  });

  it("takes the pods' addresses from the region's subnet", () => {
    assert.match(cniConfiguration("secondary"), /"subnet":"10\.234\.0\.0\/16"/);
  });
});

describe("the region's DNS", () => {
  const template = readFileSync(join(paths.root, "lab", "images", "coredns.yaml"), "utf8");
  const hosts = { "s3.lab.internal": "10.231.0.10", "gcs.lab.internal": "10.231.0.11" };
  const manifest = dnsManifest(template, "secondary", "coredns:1", hosts);
  const objects = parseAllDocuments(manifest).map(
    (document) => document.toJS() as { kind: string; data: { Corefile: string }; spec: { clusterIP: string } },
  );
  const find = (kind: string): (typeof objects)[number] => {
    const found = objects.find((object) => object.kind === kind);
    assert.ok(found, kind);
    return found;
  };

  it("answers for the stores before it asks others", () => {
    assert.match(
      find("ConfigMap").data.Corefile,
      / {4}hosts \{\n {8}10\.231\.0\.10 s3\.lab\.internal\n {8}10\.231\.0\.11 gcs\.lab\.internal\n {8}fallthrough\n {4}\}\n {4}forward /,
    );
  });

  it("has the address that kubelet tells the region's pods", () => {
    assert.equal(find("Service").spec.clusterIP, "10.235.0.10");
  });

  it("runs the node's image, and leaves no placeholder", () => {
    assert.match(manifest, /image: coredns:1\n/);
    assert.doesNotMatch(manifest.replace(/^#.*$/gm, ""), /IMAGE|ADDRESS|HOSTS/);
  });
});

describe("the lab's kubeconfig", () => {
  const ofKind = (region: string, port: number): string => `
apiVersion: v1
kind: Config
clusters: [{ name: kind-marimo-${region}, cluster: { server: "https://127.0.0.1:${port}" } }]
users: [{ name: kind-marimo-${region}, user: { token: ${region}-token } }]
contexts: [{ name: kind-marimo-${region}, context: { cluster: kind-marimo-${region}, user: kind-marimo-${region} } }]
current-context: kind-marimo-${region}
`;

  it("has one context per region, named after it", () => {
    const merged = mergeKubeconfigs(
      new Map([
        ["primary", ofKind("primary", 1)],
        ["secondary", ofKind("secondary", 2)],
      ]),
    );
    assert.deepEqual(parse(merged), {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        { name: "primary", cluster: { server: "https://127.0.0.1:1" } },
        { name: "secondary", cluster: { server: "https://127.0.0.1:2" } },
      ],
      users: [
        { name: "primary", user: { token: "primary-token" } },
        { name: "secondary", user: { token: "secondary-token" } },
      ],
      contexts: [
        { name: "primary", context: { cluster: "primary", user: "primary" } },
        { name: "secondary", context: { cluster: "secondary", user: "secondary" } },
      ],
      "current-context": "primary",
    });
  });

  it("is a valid one without any region", () => {
    assert.deepEqual(parse(mergeKubeconfigs(new Map())), {
      apiVersion: "v1",
      kind: "Config",
      clusters: [],
      users: [],
      contexts: [],
      "current-context": "",
    });
  });

  // Two regions went down side by side: kind had emptied one's file while the other's end was written, and `lab down`
  // stopped half-way with "Cannot read properties of undefined".
  it("leaves out a region that kind is just deleting", () => {
    const nulls = "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: ''\nkind: Config\nusers: null\n";
    for (const emptied of [nulls, "apiVersion: v1\nkind: Config\n", ""]) {
      const merged = parse(mergeKubeconfigs(new Map([["primary", emptied]]))) as { contexts: unknown[] };
      assert.deepEqual(merged.contexts, []);
    }
  });
});
