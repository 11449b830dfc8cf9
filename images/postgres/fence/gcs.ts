import { GoogleAuth } from "google-auth-library";
import type { Reading, Write } from "../../../domain/lease";
import type { GcsRepository } from "../../../domain/repository";
import { gcsKey, gcsUrl } from "../stores/gcs";
import { type LeaseVault, parseLease, requestSeconds, storeTime } from "./vault";

const NOT_FOUND = 404;
const PRECONDITION_FAILED = 412;

type Authorization = () => Promise<string>;

const authorization = (repository: GcsRepository): Authorization => {
  const { token, keyFile } = gcsKey(repository);
  if (token !== undefined) return () => Promise.resolve(token);
  const auth = new GoogleAuth({
    scopes: "https://www.googleapis.com/auth/devstorage.read_write",
    ...(keyFile !== undefined && { keyFile }),
  });
  return async () => (await auth.getAccessToken()) ?? "";
};

/** The lease in Google Cloud Storage, by its JSON API: versions are generations, conditions `ifGenerationMatch`. */
export class GcsLeaseVault implements LeaseVault {
  readonly vault = "gcs";
  private readonly url: string;
  private readonly token: Authorization;

  constructor(
    private readonly repository: GcsRepository,
    private readonly key: string,
  ) {
    this.url = gcsUrl(repository);
    this.token = authorization(repository);
  }

  async read(): Promise<Reading> {
    const { bucket } = this.repository;
    const response = await this.send(`/storage/v1/b/${bucket}/o/${encodeURIComponent(this.key)}?alt=media`);
    const text = await response.text();
    const common = { vault: this.vault, storeTime: storeTime(response.headers.get("date")) } as const;
    if (response.status === NOT_FOUND) return { ...common, version: undefined, lease: undefined };
    if (!response.ok) throw new Error(`reading answers ${response.status}: ${text.slice(0, 200)}`);
    const version = response.headers.get("x-goog-generation");
    if (version === null) throw new Error("reading answers without x-goog-generation: no write could be conditional");
    return { ...common, version, lease: parseLease(text) };
  }

  async write({ version, lease }: Write): Promise<boolean> {
    const query = new URLSearchParams({ uploadType: "multipart", ifGenerationMatch: version ?? "0" });
    // Parts end with CRLF: https://cloud.google.com/storage/docs/uploading-objects-from-memory (multipart/related)
    const boundary = "lease";
    const part = (content: unknown) =>
      `--${boundary}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(content)}\r\n`;
    const response = await this.send(`/upload/storage/v1/b/${this.repository.bucket}/o?${query.toString()}`, {
      method: "POST",
      headers: { "content-type": `multipart/related; boundary=${boundary}` },
      // `no-store`: an old lease out of a cache would be taken for a free one.
      body: `${part({ name: this.key, cacheControl: "no-store" })}${part(lease)}--${boundary}--\r\n`,
    });
    const text = await response.text();
    if (response.status === PRECONDITION_FAILED) return false;
    if (!response.ok) throw new Error(`writing answers ${response.status}: ${text.slice(0, 200)}`);
    return true;
  }

  private async send(path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
    const signal = AbortSignal.timeout(requestSeconds * 1000);
    const headers = { ...init.headers, authorization: `Bearer ${await this.token()}` };
    return fetch(this.url + path, { ...init, headers, signal });
  }
}
