import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Write } from "../../domain/lease";
import { writeRequest } from "../../images/postgres/fence/s3";

// An S3 bucket with a default lock refuses every PUT without Content-MD5 or another checksum, and the SDK sends none where the API
// doesn't demand it: on the vaults of the stack global no region could ever have taken its lease.
describe("a write of the lease into S3", () => {
  const write = { version: undefined, lease: { holder: "primary", term: 1 } } as unknown as Write;
  const object = { Bucket: "vault", Key: "marimo/lease/writer.json" };

  it("carries the checksum of what it writes", () => {
    const { Body, ContentMD5 } = writeRequest(object, write);
    assert.equal(ContentMD5, createHash("md5").update(Buffer.from(Body, "utf8")).digest("base64"));
    assert.deepEqual(JSON.parse(Body), write.lease);
  });

  it("succeeds only on the version that was read", () => {
    const first = writeRequest(object, write);
    assert.deepEqual(["IfNoneMatch" in first && first.IfNoneMatch, "IfMatch" in first], ["*", false]);
    const next = writeRequest(object, { ...write, version: '"etag"' });
    assert.deepEqual(["IfMatch" in next && next.IfMatch, "IfNoneMatch" in next], ['"etag"', false]);
  });
});
