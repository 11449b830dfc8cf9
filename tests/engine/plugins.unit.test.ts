import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProgramInfo, RunRequest } from "@pulumi/pulumi/proto/language_pb";
import { GeneratingProvider } from "../../lab/engine/generated";
import { diffProviders } from "../../lab/engine/kubernetes/cluster";
import { connectionOf, readKubeconfig } from "../../lab/engine/kubernetes/kubeconfig";
import { settingsOf } from "../../lab/engine/kubernetes/settings";
import { runArguments, runEnvironment, splitArguments } from "../../lab/engine/language-nodejs";
import { PreviewingProvider } from "../../lab/engine/previews";
import { randomText } from "../../lab/engine/random";
import { changesOf } from "../../lab/engine/provider";
import { unknown, plain, secret, type Value } from "../../lab/engine/values";

describe("Arguments for node", () => {
  it("are split like a shell does", () => {
    assert.deepEqual(splitArguments(`--require tsx/cjs  --title "a b" --x='c d'`), [
      ...["--require", "tsx/cjs", "--title", "a b", "--x=c d"],
    ]);
    assert.deepEqual(splitArguments(""), []);
  });
});

describe("A program's run", () => {
  const request = new RunRequest().setProject("p").setStack("s").setDryrun(true).setParallel(4).setOrganization("o");
  request.setMonitorAddress("127.0.0.1:1").setArgsList(["more"]).setConfigsecretkeysList(["p:b"]);
  const info = new ProgramInfo().setRootDirectory("/r").setProgramDirectory("/r/program").setEntryPoint("index.ts");
  request.setInfo(info).getConfigMap().set("p:a", "1").set("p:b:c", "2");

  it("has the arguments of the official host", () => {
    assert.deepEqual(runArguments(request, "127.0.0.1:2"), [
      ...["--monitor", "127.0.0.1:1", "--engine", "127.0.0.1:2", "--organization", "o", "--project", "p"],
      ...["--root-directory", "/r", "--stack", "s", "--pwd", "/r/program", "--dry-run", "--parallel", "4"],
      ...["index.ts", "more"],
    ]);
  });

  it("has the configuration in its environment, and ts-node only where it isn't turned off", () => {
    const environment = runEnvironment(request, { typescript: false });
    assert.deepEqual(JSON.parse(environment["PULUMI_CONFIG"] ?? ""), { "p:config:a": "1", "p:config:b:c": "2" });
    assert.equal(environment["PULUMI_CONFIG_SECRET_KEYS"], '["p:b"]');
    assert.equal(environment["PULUMI_NODEJS_TYPESCRIPT"], undefined);
    assert.equal(runEnvironment(request, {})["PULUMI_NODEJS_TYPESCRIPT"], "true");
  });
});

describe("A random text", () => {
  const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

  it("has the length and the minimum of each class", () => {
    const text = randomText({ length: 12, minUpper: 3, minNumeric: 4, minSpecial: 2, overrideSpecial: "-_" });
    assert.equal(text.length, 12);
    assert.ok(count(text, /[A-Z]/g) >= 3 && count(text, /[0-9]/g) >= 4 && count(text, /[-_]/g) >= 2, text);
    assert.match(text, /^[A-Za-z0-9_-]+$/);
  });

  it("has no special characters where they are off", () => {
    assert.match(randomText({ length: 200, special: false }), /^[A-Za-z0-9]{200}$/);
  });

  it("is refused where the minimums don't fit", () => {
    assert.throws(() => randomText({ length: 2, minUpper: 3 }), /length is 2: it must be at least/);
  });
});

describe("A provider of generated resources", () => {
  const provider = new GeneratingProvider(
    "test",
    "1.0.0",
    new Map([
      [
        "test:index:Thing",
        {
          ...{ required: ["size"], outputs: ["value"], secretOutputs: ["value"], defaults: { shape: "round" } },
          generate: () => ({ id: "1", outputs: { value: "made" } }),
        },
      ],
    ]),
  );
  const thing = { urn: "urn", type: "test:index:Thing", name: "thing" };

  it("refuses a type that it doesn't know", () => {
    assert.throws(
      () => provider.check({ ...thing, type: "test:index:Other" }, {}),
      /Unknown resource type test:index:Other/,
    );
  });

  it("names a missing input and fills in defaults", () => {
    const { inputs, failures } = provider.check(thing, {});
    assert.deepEqual(inputs, { shape: "round" });
    assert.deepEqual(
      failures?.map(({ property }) => property),
      ["size"],
    );
  });

  it("generates once, hides the secret, and has nothing but unknowns in a preview", async () => {
    const made = await provider.create(thing, { size: 1 }, { preview: false, timeout: 0 });
    assert.deepEqual(made.state, { size: 1, value: secret("made") });
    const planned = await provider.create(thing, { size: 1 }, { preview: true, timeout: 0 });
    assert.equal(plain(planned.state["value"] as Value), unknown);
  });

  it("replaces for any change, and for none not", () => {
    const state = { size: 1, value: secret("made") };
    assert.equal(provider.diff(thing, state, { size: 1 }, { size: 1 }, []).changes.size, 0);
    assert.equal(provider.diff(thing, state, { size: 2 }, { size: 1 }, []).changes.get("size")?.replace, true);
  });
});

