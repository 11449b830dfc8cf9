import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Archive } from "../../../../domain/archive";
import { names } from "../../../../domain/names";
import { type Complaint, isDamageCode } from "../../../../domain/pgbackrestVerify";
import { type RepositoryName, repositoryNumber } from "../../../../domain/repository";
import { inOneLine, quiet } from "../pgbackrest";

/** How many segments are read at once. */
const atOnce = 2;

/** pgBackRest's status where its reader went away; it is the same where there is no such file. */
const lostReader = 1;

/** Waits for a program's end. @returns its status and what it said on stderr */
const endOf = async (child: ChildProcessWithoutNullStreams): Promise<{ code: number; said: string }> => {
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, said: inOneLine(said) };
};

/** Reads one segment whole, and compares it with the checksum in its name. */
const checkSegment = async (repository: RepositoryName, path: string): Promise<Complaint | undefined> => {
  const file = `archive/${names.stanza}/${path}`;
  const get = spawn("pgbackrest", [...quiet("error"), `--repo=${repositoryNumber[repository]}`, "repo-get", file]);
  const unpack = spawn("zstd", ["--decompress", "--stdout", "--quiet"]);
  get.stdin.end();
  const hash = createHash("sha1");
  unpack.stdout.on("data", (chunk: Buffer) => hash.update(chunk));
  const ends = Promise.all([endOf(get), endOf(unpack)]);
  // Where one of them ends early the other's pipe breaks; their statuses say why.
  await pipeline(get.stdout, unpack.stdin).catch(() => undefined);
  const [got, unpacked] = await ends;
  const found = hash.digest("hex");
  const complaint = (kind: Complaint["kind"], why: string): Complaint => ({ path: `archive/${path}`, kind, why });
  if (![0, lostReader].includes(got.code)) return complaint(isDamageCode(got.code) ? "damaged" : "unread", got.said);
  if (unpacked.code !== 0) return complaint("damaged", unpacked.said);
  if (got.code !== 0) return complaint("missing", "file missing");
  return basename(path).includes(found) ? undefined : complaint("damaged", `invalid checksum ${found}`);
};

/**
 * Reads every segment of an archive by itself. `pgbackrest verify` is faster, but reads nothing at all when the first segment is
 * damaged where it begins.
 */
export const checkSegments = async ({ repository, segments }: Archive): Promise<Complaint[]> => {
  const paths = [...segments.values()].flatMap(({ files }) => files);
  const complaints: Complaint[] = [];
  const next = paths.values();
  const worker = async () => {
    for (const path of next) {
      const complaint = await checkSegment(repository, path);
      if (complaint) complaints.push(complaint);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return complaints;
};
