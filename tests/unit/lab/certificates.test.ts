import assert from "node:assert/strict";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureAuthority, ensureServerCertificate, type KeyPair } from "../../../lab/certificates";

describe("the lab's certificates", () => {
  let folder: string;
  let authority: X509Certificate;
  let files: KeyPair;
  let server: X509Certificate;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "marimo-certificates-"));
    files = await ensureServerCertificate(folder, "s3.lab.internal", "10.231.0.10");
    authority = new X509Certificate(readFileSync((await ensureAuthority(folder)).certificate));
    server = new X509Certificate(readFileSync(files.certificate));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("hold for the server's name and address, and for no other", () => {
    assert.equal(server.checkHost("s3.lab.internal"), "s3.lab.internal");
    assert.equal(server.checkIP("10.231.0.10"), "10.231.0.10");
    assert.equal(server.checkHost("gcs.lab.internal"), undefined);
    assert.equal(server.checkIP("10.231.0.11"), undefined);
  });

  it("are signed by the authority", () => {
    assert.ok(server.checkIssued(authority));
    assert.ok(server.verify(authority.publicKey));
    assert.ok(server.checkPrivateKey(createPrivateKey(readFileSync(files.key))));
  });

  it("let only the authority sign", () => {
    assert.equal(authority.ca, true);
    assert.equal(server.ca, false);
  });

  it("are made once", async () => {
    const again = await ensureServerCertificate(folder, "s3.lab.internal", "10.231.0.10");
    assert.equal(new X509Certificate(readFileSync(again.certificate)).fingerprint256, server.fingerprint256);
  });

  it("keep their keys to their owner", () => {
    assert.equal(statSync(files.key).mode & 0o077, 0);
  });
});
