import { spawn } from "node:child_process";
import { type Archive, archivesOf, historiesAmong, type Listing } from "../../../domain/archive";
import { names } from "../../../domain/names";
import { parseInfo } from "../../../domain/pgbackrestInfo";
import { type RepositoryName, repositoryNumber } from "../../../domain/repository";

export interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program to its end. What it prints is held in memory. @throws Error where it can't be started */
export const run = (file: string, args: readonly string[]): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const text = Buffer.concat(stderr).toString();
      // Out of memory, mostly.
      const killed = signal === null ? "" : `\nended by ${signal}`;
      resolve({ code: code ?? 1, stdout: Buffer.concat(stdout), stderr: text + killed });
    });
  });

/** pgBackRest's own logging, for a caller that reads what it says. */
export const quiet = (level: "error" | "detail") => [
  ...["--log-level-console=off", `--log-level-stderr=${level}`, "--log-level-file=off"],
];

/** Runs a pgBackRest command on one repository. */
export const pgbackrest = (
  repository: RepositoryName,
  command: readonly string[],
  level: "error" | "detail" = "error",
): Promise<Ended> => run("pgbackrest", [...quiet(level), `--repo=${repositoryNumber[repository]}`, ...command]);

export const stanza = `--stanza=${names.stanza}`;

/** One line of what a command said, without the request and the ciphertext that it may quote. */
export const inOneLine = (text: string): string =>
  text
    .replace(/\*\*\* (Path\/Query|Request Headers|Response Headers|Response Content) \*\*\*:/g, " ")
    .replace(/[^\x20-\x7e]+/g, " ")
    .replace(/ +/g, " ")
    .trim()
    .slice(0, 300);

/** What a reading command prints. @throws Error with pgBackRest's own words */
export const ask = async (repository: RepositoryName, ...command: string[]): Promise<Buffer> => {
  const { code, stdout, stderr } = await pgbackrest(repository, command);
  if (code !== 0) throw new Error(inOneLine(stderr) || `pgbackrest ${command[0]} ended with status ${code}`);
  return stdout;
};

/** The files below a folder of the repository, with the times at which the store got them. */
const filesBelow = async (repository: RepositoryName, folder: string): Promise<Map<string, number>> => {
  const output = await ask(repository, "repo-ls", "--recurse", "--output=json", folder);
  const entries = JSON.parse(output.toString()) as Record<string, { type: string; time?: number }>;
  return new Map(
    Object.entries(entries).flatMap(([path, { type, time }]) => (type === "file" ? [[path, time ?? 0] as const] : [])),
  );
};

/** What a repository's archive holds. */
const listArchive = async (repository: RepositoryName): Promise<Listing> => {
  const folder = `archive/${names.stanza}`;
  const files = await filesBelow(repository, folder);
  const histories = new Map<string, string>();
  for (const path of historiesAmong(files.keys())) {
    histories.set(path, (await ask(repository, "repo-get", `${folder}/${path}`)).toString());
  }
  return { files, histories };
};

/** From this code of `info` on, something could not be read: https://github.com/pgbackrest/pgbackrest/blob/release/2.59.1/src/command/info/info.c */
const otherError = 5;

/**
 * What a repository holds of each database, the one that archives now last.
 * @throws Error where it can't be read, with why
 */
export const lookInto = async (repository: RepositoryName): Promise<Archive[]> => {
  const info = parseInfo((await ask(repository, stanza, "info", "--output=json")).toString());
  const failed = info.repo.find(({ key, status }) => key === repositoryNumber[repository] && status.code >= otherError);
  if (failed) throw new Error(inOneLine(failed.status.message));
  return archivesOf(info, repository, await listArchive(repository));
};
