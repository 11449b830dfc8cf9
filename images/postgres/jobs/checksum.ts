import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

/** The file is not what its checksum says. */
export class WrongChecksum extends Error {
  constructor(what: string, wanted: string, found: string) {
    super(`${what} has the SHA-256 ${found}, and not ${wanted}: it was damaged after it was written`);
    this.name = "WrongChecksum";
  }
}

/** Lets bytes through, and keeps their count and SHA-256. */
export class Sum extends Transform {
  private readonly hash = createHash("sha256");
  bytes = 0;
  /** Hexadecimal; there once the stream has ended. */
  sha256 = "";

  /** @param wanted the stream fails at its end where it has another SHA-256. @default any */
  constructor(
    private readonly what = "",
    private readonly wanted?: string,
  ) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.hash.update(chunk);
    this.bytes += chunk.length;
    done(null, chunk);
  }

  override _flush(done: (error?: Error) => void): void {
    this.sha256 = this.hash.digest("hex");
    if (this.wanted === undefined || this.wanted === this.sha256) done();
    else done(new WrongChecksum(this.what, this.wanted, this.sha256));
  }
}

/** Reads a file whole, and checks it. @returns what `algorithm` makes of it, in base64 @throws WrongChecksum */
export const checkFile = async (file: string, sha256: string, algorithm: "md5" | "sha256"): Promise<string> => {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), new Sum(file, sha256), async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) hash.update(chunk);
  });
  return hash.digest("base64");
};
