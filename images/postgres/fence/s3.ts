import { createHash } from "node:crypto";
import { GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import type { Reading, Write } from "../../../domain/lease";
import type { S3Repository } from "../../../domain/repository";
import { s3Credentials, s3Settings } from "../stores/s3";
import { type LeaseVault, parseLease, requestSeconds, storeTime } from "./vault";

/** What S3 answers where the condition of a write does not hold, and where two writes meet. */
const PRECONDITION_FAILED = 412;
const CONFLICT = 409;

/** A write of the lease. A bucket with a lock takes nothing without its checksum. */
export const writeRequest = (object: { readonly Bucket: string; readonly Key: string }, { version, lease }: Write) => {
  const Body = JSON.stringify(lease);
  return {
    ...object,
    ...(version === undefined ? { IfNoneMatch: "*" } : { IfMatch: version }),
    Body,
    ContentMD5: createHash("md5").update(Body).digest("base64"),
    ContentType: "application/json",
  };
};

/** The lease in S3: versions are ETags, conditions `If-Match` and `If-None-Match`. */
export class S3LeaseVault implements LeaseVault {
  readonly vault = "s3";
  private readonly client: S3Client;
  private readonly object: { readonly Bucket: string; readonly Key: string };

  constructor(repository: S3Repository, key: string) {
    this.client = new S3Client({
      ...s3Settings(repository),
      // A second attempt is the next round's.
      maxAttempts: 1,
      ...s3Credentials(repository),
    });
    this.object = { Bucket: repository.bucket, Key: key };
  }

  async read(): Promise<Reading> {
    const command = new GetObjectCommand(this.object);
    let date: string | undefined;
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        date = (result.response as { headers: Record<string, string> }).headers["date"];
        return result;
      },
      // Inside of the SDK's own deserializer, which throws where there is no object: that answer has a `Date` too.
      { step: "deserialize", priority: "low" },
    );
    try {
      const { Body, ETag } = await this.client.send(command, {
        abortSignal: AbortSignal.timeout(requestSeconds * 1000),
      });
      const lease = parseLease((await Body?.transformToString()) ?? "");
      return { vault: this.vault, version: ETag, lease, storeTime: storeTime(date) };
    } catch (error) {
      if (!(error instanceof NoSuchKey)) throw error;
      return { vault: this.vault, version: undefined, lease: undefined, storeTime: storeTime(date) };
    }
  }

  async write(write: Write): Promise<boolean> {
    const command = new PutObjectCommand(writeRequest(this.object, write));
    try {
      await this.client.send(command, { abortSignal: AbortSignal.timeout(requestSeconds * 1000) });
      return true;
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      const status = error.$metadata.httpStatusCode;
      if (status === PRECONDITION_FAILED || status === CONFLICT) return false;
      throw error;
    }
  }
}
