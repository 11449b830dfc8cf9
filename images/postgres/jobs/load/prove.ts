import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { type ArchiveHeader, load, type LoadOrder, parseArchiveHeader } from "../../../../domain/load";
import { messageOf, say } from "../../log";
import { Sum, WrongChecksum } from "../checksum";
import { Stop } from "../result";
import type { FoundFile } from "./find";

const run = promisify(execFile);

/** A dump on the work volume, as pg_restore reads it. */
export interface Proved {
  readonly path: string;
  readonly header: ArchiveHeader;
  /** Whether a checksum was there and matched. */
  readonly verified: boolean;
}

const magic = { gzip: Buffer.from([0x1f, 0x8b]), archive: Buffer.from("PGDMP") } as const;

/** Decompresses what is gzip, and lets through what is not. */
async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0);
  const iterator = source[Symbol.asyncIterator]();
  const next = async () => (await iterator.next()) as IteratorResult<Buffer, undefined>;
  while (head.length < magic.archive.length) {
    const { value, done } = await next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  async function* all() {
    yield head;
    for (let one = await next(); one.done !== true; one = await next()) yield one.value;
  }
  if (!head.subarray(0, 2).equals(magic.gzip)) {
    yield* all();
    return;
  }
  const gunzip = createGunzip();
  const out = new PassThrough();
  const flow = pipeline(all, gunzip, out);
  flow.catch((error: unknown) => out.destroy(error as Error));
  yield* out as AsyncIterable<Buffer>;
  await flow;
}

/**
 * Brings the dump to the work volume and proves it: its checksum, its compression, that it is an archive of PostgreSQL, and from which version.
 * Nothing else is touched.
 *
 * @throws Stop where it must not be restored
 */
export const proveFound = async (
  found: FoundFile,
  { acceptUnverified }: Pick<LoadOrder, "acceptUnverified">,
): Promise<Proved> => {
  const where = `${found.file} (${found.place})`;
  const otherwise =
    "Take another dump, from another place too. To take this one nevertheless, and answer for it: --accept-unverified 'why'";
  if (found.sha256 === undefined && acceptUnverified === undefined) {
    throw new Stop("no checksum lies beside it (….sha256), so nobody knows whether it is whole", where, otherwise);
  }
  const path = `${load.workFolder}/dump`;
  const sum = new Sum(where, acceptUnverified === undefined ? found.sha256 : undefined);
  try {
    await pipeline(await found.open(), sum, unpacked, createWriteStream(path));
  } catch (error) {
    // A file that is damaged may fail as gzip before its end, where its checksum would tell.
    if (error instanceof WrongChecksum) throw new Stop(error.message, where, otherwise);
    if ((error as NodeJS.ErrnoException).code?.startsWith("Z_") === true) {
      throw new Stop(`it is damaged: ${messageOf(error)}`, where, "Take another dump, from another place too");
    }
    throw error;
  }
  const verified = found.sha256 !== undefined && sum.sha256 === found.sha256;
  if (!verified) say(`UNVERIFIED ${where}: taken because ${acceptUnverified ?? ""}`);
  try {
    const { stdout } = await run("pg_restore", ["--list", path], { maxBuffer: 256 * 2 ** 20 });
    return { path, verified, header: parseArchiveHeader(stdout) };
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const why = (stderr ?? messageOf(error)).trim();
    const newer = /unsupported version/.test(why)
      ? "It was written by a newer PostgreSQL's pg_dump; take one that this server's version wrote"
      : `It is no dump in PostgreSQL's custom format (pg_dump -Fc); it has ${(await stat(path)).size} bytes`;
    throw new Stop(`pg_restore can't read it: ${why}`, where, newer);
  }
};
