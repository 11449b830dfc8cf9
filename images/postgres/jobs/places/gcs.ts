import { open, type FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { GoogleAuth } from "google-auth-library";
import type { GcsRepository } from "../../../../domain/repository";
import { gcsKey, gcsUrl } from "../../stores/gcs";
import { checkFile } from "../checksum";
import { messageOf } from "../../log";
import { AlreadyThere, type Kept, NotThere, type Place } from "./place";

const NOT_FOUND = 404;
const PRECONDITION_FAILED = 412;
/** "Resume Incomplete": https://cloud.google.com/storage/docs/performing-resumable-uploads */
const INCOMPLETE = 308;

/** A multiple of 256 KiB, as the service demands; held in memory. */
const chunkBytes = 16 * 2 ** 20;
const requestMs = 60_000;
const noLimit = 0;
const chunkMs = 600_000;
const attempts = 5;

interface ObjectResource {
  readonly name: string;
  readonly size: string;
  readonly updated: string;
  readonly md5Hash?: string;
}

interface Request {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

class Refused extends Error {
  constructor(
    readonly status: number,
    what: string,
    text: string,
  ) {
    super(`${what} answers ${status}: ${text.replace(/\s+/g, " ").slice(0, 300)}`);
    this.name = "Refused";
  }
}

/** https://cloud.google.com/storage/docs/retry-strategy#retryable */
const isPassing = (error: unknown): boolean =>
  !(error instanceof Refused) || error.status === 408 || error.status === 429 || error.status >= 500;

/**
 * A bucket of Google Cloud Storage, by its JSON API. Google's own client can't: it knows no plain token, brings an older copy of the
 * library for identities, and deletes an upload that it finds wrong, which no identity of a region may.
 */
export class GcsPlace implements Place {
  readonly name = "gcs";
  private readonly token: () => Promise<string>;

  constructor(
    private readonly repository: GcsRepository,
    private readonly url = gcsUrl(repository),
  ) {
    const { token, keyFile } = gcsKey(repository);
    const auth = new GoogleAuth({
      scopes: "https://www.googleapis.com/auth/devstorage.read_write",
      ...(keyFile !== undefined && { keyFile }),
    });
    this.token = async () => token ?? (await auth.getAccessToken()) ?? "";
  }

  async list(folder: string): Promise<readonly Kept[]> {
    const found: Kept[] = [];
    let pageToken: string | undefined;
    do {
      const query = new URLSearchParams({
        prefix: folder,
        delimiter: "/",
        ...(pageToken !== undefined && { pageToken }),
      });
      const response = await this.again(() => this.send(`${this.objects()}?${query.toString()}`, `listing ${folder}`));
      const page = (await response.json()) as { items?: ObjectResource[]; nextPageToken?: string };
      for (const { name, size, updated } of page.items ?? []) {
        if (name !== folder) found.push({ path: name, bytes: Number(size), modified: new Date(updated) });
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
    return found;
  }

  async read(path: string): Promise<Readable> {
    try {
      const url = `${this.objects()}/${encodeURIComponent(path)}?alt=media`;
      // The body may take as long as it takes; undici ends one that stands still.
      const { body } = await this.again(() => this.send(url, `reading ${path}`, {}, noLimit));
      return body === null ? Readable.from([]) : Readable.fromWeb(body);
    } catch (error) {
      throw error instanceof Refused && error.status === NOT_FOUND ? new NotThere(this.name, path) : error;
    }
  }

  async write(path: string, file: string, sha256: string): Promise<void> {
    // The service compares it with what arrives, and makes no object of anything else.
    const md5Hash = await checkFile(file, sha256, "md5");
    const handle = await open(file);
    try {
      const session = await this.begin(path, md5Hash);
      const stored = await this.upload(session, path, handle);
      if (stored.md5Hash !== undefined && stored.md5Hash !== md5Hash) {
        throw new Error(`${this.name} has stored ${path} with MD5 ${stored.md5Hash}, and not ${md5Hash}`);
      }
    } catch (error) {
      throw error instanceof Refused && error.status === PRECONDITION_FAILED
        ? new AlreadyThere(this.name, path)
        : error;
    } finally {
      await handle.close();
    }
  }

  /** Opens an upload that can be gone on with. @returns its address */
  private async begin(path: string, md5Hash: string): Promise<string> {
    const query = new URLSearchParams({ uploadType: "resumable", ifGenerationMatch: "0", name: path });
    const response = await this.again(() =>
      this.send(`${this.url}/upload/storage/v1/b/${this.repository.bucket}/o?${query.toString()}`, `writing ${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: path, md5Hash }),
      }),
    );
    const session = response.headers.get("location");
    if (session === null) throw new Error(`writing ${path} to ${this.name} answers no address for its content`);
    return session;
  }

  private async upload(session: string, path: string, file: FileHandle): Promise<ObjectResource> {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(chunkBytes, size));
    const put = async (range: string, body: Uint8Array): Promise<Response> =>
      this.send(session, `writing ${path}`, { method: "PUT", headers: { "content-range": range }, body }, chunkMs);
    let offset = 0;
    let failures = 0;
    for (;;) {
      let response: Response;
      try {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - offset), offset);
        const last = offset + bytesRead - 1;
        const range = bytesRead === 0 ? `bytes */${size}` : `bytes ${offset}-${last}/${size}`;
        response = await put(range, buffer.subarray(0, bytesRead));
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!isPassing(error) || failures >= attempts) throw error;
        await delay(1000 * 2 ** failures);
        // How far it got, or that it is done.
        response = await this.again(() => put(`bytes */${size}`, new Uint8Array()));
      }
      if (response.status !== INCOMPLETE) return (await response.json()) as ObjectResource;
      await response.arrayBuffer();
      const reached = /^bytes=0-(\d+)$/.exec(response.headers.get("range") ?? "")?.[1];
      offset = reached === undefined ? 0 : Number(reached) + 1;
    }
  }

  private objects(): string {
    return `${this.url}/storage/v1/b/${this.repository.bucket}/o`;
  }

  private async again<T>(action: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await action();
      } catch (error) {
        if (!isPassing(error) || failures >= attempts) throw error;
      }
      await delay(1000 * 2 ** (failures - 1));
    }
  }

  /** @throws Refused where the answer is neither good nor that more is awaited */
  private async send(url: string, what: string, request: Request = {}, milliseconds = requestMs) {
    const headers = { ...request.headers, authorization: `Bearer ${await this.token()}` };
    const signal = milliseconds === noLimit ? {} : { signal: AbortSignal.timeout(milliseconds) };
    let response: Response;
    try {
      response = await fetch(url, { ...request, headers, redirect: "manual", ...signal });
    } catch (error) {
      // `fetch failed` says nothing; its cause does.
      throw new Error(`${what}: ${messageOf((error as Error).cause ?? error)}`, { cause: error });
    }
    if (response.ok || response.status === INCOMPLETE) return response;
    throw new Refused(response.status, what, await response.text());
  }
}
