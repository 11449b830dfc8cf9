import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { answerWithin, EscrowError, readEscrow, readGoogle } from "../../config/escrow";
import { type EscrowPlace, type EscrowReading, escrowPlaces, judgeEscrow } from "../../domain/escrow";
import { type Answer, awsSecretManager, googleSecretManager } from "../support/secretManagers";

const aws = { account: "123456789012", regions: ["eu-central-1", "eu-west-1"] };
const both = escrowPlaces({ environment: "production", aws, gcp: { project: "example" } });
const inAws = escrowPlaces({ environment: "production", aws, gcp: undefined });

const sharedSecrets = {
  ...{ superuser: "s".repeat(16), replication: "r".repeat(16), rewind: "w".repeat(16) },
  authority: { key: "key", certificate: "certificate" },
};
const document = JSON.stringify({ repositoryCipher: "x".repeat(32), sharedSecrets: JSON.stringify(sharedSecrets) });

describe("the copies of the escrow", () => {
  it("lie where the stack global puts them, by configuration alone", () => {
    assert.deepEqual(both, [
      { cloud: "aws", region: "eu-central-1", account: "123456789012", secret: "marimo-production/shared-secrets" },
      { cloud: "aws", region: "eu-west-1", account: "123456789012", secret: "marimo-production/shared-secrets" },
      { cloud: "gcp", project: "example", secret: "marimo-production-shared-secrets" },
    ]);
  });

  const place = fc.constantFrom<EscrowPlace>(...both);
  const living = fc.record({ place, document: fc.constantFrom("one", "other") });
  const dead = fc.record({ place, fault: fc.string() });

  it("one that lives is enough, and two that differ are none", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(living, dead)), (readings: EscrowReading[]) => {
        const documents = new Set(readings.flatMap((one) => ("document" in one ? [one.document] : [])));
        const verdict = judgeEscrow(readings);
        assert.equal(verdict.kind, ["unreadable", "agreed", "different"][documents.size]);
        if (verdict.kind === "agreed") assert.ok(documents.has(verdict.document));
        if (verdict.kind !== "different") {
          assert.equal(verdict.unread.length, readings.filter((one) => "fault" in one).length);
        }
      }),
    );
  });
});

// The servers speak the clouds' protocols as far as they are needed here; that the clouds answer like this they don't prove.
describe("reading the escrow", function () {
  this.timeout(60_000);
  const kept = { ...process.env };
  const servers: { close: () => void }[] = [];
  const home = mkdtempSync(join(tmpdir(), "escrow-test-"));
  after(() => {
    rmSync(home, { recursive: true });
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const name of Object.keys(process.env)) if (!(name in kept)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, kept);
  });

  /** AWS answers so; Google has no credentials here. */
  const withAws = async (answer: (region: string) => Answer, account = aws.account) => {
    const server = await awsSecretManager(answer, account);
    servers.push(server);
    Object.assign(process.env, {
      ...{ AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret", AWS_EC2_METADATA_DISABLED: "true" },
      ...{ AWS_ENDPOINT_URL_SECRETS_MANAGER: server.url, METADATA_SERVER_DETECTION: "none", HOME: home },
    });
    delete process.env["GOOGLE_APPLICATION_CREDENTIALS"];
  };

  const reading = async (places: readonly EscrowPlace[]) => {
    const warnings: string[] = [];
    const escrowed = await readEscrow(places, (message) => warnings.push(message));
    return { escrowed, warnings };
  };

  const refusal = async (places: readonly EscrowPlace[]): Promise<EscrowError> => {
    const error: unknown = await reading(places).then(
      () => assert.fail("it was read"),
      (error: unknown) => error,
    );
    assert.ok(error instanceof EscrowError);
    return error;
  };

  it("gives what the stack global has put there", async () => {
    await withAws(() => ({ text: document }));
    const { escrowed, warnings } = await reading(inAws);
    assert.deepEqual(escrowed, { repositoryCipher: "x".repeat(32), sharedSecrets });
    assert.deepEqual(warnings, []);
  });

  it("takes what lives when a region and the other cloud are dead, and says what is", async () => {
    await withAws((region) => (region === "eu-west-1" ? { text: document } : { refused: "InternalServiceError" }));
    const { escrowed, warnings } = await reading(both);
    assert.deepEqual(escrowed.sharedSecrets, sharedSecrets);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? "",
      /AWS eu-central-1 \(secret .*\): .*InternalServiceError[^]*Google Cloud project example/,
    );
    assert.doesNotMatch(warnings[0] ?? "", /eu-west-1/);
  });

  it("waits for a cloud that doesn't answer no longer than it may", async () => {
    await withAws((region) => (region === "eu-west-1" ? { text: document } : "silence"));
    const start = Date.now();
    const { warnings } = await reading(inAws);
    assert.ok(Date.now() - start < answerWithin.seconds * 1000 + 5000);
    assert.match(warnings.join(), /AWS eu-central-1 .*no answer within 10 s/);
  });

  it("refuses another account's secret, whatever its name", async () => {
    await withAws(() => ({ text: document }), "999999999999");
    assert.match(
      (await refusal(inAws)).message,
      /credentials are of account 999999999999, and awsAccount is 123456789012/,
    );
  });

  it("refuses two copies that differ, and says what to do", async () => {
    await withAws((region) => ({ text: region === "eu-west-1" ? document : document.replace("x", "y") }));
    const { message, unreadable } = await refusal(inAws);
    assert.match(message, /AWS eu-central-1 .* and AWS eu-west-1 .* differ.*pulumi up --stack global/);
    assert.ok(!unreadable);
  });

  it("says of each place why, where none can be read", async () => {
    await withAws(() => ({ refused: "AccessDeniedException" }));
    const { message, unreadable } = await refusal(both);
    assert.match(
      message,
      /eu-central-1.*AccessDenied[^]*eu-west-1.*AccessDenied[^]*project example[^]*Log in to one that lives/,
    );
    assert.ok(unreadable);
  });

  it("never shows what it read, be it nonsense or half of it", async () => {
    for (const text of ["hunter2", '{"repositoryCipher":"hunter2"}', document.replace(/"superuser[^,]*,/, "hunter2")]) {
      await withAws(() => ({ text }));
      const { message } = await refusal(inAws);
      assert.match(message, /holds no repositoryCipher and sharedSecrets/);
      assert.doesNotMatch(message, /hunter2/);
    }
  });

  it("asks Google for the newest version, with the credentials that its tools use", async () => {
    const paths: string[] = [];
    const server = await googleSecretManager((path) => {
      paths.push(path);
      return { text: document };
    });
    servers.push(server);
    delete process.env["GOOGLE_APPLICATION_CREDENTIALS"];
    Object.assign(process.env, { GCE_METADATA_HOST: new URL(server.url).host, HOME: home });
    const secret = "marimo-production-shared-secrets";
    assert.equal(await readGoogle({ cloud: "gcp", project: "example", secret }, server.url), document);
    assert.deepEqual(paths, [`/v1/projects/example/secrets/${secret}/versions/latest:access`]);
  });
});
