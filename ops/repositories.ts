import { z } from "zod";
import { names } from "../domain/names";
import { type Info, parseInfo } from "../domain/pgbackrestInfo";
import { repositoryNumber, type RepositoryName } from "../domain/repository";
import { type Cluster, reasonOf } from "./kubernetes";

/** How far a repository is. Ages are seconds by the clock of the member that was asked. */
export interface RepositoryStatus {
  readonly name: RepositoryName;
  /** Newest WAL segment, and for how long the repository has had it. */
  readonly archive?: { readonly segment: string; readonly ageSeconds: number };
  readonly lastBackup?: { readonly label: string; readonly type: string; readonly ageSeconds: number };
  /** Why something isn't known. */
  readonly error?: string;
}

const Files = z.record(z.string(), z.object({ time: z.number().optional() }));

/** Asks a member's container `pgbackrest`, which has the repositories' keys. */
export const repositoriesOf = async (
  { exec }: Pick<Cluster, "exec">,
  pod: string,
  repositories: readonly RepositoryName[],
): Promise<RepositoryStatus[]> => {
  const ask = (...command: string[]) => exec(pod, "pgbackrest", command);
  let stanza: Info;
  let now: number;
  try {
    const [info, date] = await Promise.all([
      ask("pgbackrest", "info", `--stanza=${names.stanza}`, "--output=json"),
      ask("date", "+%s"),
    ]);
    stanza = parseInfo(info);
    now = Number(date);
  } catch (error) {
    return repositories.map((name) => ({ name, error: reasonOf(error) }));
  }

  const archivedAt = async (key: number, id: string, segment: string): Promise<number> => {
    // Segments lie in folders that their names begin with.
    const folder = `archive/${names.stanza}/${id}/${segment.slice(0, 16)}`;
    const list = ["pgbackrest", "repo-ls", `--repo=${key}`, "--output=json", `--filter=^${segment}`, folder];
    const files = Files.parse(JSON.parse(await ask(...list)));
    return Math.max(...Object.values(files).map(({ time }) => time ?? 0));
  };

  const statusOf = async (name: RepositoryName): Promise<RepositoryStatus> => {
    const key = repositoryNumber[name];
    const repository = stanza.repo.find((repo) => repo.key === key);
    if (repository === undefined) return { name, error: "pgBackRest doesn't know it" };
    const ofThis = ({ database }: { database: { "repo-key": number } }) => database["repo-key"] === key;
    const { id, max } = stanza.archive.filter(ofThis).at(-1) ?? {};
    const backup = stanza.backup.filter((one) => ofThis(one) && one.error !== true).at(-1);
    return {
      name,
      ...(id && max && { archive: { segment: max, ageSeconds: now - (await archivedAt(key, id, max)) } }),
      ...(backup && {
        lastBackup: { label: backup.label, type: backup.type, ageSeconds: now - backup.timestamp.stop },
      }),
      ...(repository.status.code !== 0 && { error: repository.status.message }),
    };
  };
  return Promise.all(
    repositories.map((name) => statusOf(name).catch((error: unknown) => ({ name, error: reasonOf(error) }))),
  );
};
