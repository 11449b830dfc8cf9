import { isUtf8 } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import { type Archive, restorable } from "../../../../domain/archive";
import { names } from "../../../../domain/names";
import {
  type Complaint,
  isDamageCode,
  parseVerification,
  type Verification,
} from "../../../../domain/pgbackrestVerify";
import type { RepositoryName } from "../../../../domain/repository";
import type { RepositorySeen, RepositoryUnseen } from "../../../../domain/verification";
import { segmentAt, segmentName } from "../../../../domain/wal";
import { messageOf, say } from "../../log";
import { inOneLine, lookInto, pgbackrest, stanza } from "../pgbackrest";
import { checkSegments } from "./segments";

/** Reads everything in a repository, or everything that one backup needs. */
const verify = async (repository: RepositoryName, ...options: string[]): Promise<Verification & { broke: boolean }> => {
  const command = [stanza, "verify", "--output=text", "--verbose", ...options];
  const { code, stdout, stderr } = await pgbackrest(repository, command, "detail");
  say(stderr.trimEnd());
  const verification = parseVerification({ exitCode: code, report: stdout.toString(), log: stderr });
  return { ...verification, broke: code !== 0 };
};

/**
 * The files that hold a repository together, and their copies. pgBackRest reads a copy in the place of a damaged one without a word
 * that names it. They are text, of which a flipped bit in the encrypted file makes sixteen bytes of noise.
 */
const checkInfoFiles = async (repository: RepositoryName): Promise<Complaint[]> => {
  const files = ["archive", "backup"].flatMap((kind) => [`${kind}/${kind}.info`, `${kind}/${kind}.info.copy`]);
  const found = files.map(async (path): Promise<Complaint[]> => {
    const { code, stdout, stderr } = await pgbackrest(repository, ["repo-get", path.replace("/", `/${names.stanza}/`)]);
    if (code === 0 && isUtf8(stdout) && !stdout.includes(0)) return [];
    const kind = path.endsWith(".copy") ? "spare" : "damaged";
    if (code === 0) return [{ path, kind, why: "it is damaged: it holds what is no text" }];
    // 1: there is no such file, of which `verify` tells.
    if (code === 1) return [];
    return [{ path, kind: isDamageCode(code) ? kind : "unread", why: inOneLine(stderr) }];
  });
  return (await Promise.all(found)).flat();
};

/**
 * What is left to do where `verify` broke off: it reads nothing at all when it can't read where the first segment begins. Each
 * segment is read by itself, and each base backup with what it needs.
 */
const verifyInParts = async (repository: RepositoryName, archives: readonly Archive[]): Promise<Verification[]> => {
  const complaints: Complaint[] = [];
  for (const archive of archives) complaints.push(...(await checkSegments(archive)));
  const segments = archives.reduce((total, archive) => total + archive.segments.size, 0);
  const damaged = new Set(complaints.map(({ path }) => path));
  const parts: Verification[] = [{ ...nothing, complaints, checked: { segments, files: 0 } }];
  for (const { backups, segments } of archives) {
    for (const { label, timeline, first } of backups) {
      const part = await verify(repository, `--set=${label}`);
      // A backup whose own first segment is damaged can't be restored, whatever its files are.
      const own = segments.get(segmentName({ timeline, number: first }));
      const explained = own?.files.some((file) => damaged.has(`archive/${file}`)) === true;
      const checked = { segments: 0, files: part.checked.files };
      parts.push({ ...part, checked, ...(explained && { doubts: [] }) });
    }
  }
  return parts;
};

const nothing: Verification = {
  ...{ complaints: [], inProgress: [], invalid: [], doubts: [], checked: { segments: 0, files: 0 } },
};

const verifyAll = async (repository: RepositoryName): Promise<Verification[]> => {
  const infoFiles = { ...nothing, complaints: await checkInfoFiles(repository) };
  const whole = await verify(repository);
  if (!whole.broke) return [infoFiles, whole];
  say(`stage: pgbackrest verify broke off in ${repository}, and each segment and base backup is read by itself`);
  const parts = await verifyInParts(repository, await lookInto(repository));
  const found = parts.some(({ complaints }) => complaints.some(({ kind }) => kind === "damaged"));
  return [infoFiles, { ...whole, ...(found && { doubts: [] }) }, ...parts];
};

/** How long the archive may take for what the database wrote before: a leader that can't archive calls for help after that. */
const archiveSeconds = 120;
const lookAgainMs = 5_000;

/** Looks into a repository when all is archived that the database had written when this run began, or when that takes too long. */
const lookWhenArchived = async (repository: RepositoryName, writer: Writer | undefined): Promise<Archive[]> => {
  for (;;) {
    const archives = await lookInto(repository);
    const archive = archives.at(-1);
    const end = (archive && restorable(archive).end) ?? 0;
    const isThere = writer === undefined || end >= segmentAt(writer.position) - 1;
    if (isThere || Date.now() > writer.at.getTime() + archiveSeconds * 1000) return archives;
    await delay(lookAgainMs);
  }
};

/** Where the database was, and when. */
export interface Writer {
  /** In bytes from the beginning of all WAL. */
  readonly position: number;
  readonly at: Date;
}

/** Reads a whole repository, and then what it holds. */
export const seeRepository = async (
  repository: RepositoryName,
  writer: Writer | undefined,
): Promise<RepositorySeen | RepositoryUnseen> => {
  try {
    say(`stage: reading repository ${repository}`);
    // Where nobody answers, this costs one wait and not one for each file.
    await lookInto(repository);
    const verifications = await verifyAll(repository);
    return { repository, verifications, archives: await lookWhenArchived(repository, writer) };
  } catch (error) {
    return { repository, error: messageOf(error) };
  }
};
