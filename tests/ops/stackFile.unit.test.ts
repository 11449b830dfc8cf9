import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigurationError } from "../../config/parse";
import { readDnsName, readStackFile, writeStackFile } from "../../config/stackFile";
import { renderSettings } from "../../ops/settings";

const text = `# Why this region is as it is.
encryptionsalt: v1:abc
config:
  marimo-dr:role: standby # since the drill
  marimo-dr:region: eu-central-1
  marimo-dr:postgresImage: registry.example.com/marimo-erp/postgres:17-1
  marimo-dr:postgresMembers: 3
  marimo-dr:otherRegion: db.us.example.com:5432
  marimo-dr:storeCa: |
    -----BEGIN CERTIFICATE-----
    MIIB
    -----END CERTIFICATE-----
  marimo-dr:repositoryCipher:
    secure: v1:xyz
`;

describe("a stack's file", () => {
  const project = mkdtempSync(join(tmpdir(), "marimo-dr-stack-"));
  const file = join(project, "Pulumi.primary.yaml");
  beforeEach(() => {
    writeFileSync(join(project, "Pulumi.yaml"), "name: marimo-dr\n");
    writeFileSync(file, text);
  });
  after(() => {
    rmSync(project, { recursive: true });
  });

  it("is read with the defaults, and without what is encrypted", () => {
    const { values } = readStackFile(project, "primary");
    assert.equal(values.role, "standby");
    assert.equal(values.postgresMembers, 3);
    assert.equal(values.namespace, "marimo-erp");
    assert.deepEqual(values.otherRegion, { host: "db.us.example.com", port: 5432 });
    assert.equal(values.repositoryCipher, undefined);
  });

  it("changes in the keys that are told, and in nothing else", () => {
    writeStackFile(project, "primary", { role: "primary", confirmLost: "s3:7" });
    const expected = text.replace("role: standby", "role: primary") + "  marimo-dr:confirmLost: s3:7\n";
    assert.equal(readFileSync(file, "utf8"), expected);
    assert.deepEqual(readStackFile(project, "primary").values.confirmLost, [{ lost: "s3", term: 7 }]);
  });

  it("is refused with a value outside of its key's limits, which is named", () => {
    writeStackFile(project, "primary", { role: "leader" });
    assert.throws(
      () => readStackFile(project, "primary"),
      (error) => error instanceof ConfigurationError && /role in .* is "leader"/.test(error.message),
    );
  });

  it("makes settings that differ between the roles in the section that follows, and in nothing else", () => {
    const { values } = readStackFile(project, "primary");
    const standby = JSON.parse(renderSettings(values)) as Record<string, unknown>;
    const primary = JSON.parse(renderSettings({ ...values, role: "primary" })) as Record<string, unknown>;
    assert.ok("standby_cluster" in standby);
    delete standby["standby_cluster"];
    // Byte for byte: it is what the runbook does by hand.
    assert.equal(JSON.stringify(standby), JSON.stringify(primary));
  });

  it("of the stack global names where clients are led, if it is there and has a name", () => {
    assert.equal(readDnsName(project), undefined);
    const global = join(project, "Pulumi.global.yaml");
    writeFileSync(global, "config:\n  marimo-dr:role: global\n");
    assert.equal(readDnsName(project), undefined);
    writeFileSync(global, "config:\n  marimo-dr:dnsName: api.example.com\n");
    assert.equal(readDnsName(project), "api.example.com");
  });
});
