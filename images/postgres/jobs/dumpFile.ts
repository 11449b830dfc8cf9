import { spawn } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { availableParallelism } from "node:os";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { Address } from "../../../domain/patroni";
import { Sum } from "./checksum";
import { libpqEnvironment } from "./database";

/** A table that is locked for longer by somebody ends the dump with an error that names it. */
const lockWait = "10min";

/** What a program wrote to its standard error: the last of it, for messages. */
const lastWords = (stream: Readable): (() => string) => {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    process.stderr.write(chunk);
    text = (text + chunk).slice(-2000);
  });
  return () => text.trim().split("\n").slice(-3).join("; ");
};

/**
 * Writes one dump in PostgreSQL's custom format, compressed once, by gzip, and synced.
 *
 * The compressor is Intel's igzip (ISA-L): its output is plain gzip, and it takes a tenth of gzip's time, which a primary without
 * standbys would miss.
 */
export const writeDump = async (
  source: Address,
  database: string,
  snapshot: string,
  file: string,
): Promise<{ readonly bytes: number; readonly sha256: string }> => {
  const script =
    'pg_dump --format=custom --compress=none --no-password --lock-wait-timeout="$2" --snapshot="$1" | igzip -3 -T "$3" -c';
  const threads = String(Math.min(availableParallelism(), 8));
  const shell = spawn("bash", ["-o", "pipefail", "-c", script, "dump", snapshot, lockWait, threads], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...libpqEnvironment(source, database) },
  });
  const words = lastWords(shell.stderr);
  const ended = new Promise<number | null>((resolve, reject) => shell.once("close", resolve).once("error", reject));
  const sum = new Sum();
  const written = pipeline(shell.stdout, sum, createWriteStream(file, { flush: true, mode: 0o640 }));
  try {
    await written;
  } catch (error) {
    shell.kill();
    throw error;
  }
  const code = await ended;
  if (code !== 0) throw new Error(`pg_dump of ${source.host} ended with ${code}: ${words()}`);
  return { bytes: sum.bytes, sha256: sum.sha256 };
};

/**
 * Reads a dump back, whole: its checksum, its compression by another program than the one that made it, and every block of the
 * archive in it.
 * @throws Error where any of them is wrong
 */
export const proveDump = async (file: string, sha256: string): Promise<void> => {
  const restore = spawn("pg_restore", ["--file=/dev/null"], { stdio: ["pipe", "ignore", "pipe"] });
  const words = lastWords(restore.stderr);
  const ended = new Promise<number | null>((resolve, reject) => restore.once("close", resolve).once("error", reject));
  // It stops reading where it finds a fault; the compression is still checked to its end.
  const stopped = new Promise<void>((resolve) => {
    restore.stdin.once("error", () => {
      resolve();
    });
  });
  const feed = async (archive: AsyncIterable<Buffer>) => {
    for await (const chunk of archive) {
      if (restore.stdin.writable && !restore.stdin.write(chunk)) {
        await Promise.race([stopped, new Promise((resolve) => restore.stdin.once("drain", resolve))]);
      }
    }
    restore.stdin.end();
  };
  try {
    await pipeline(createReadStream(file), new Sum(file, sha256), createGunzip(), feed);
  } catch (error) {
    restore.kill();
    throw error;
  }
  const code = await ended;
  if (code !== 0) throw new Error(`pg_restore can't read ${file}: ${words()}`);
};
