import {
  clockTolerance,
  expiredDumps,
  filesOf,
  futureDumps,
  isWhole,
  nameDump,
  neededBytes,
  orderSources,
  renderMeta,
  type SeenMember,
} from "../../../domain/dumps";
import { Duration } from "../../../domain/duration";
import { type DumpSettings, jobs } from "../../../domain/jobs";
import type { Address } from "../../../domain/patroni";
import { messageOf, say } from "../log";
import { type CopyState, copyDumps, dumpsToCopy, expireMounted } from "./copies";
import { connect } from "./database";
import { proveDump, writeDump } from "./dumpFile";
import { LocalDumps } from "./localDumps";
import { lockFolder } from "./lock";
import { takeSnapshot } from "./manifest";
import { seeMembers } from "./members";
import { dumpCopies } from "./places/open";
import { type Findings, runJob, Stop } from "./result";
import { readSettings } from "./settings";

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** @throws Stop where the volume is too small for one more dump */
const checkSpace = async (local: LocalDumps, databaseBytes: number): Promise<void> => {
  const last = (await local.dumps()).filter(isWhole).at(-1);
  const needed = neededBytes(last?.bytes, databaseBytes);
  const free = await local.freeBytes();
  if (free >= needed) return;
  throw new Stop(
    `the volume has ${mebibytes(free)} free, and a dump may need ${mebibytes(needed)}. None was begun`,
    local.folder,
    `Enlarge the claim ${jobs.claim} (backupStorage), or keep dumps for less time (localDumpDays); old ones may be removed by hand, they are in the stores`,
  );
};

interface Made {
  readonly name: string;
  readonly bytes: number;
}

/** Makes one dump from one member: written under a temporary name, proved, then given its name. */
const dumpFrom = async (
  { member, follows }: SeenMember<Address>,
  settings: DumpSettings,
  local: LocalDumps,
): Promise<Made> => {
  const { database, region } = settings;
  const client = await connect(member, database);
  try {
    const snapshot = await takeSnapshot(client);
    await checkSpace(local, snapshot.facts.databaseBytes);
    const time = new Date();
    const name = nameDump(time);
    const partial = local.partial(filesOf(name).dump);
    say(`stage: dumping ${member.host}`);
    const [written, manifest] = await Promise.all([
      writeDump(member, database, snapshot.id, partial),
      snapshot.manifest(),
    ]);
    say(`stage: proving ${name}`);
    await proveDump(partial, written.sha256);
    say(`stage: publishing ${name}`);
    const meta = renderMeta({
      timestamp: time.toISOString(),
      database,
      size: written.bytes,
      sha256: written.sha256,
      region,
      source: { host: member.host, standby: follows },
      ...snapshot.facts,
      manifest,
    });
    await local.publish(name, written.sha256, meta);
    await local.pointLatest(name);
    return { name, bytes: written.bytes };
  } finally {
    await client.end();
  }
};

/** A standby may end a dump that stands in the way of replay, and any member may go away: then the next one is asked. */
const dumpFromFirst = async (
  sources: readonly SeenMember<Address>[],
  settings: DumpSettings,
  local: LocalDumps,
): Promise<Made & { readonly source: SeenMember<Address> }> => {
  let last: unknown;
  for (const source of sources) {
    try {
      return { ...(await dumpFrom(source, settings, local)), source };
    } catch (error) {
      await local.removeRemains();
      if (error instanceof Stop) throw error;
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") {
        throw new Stop(
          "the volume is full, and the dump that was begun is removed",
          local.folder,
          `Enlarge the claim ${jobs.claim} (backupStorage)`,
        );
      }
      say(`no dump of ${source.member.host}: ${messageOf(error)}`);
      last = error;
    }
  }
  throw new Stop(
    sources.length === 0 ? "no member of the database answers" : `no member could be dumped: ${messageOf(last)}`,
    sources.map(({ member }) => member.host).join(", ") || settings.members.map(({ host }) => host).join(", "),
    "See whether the database is up (`kubectl get pods -l app=postgres`), then run the job again: kubectl create job --from=cronjob/postgres-backup NAME",
  );
};

/** Why nothing may be removed by age now; `undefined` where the stores' clocks agree with this one. */
const clockFault = (states: readonly CopyState[], stores: readonly string[], now: Date): string | undefined => {
  const told = states.filter(({ place }) => stores.includes(place)).flatMap(({ newestAt }) => newestAt ?? []);
  if (told.length === 0) return "no store has the newest dump, so no other clock was seen";
  const apart = Math.min(...told.map((at) => Math.abs(at.getTime() - now.getTime()) / 1000));
  return apart <= clockTolerance.seconds
    ? undefined
    : `the stores' clocks are ${Math.round(apart)} s away from this one`;
};

/** Removes what is too old from the volume and from a mounted place, where it is certain what "too old" is. */
const expire = async (
  settings: DumpSettings,
  local: LocalDumps,
  states: readonly CopyState[],
  findings: Findings,
): Promise<void> => {
  const now = new Date();
  const dumps = await local.dumps();
  const future = futureDumps(dumps, now);
  const stores = settings.repositories.map(({ name }) => name);
  const doubt =
    future.length > 0
      ? `${future.map(({ name }) => name).join(", ")} is of the future`
      : clockFault(states, stores, now);
  const expired = expiredDumps(dumps, now, Duration.seconds(settings.localSeconds));
  if (doubt !== undefined) {
    if (future.length > 0 || expired.length > 0) {
      findings.fault(
        `no old dump is removed: ${doubt}`,
        local.folder,
        "Set the node's clock right, or bring a store back; a dump with a wrong date is removed by hand",
      );
    }
    return;
  }
  for (const dump of expired) await local.remove(dump);
  const copies = dumpCopies(settings);
  const elsewhere = await Promise.all(
    copies.map((target) => expireMounted(target, now, Duration.seconds(settings.storeSeconds))),
  );
  findings.facts["removed"] = [
    ...expired.map(({ name }) => name),
    ...elsewhere.flat().map((name) => `offsite: ${name}`),
  ];
};

const work = async (settings: DumpSettings, findings: Findings): Promise<void> => {
  const local = new LocalDumps(jobs.folder);
  const lock = await lockFolder(local.folder, "Wait until it has ended. Nothing was begun here");
  try {
    const remains = await local.removeRemains();
    if (remains.length > 0) say(`removed what a run that was cut short left: ${remains.join(", ")}`);
    findings.facts["remains"] = remains;
    const sources = orderSources(await seeMembers(settings.members, settings.database));
    let failure: unknown;
    try {
      const { name, bytes, source } = await dumpFromFirst(sources, settings, local);
      findings.facts["dump"] = name;
      findings.facts["source"] = source.member.host;
      findings.facts["standby"] = source.follows;
      findings.measures.bytes = bytes;
    } catch (error) {
      // What is there already is still copied.
      failure = error;
    }
    const toCopy = dumpsToCopy(await local.dumps(), new Date(), Duration.seconds(settings.storeSeconds));
    const states = await Promise.all(dumpCopies(settings).map((target) => copyDumps(local, target, toCopy, findings)));
    findings.facts["copied"] = Object.fromEntries(states.map(({ place, copied }) => [place, copied]));
    if (failure !== undefined) throw failure as Error;
    await expire(settings, local, states, findings);
  } finally {
    lock.release();
  }
};

/** One dump, its copies, and the end of old ones. */
export const dump = (): Promise<number> => {
  const settings = readSettings() as DumpSettings;
  return runJob("dump", settings, (findings) => work(settings, findings));
};
