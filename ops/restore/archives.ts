import { z } from "zod";
import { archivesOf, historiesAmong, type Restorable, restorable } from "../../domain/archive";
import { names } from "../../domain/names";
import { parseInfo } from "../../domain/pgbackrestInfo";
import { repositoryNumber, type RepositoryName } from "../../domain/repository";
import { type Cluster, reasonOf } from "../kubernetes";

/** What each repository can restore, or why it can't be said. */
export type Restorables = ReadonlyMap<RepositoryName, Restorable | { readonly error: string }>;

/** A listing of three months takes some seconds; a store that doesn't answer is given up by pgBackRest after a minute. */
const listingSeconds = 120;

const Files = z.record(z.string(), z.object({ type: z.string(), time: z.number().optional() }));

const restorableIn = async (
  { exec }: Pick<Cluster, "exec">,
  pod: string,
  name: RepositoryName,
): Promise<Restorable> => {
  const repository = `--repo=${repositoryNumber[name]}`;
  const ask = (...command: string[]) =>
    exec(pod, "pgbackrest", ["pgbackrest", "--log-level-console=off", repository, "--io-timeout=10", ...command], {
      seconds: listingSeconds,
    });
  const root = `archive/${names.stanza}`;
  const info = parseInfo(await ask(`--stanza=${names.stanza}`, "info", "--output=json"));
  const status = info.repo.find(({ key }) => key === repositoryNumber[name])?.status;
  // 2: it has a stanza but no backup, so there is nothing to restore, and that can be said.
  if (status && status.code !== 0 && status.code !== 2) throw new Error(status.message);
  const listing = Files.parse(JSON.parse(await ask("repo-ls", "--recurse", "--output=json", root)));
  const files = new Map(
    Object.entries(listing).flatMap(([path, { type, time }]) => (type === "file" ? [[path, time ?? 0] as const] : [])),
  );
  const histories = new Map<string, string>();
  for (const path of historiesAmong(files.keys())) histories.set(path, await ask("repo-get", `${root}/${path}`));
  const current = archivesOf(info, name, { files, histories }).at(-1);
  if (current === undefined) throw new Error("it holds no database");
  return restorable(current);
};

/** Asks a member's container `pgbackrest`. */
export const restorablesOf = async (
  cluster: Pick<Cluster, "exec">,
  pod: string,
  repositories: readonly RepositoryName[],
): Promise<Restorables> =>
  new Map(
    await Promise.all(
      repositories.map(async (name): Promise<[RepositoryName, Restorable | { readonly error: string }]> => {
        try {
          return [name, await restorableIn(cluster, pod, name)];
        } catch (error) {
          return [name, { error: reasonOf(error) }];
        }
      }),
    ),
  );

/** Those that could be asked, the preferred one first. */
export const answered = (asked: Restorables, preferred: RepositoryName): Map<RepositoryName, Restorable> =>
  new Map(
    [...asked]
      .sort(([one], [other]) => Number(other === preferred) - Number(one === preferred))
      .flatMap(([name, found]) => ("error" in found ? [] : [[name, found] as const])),
  );

/**
 * Closes the segment that is being written, behind one more commit: without a later one in the archive a recovery to a moment
 * ends in an error. Returns the segment's name.
 */
export const closeSegment = async ({ exec }: Pick<Cluster, "exec">, leader: string): Promise<string> => {
  const statements = ["SELECT pg_current_xact_id()", "SELECT pg_walfile_name(pg_switch_wal() - 1)"];
  const psql = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1", "postgres"];
  const output = await exec(leader, "postgres", [...psql, ...statements.map((sql) => `--command=${sql}`)]);
  const segment = output.trim().split("\n").at(-1) ?? "";
  if (!/^[0-9A-F]{24}$/.test(segment)) throw new Error(`${leader} names no segment: ${output.trim()}`);
  return segment;
};