describe("Changes", () => {
  it("are added, updated and deleted properties", () => {
    const changes = changesOf({ a: 1, b: 2, c: 3 }, { a: 1, b: 3, d: 4 }, false);
    assert.deepEqual(
      [...changes].map(([key, { kind }]) => `${kind} ${key}`),
      ["update b", "delete c", "add d"],
    );
  });
});

const kubeconfig = (server: string): string =>
  JSON.stringify({
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": Buffer.from("CA").toString("base64") } }],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "n" } }],
    "current-context": "x",
  });

describe("A kubeconfig", () => {
  it("is given as text or as a path", () => {
    const folder = mkdtempSync(join(tmpdir(), "engine-"));
    const path = join(folder, "config");
    writeFileSync(path, kubeconfig("https://a"));
    const wanted = { server: "https://a", namespace: "n", ca: "CA", token: "t", insecure: false };
    for (const given of [path, kubeconfig("https://a")]) {
      assert.deepEqual(connectionOf(readKubeconfig(given), {}), wanted);
    }
    rmSync(folder, { recursive: true });
  });

  it("that names nothing says what is missing", () => {
    assert.throws(
      () => connectionOf(readKubeconfig(kubeconfig("https://a")), { context: "y" }),
      /no context named "y"/,
    );
    assert.throws(() => readKubeconfig("/no/such/file"), /\/no\/such\/file.* is neither a file that exists nor/);
  });
});

describe("A provider of another cluster", () => {
  const replaces = (olds: Record<string, string>, news: Record<string, string>): string[] =>
    [...diffProviders(olds, news).changes].filter(([, { replace }]) => replace).map(([name]) => name);
  const [one, other] = [kubeconfig("https://a"), kubeconfig("https://b")];

  it("is replaced, one of the same cluster isn't", () => {
    assert.deepEqual(replaces({ kubeconfig: one }, { kubeconfig: other }), ["kubeconfig"]);
    assert.deepEqual(replaces({ kubeconfig: one }, { kubeconfig: `${one} ` }), []);
  });

  it("is told apart by the identifier alone, where there is one", () => {
    const [old, same] = [
      { kubeconfig: one, clusterIdentifier: "1" },
      { kubeconfig: other, clusterIdentifier: "1" },
    ];
    assert.deepEqual(replaces(old, same), []);
    assert.deepEqual(replaces(old, { kubeconfig: one, clusterIdentifier: "2" }), ["clusterIdentifier"]);
  });
});

describe("A cloud's plugin that answers previews alone", () => {
  const plugin = new PreviewingProvider("1.0.0");
  const bucket = { urn: "urn:pulumi:s::p::aws:s3/bucket:Bucket::b", type: "aws:s3/bucket:Bucket", name: "b" };
  const [inputs, timeout] = [{ bucket: "b" }, 0];

  it("knows of a preview's resource what the program said, and nothing else", async () => {
    assert.deepEqual(await plugin.create(bucket, inputs, { preview: true, timeout }), { id: "", state: inputs });
  });

  it("changes nothing, and pretends nothing", async () => {
    const refused = /Bucket::b: .*answers previews alone/;
    await assert.rejects(plugin.create(bucket, inputs, { preview: false, timeout }), refused);
    await assert.rejects(plugin.update(bucket, inputs, inputs, { preview: false, timeout }), refused);
    await assert.rejects(plugin.read(bucket), refused);
    await assert.rejects(plugin.delete(bucket), refused);
  });
});

describe("Settings of the provider", () => {
  const variables = (values: Record<string, string>): Map<string, string> =>
    new Map(Object.entries(values).map(([name, value]) => [`kubernetes:config:${name}`, value]));

  it("are read from the engine's variables", () => {
    const settings = settingsOf(variables({ namespace: "n", enablePatchForce: "true", context: "c" }));
    assert.deepEqual([settings.namespace, settings.force, settings.upsert], ["n", true, false]);
    assert.equal(settings.selection.context, "c");
  });

  it("are refused where the stand-in can't do what they ask", () => {
    const asked = variables({ enableServerSideApply: "false", renderYamlToDirectory: "out" });
    assert.throws(() => settingsOf(asked), /can't do renderYamlToDirectory, enableServerSideApply/);
  });
});
