import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { filesOf, latestDump } from "../../domain/dumps";
import type { KeptResult } from "../../domain/jobs";
import { lockFolder } from "../../images/postgres/jobs/lock";
import { LocalDumps } from "../../images/postgres/jobs/localDumps";
import { renderMetrics } from "../../images/postgres/jobs/metrics";
import { FolderPlace } from "../../images/postgres/jobs/places/folder";
import { GcsPlace } from "../../images/postgres/jobs/places/gcs";
import { AlreadyThere, NotThere, type Place } from "../../images/postgres/jobs/places/place";
import { S3Place } from "../../images/postgres/jobs/places/s3";

const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "dump-test-"))));
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const put = (name: string, content = name): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

const name = "marimo_backup_20261124_020000";
const files = filesOf(name);
const old = filesOf("marimo_backup_20261123_020000");
const partial = (file: string) => `.${file}.partial`;

describe("the volume of dumps", () => {
  it("gets a dump's three files and its link", async () => {
    const local = new LocalDumps(folder);
    put(partial(files.dump), "dump");
    await local.publish(name, sha256("dump"), "{}");
    await local.pointLatest(name);
    assert.deepEqual(readdirSync(folder).sort(), [files.dump, files.meta, files.checksum, latestDump].sort());
    assert.equal(readFileSync(join(folder, files.checksum), "utf8"), `${sha256("dump")}  ${files.dump}\n`);
    assert.equal(readlinkSync(join(folder, latestDump)), files.dump);
  });

  // Each: what a run left that was killed there. The dump of the day before must stay, and its link.
  const killed: [string, string[]][] = [
    ["dumping", [partial(files.dump)]],
    ["writing the checksum", [partial(files.dump), partial(files.checksum)]],
    ["before the first name", [partial(files.dump), partial(files.checksum), partial(files.meta)]],
    ["after the first name", [partial(files.dump), files.checksum, partial(files.meta)]],
    ["before the last name", [partial(files.dump), files.checksum, files.meta]],
  ];
  for (const [where, left] of killed) {
    it(`a run killed ${where} leaves what the next one removes, and nothing else goes`, async () => {
      for (const file of [...Object.values(old), ...left, "notes.txt"]) put(file);
      symlinkSync(old.dump, join(folder, latestDump));
      const local = new LocalDumps(folder);
      assert.deepEqual((await local.removeRemains()).sort(), left.sort());
      assert.deepEqual(readdirSync(folder).sort(), [...Object.values(old), "notes.txt", latestDump].sort());
    });
  }

  it("a run killed between the names and the link leaves a whole dump; the next one's link passes it", async () => {
    for (const file of [...Object.values(old), ...Object.values(files)]) put(file);
    symlinkSync(old.dump, join(folder, latestDump));
    symlinkSync(files.dump, join(folder, partial(latestDump)));
    const local = new LocalDumps(folder);
    await local.removeRemains();
    await local.pointLatest(name);
    assert.equal(readlinkSync(join(folder, latestDump)), files.dump);
    assert.equal((await local.dumps()).length, 2);
  });

  it("a checksum that somebody brought before its dump stays", async () => {
    put(files.checksum);
    assert.deepEqual(await new LocalDumps(folder).removeRemains(), []);
    assert.deepEqual(readdirSync(folder), [files.checksum]);
  });

  it("is one run's at a time, and the second learns whose", async () => {
    const first = await lockFolder(folder, "Wait");
    await assert.rejects(lockFolder(folder, "Wait"), /another run is at work there: \S+ since 20/);
    first.release();
    // The kernel frees it when the holder's process has ended, a moment later.
    for (;;) {
      try {
        (await lockFolder(folder, "Wait")).release();
        return;
      } catch (error) {
        assert.match(String(error), /another run/);
      }
    }
  });
});

type Answer = { status: number; headers?: Record<string, string>; body?: string } | "break off";

/** A server that answers as it is told, request by request; what it doesn't expect it answers with 501. */
const serve = async (
  answers: ((request: IncomingMessage, body: string) => Answer)[],
): Promise<Server & { url: string }> => {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const answer = answers.shift()?.(request, body) ?? { status: 501 };
      if (answer === "break off") request.socket.destroy();
      else response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
};

