import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import {
  GetObjectCommand,
  NoSuchKey,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { Sum } from "../checksum";
import { AlreadyThere, type Kept, NotThere, type Place } from "./place";

/** What S3 answers where the object is there, and where two writes of it meet. */
const PRECONDITION_FAILED = 412;
const CONFLICT = 409;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const maxParts = 10_000;
/** Held in memory, twice. */
const usualPart = 16 * 2 ** 20;

/** A bucket of a server that speaks S3. */
export class S3Place implements Place {
  private readonly client: S3Client;

  constructor(
    readonly name: string,
    private readonly bucket: string,
    settings: S3ClientConfig,
  ) {
    this.client = new S3Client({
      // The wait between them doubles, to ten seconds or so in all: a hiccup is outlasted, and an outage is told.
      maxAttempts: 9,
      // A server that takes a request and never answers must not hold a job for good.
      requestHandler: { connectionTimeout: 10_000, socketTimeout: 120_000 },
      ...settings,
    });
  }

  async list(folder: string): Promise<readonly Kept[]> {
    const found: Kept[] = [];
    const request = { Bucket: this.bucket, Prefix: folder, Delimiter: "/" };
    for await (const { Contents = [] } of paginateListObjectsV2({ client: this.client }, request)) {
      for (const { Key = "", Size = 0, LastModified = new Date(0) } of Contents) {
        // The folder itself is an object in some servers.
        if (Key !== folder) found.push({ path: Key, bytes: Size, modified: LastModified });
      }
    }
    return found;
  }

  async read(path: string): Promise<Readable> {
    try {
      const { Body } = await this.client.send(new GetObjectCommand({ Bucket: this.bucket, Key: path }));
      return Body as Readable;
    } catch (error) {
      throw error instanceof NoSuchKey ? new NotThere(this.name, path) : error;
    }
  }

  async write(path: string, file: string, sha256: string): Promise<void> {
    const { size } = await stat(file);
    const body = new Sum(file, sha256);
    const source = createReadStream(file).on("error", (error) => body.destroy(error));
    const upload = new Upload({
      client: this.client,
      // One more checksum with each part, which the server checks. A wrong sum of the whole ends the upload before its last step.
      params: {
        Bucket: this.bucket,
        Key: path,
        Body: source.pipe(body),
        IfNoneMatch: "*",
        ChecksumAlgorithm: "SHA256",
      },
      partSize: Math.max(usualPart, Math.ceil(size / maxParts)),
      queueSize: 2,
      // Its identity may not remove what was begun; the bucket does, after some days (`brokenUploads` in domain/vault.ts).
      leavePartsOnError: true,
    });
    try {
      await upload.done();
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      throw status === PRECONDITION_FAILED || status === CONFLICT ? new AlreadyThere(this.name, path) : error;
    } finally {
      source.destroy();
    }
  }
}
