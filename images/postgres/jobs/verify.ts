import { Duration } from "../../../domain/duration";
import { judgeDumps } from "../../../domain/dumpFaults";
import { jobs, type VerifySettings } from "../../../domain/jobs";
import type { RepositorySeen, RepositoryUnseen } from "../../../domain/verification";
import { judge, pointFacts } from "../../../domain/verification";
import { LocalDumps } from "./localDumps";
import { dumpCopies, localPlace } from "./places/open";
import { type Findings, runJob } from "./result";
import { readSettings } from "./settings";
import { readDumps } from "./verify/dumps";
import { writerNow } from "./verify/position";
import { seeRepository } from "./verify/repository";

const work = async (settings: VerifySettings, findings: Findings): Promise<void> => {
  const { namespace } = settings;
  const writer = await writerNow(namespace);

  // Each place by itself, so that a slow one doesn't hold the others up.
  const places = await Promise.all([localPlace(), ...dumpCopies(settings)].map(readDumps));
  const dumps = judgeDumps({
    ...{ places, namespace, now: new Date(), storeTime: Duration.seconds(settings.storeSeconds) },
    latest: await new LocalDumps(jobs.folder).latest(),
  });

  const repositories: (RepositorySeen | RepositoryUnseen)[] = [];
  for (const { name } of settings.repositories) repositories.push(await seeRepository(name, writer));
  const folder = settings.repositoryPath.slice(1);
  const base = judge({ repositories, folder, namespace, now: Date.now() / 1000, writer: writer?.position });

  for (const { what, where, remedy } of [...dumps.faults, ...base.faults]) findings.fault(what, where, remedy);
  const bytes = (all: readonly { readonly bytes: number }[]) => all.reduce((total, one) => total + one.bytes, 0);
  findings.facts["dumps"] = Object.fromEntries(
    places.map(({ place, dumps: read }) => {
      const good = read.filter((dump) => dump.good);
      return [place, { dumps: read.length, good: good.length, bytes: bytes(read), newestGood: good.at(-1)?.name }];
    }),
  );
  findings.facts["repositories"] = base.repositories;
  findings.facts["newestGoodPoint"] = base.newestGoodPoint && pointFacts(base.newestGoodPoint);
  findings.facts["newestGoodDump"] = dumps.newestGood?.name;
  Object.assign(findings.measures, {
    bytes: bytes(places.flatMap((place) => place.dumps)),
    damaged_files: dumps.damagedFiles + base.damagedFiles,
    ...(base.newestGoodPoint && { newest_point_timestamp_seconds: base.newestGoodPoint.time }),
    ...(base.newestBackup && { newest_backup_timestamp_seconds: base.newestBackup.stoppedAt }),
    ...(dumps.newestGood && { newest_dump_timestamp_seconds: dumps.newestGood.time.getTime() / 1000 }),
  } satisfies Findings["measures"]);
};

/** Reads all backups in all places, and says what can be restored from them. */
export const verify = (): Promise<number> => {
  const settings = readSettings() as VerifySettings;
  return runJob("verify", settings, (findings) => work(settings, findings));
};