/** These show how faults of a store are answered. That real servers speak so is the lab's to show (tests/lab/backups.lab.test.ts). */
describe("places for copies", () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  const s3 = async (...answers: Parameters<typeof serve>[0]): Promise<Place> => {
    const started = await serve(answers);
    server = started;
    return new S3Place("s3", "bucket", {
      endpoint: started.url,
      region: "here",
      forcePathStyle: true,
      credentials: { accessKeyId: "a", secretAccessKey: "b" },
    });
  };
  const gcs = async (...answers: Parameters<typeof serve>[0]): Promise<Place> => {
    const started = await serve(answers);
    server = started;
    return new GcsPlace({ name: "gcs", bucket: "bucket", endpoint: undefined, keyType: "token" }, started.url);
  };

  it("S3: a write carries its condition and its checksum, and is tried again after a 500", async () => {
    const file = put("x", "content");
    const seen: unknown[] = [];
    const place = await s3(
      () => ({ status: 500, body: "<Error><Code>InternalError</Code></Error>" }),
      ({ headers, method, url }, body) => {
        seen.push(method, url?.split("?")[0], headers["if-none-match"], headers["x-amz-checksum-sha256"], body);
        return { status: 200, headers: { etag: '"e"' } };
      },
    );
    await place.write("dumps/x", file, sha256("content"));
    const checksum = createHash("sha256").update("content").digest("base64");
    assert.deepEqual(seen, ["PUT", "/bucket/dumps/x", "*", checksum, "content"]);
  });

  it("S3: what is there is not overwritten, and what isn't there is said", async () => {
    const file = put("x", "content");
    const place = await s3(
      () => ({ status: 412, body: "<Error><Code>PreconditionFailed</Code></Error>" }),
      () => ({ status: 404, body: "<Error><Code>NoSuchKey</Code></Error>" }),
    );
    await assert.rejects(place.write("dumps/x", file, sha256("content")), AlreadyThere);
    await assert.rejects(place.read("dumps/x"), NotThere);
  });

  it("S3: expired credentials are an error at once", async () => {
    const place = await s3(() => ({
      status: 400,
      body: "<Error><Code>ExpiredToken</Code><Message>old</Message></Error>",
    }));
    await assert.rejects(place.list("dumps/"), /old/);
  });

  it("GCS: an upload that broke off goes on where the store had got to", async () => {
    const content = Buffer.alloc(20 * 2 ** 20, "x");
    const file = join(folder, "big");
    writeFileSync(file, content);
    const ranges: unknown[] = [];
    const md5Hash = createHash("md5").update(content).digest("base64");
    const note = (request: IncomingMessage) => ranges.push(request.headers["content-range"]);
    const place = await gcs(
      ({ url }, body) => {
        assert.match(url ?? "", /ifGenerationMatch=0/);
        assert.deepEqual(JSON.parse(body), { name: "dumps/big", md5Hash });
        return { status: 200, headers: { location: `${(server as Server & { url: string }).url}/session` } };
      },
      (request) => {
        note(request);
        return "break off";
      },
      (request) => {
        note(request);
        return { status: 308, headers: { range: "bytes=0-1048575" } };
      },
      (request) => {
        note(request);
        return { status: 308, headers: { range: `bytes=0-${17 * 2 ** 20 - 1}` } };
      },
      (request) => {
        note(request);
        return { status: 200, body: JSON.stringify({ md5Hash }) };
      },
    );
    await place.write("dumps/big", file, sha256(content));
    const size = content.length;
    assert.deepEqual(ranges, [
      `bytes 0-${16 * 2 ** 20 - 1}/${size}`,
      `bytes */${size}`,
      `bytes ${2 ** 20}-${17 * 2 ** 20 - 1}/${size}`,
      `bytes ${17 * 2 ** 20}-${size - 1}/${size}`,
    ]);
  });

  it("GCS: what is there is not overwritten, and a body that breaks off is an error", async () => {
    const file = put("x", "content");
    const place = await gcs(
      () => ({ status: 412 }),
      () => ({ status: 200, headers: { "content-length": "100" }, body: "short" }),
    );
    await assert.rejects(place.write("dumps/x", file, sha256("content")), AlreadyThere);
    server?.prependListener("request", (_request, response) => {
      response.on("finish", () => {
        server?.closeAllConnections();
      });
    });
    const stream = await place.read("dumps/x").catch((error: unknown) => error);
    await assert.rejects(stream instanceof Error ? Promise.reject(stream) : text(stream as NodeJS.ReadableStream));
  });

  it("a folder: whole or not at all, and never overwritten", async () => {
    const file = put("x", "content");
    const place = new FolderPlace("offsite", join(folder, "root"));
    assert.deepEqual(await place.list("dumps/"), []);
    await assert.rejects(place.write("dumps/x", file, sha256("other")), /damaged after it was written/);
    assert.deepEqual(readdirSync(join(folder, "root", "dumps")), []);
    await place.write("dumps/x", file, sha256("content"));
    await assert.rejects(place.write("dumps/x", file, sha256("content")), AlreadyThere);
    assert.deepEqual(
      (await place.list("dumps/")).map(({ path, bytes }) => [path, bytes]),
      [["dumps/x", 7]],
    );
    assert.equal(await text(await place.read("dumps/x")), "content");
    await assert.rejects(place.read("dumps/y"), NotThere);
  });

  it("nothing is stored anywhere of a file that isn't what its checksum says", async () => {
    const file = put("x", "content");
    // Neither server is asked for anything.
    for (const place of [await s3(), await gcs()]) {
      await assert.rejects(place.write("dumps/x", file, sha256("other")), /damaged after it was written/);
    }
  });
});

it("metrics tell of each job's newest run, and of the last good one", async () => {
  const result: KeptResult = {
    ...{ job: "dump", region: "eu", startedAt: "2026-11-24T02:00:00Z", endedAt: "2026-11-24T02:01:00Z", good: false },
    ...{ faults: [{ what: "a", where: "b", remedy: "c" }], measures: { bytes: 7 }, facts: {} },
    lastGoodAt: "2026-11-23T02:01:00Z",
  };
  const text = await renderMetrics([result]);
  const value = (metric: string) => new RegExp(`^marimo_backup_${metric}\\{job="dump"\\} (\\S+)$`, "m").exec(text)?.[1];
  assert.equal(value("last_end_timestamp_seconds"), String(Date.parse(result.endedAt) / 1000));
  assert.equal(value("last_success_timestamp_seconds"), String(Date.parse("2026-11-23T02:01:00Z") / 1000));
  assert.deepEqual([value("good"), value("faults"), value("bytes"), value("seconds")], ["0", "1", "7", undefined]);
  assert.match(text, /# EOF\n$/);
});
