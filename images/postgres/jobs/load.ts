import type { Manifest } from "../../../domain/dumps";
import {
  databaseNames,
  load as names,
  type LoadOrder,
  type LoadResult,
  neededBytes,
  versionFault,
} from "../../../domain/load";
import type { Address } from "../../../domain/patroni";
import { say } from "../log";
import { copyScratch } from "./load/copy";
import { findDump, type FoundFile } from "./load/find";
import { proveFound } from "./load/prove";
import { Target } from "./load/target";
import { Stop } from "./result";
import { readSettings } from "./settings";

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

const readOrder = (): LoadOrder => {
  const text = process.env[names.order];
  if (text === undefined) throw new Error(`${names.order} is not set: dr restore sets it`);
  return JSON.parse(text) as LoadOrder;
};

/** @throws Stop where the target's volume has no room for a second database */
const checkSpace = ({ meta, bytes, file }: FoundFile, { freeBytes, target }: LoadOrder): void => {
  const needed = neededBytes(meta?.databaseBytes, bytes);
  if (needed <= freeBytes) return;
  throw new Stop(
    `it needs ${mebibytes(needed)} beside the living database, and the volume has ${mebibytes(freeBytes)} free`,
    `${file} into ${target.host}`,
    "Enlarge the volumes of the members, or drop what is not needed (databases …_before_…), then try again. Nothing was changed",
  );
};

/** Tells how long each part takes. */
class Stages {
  readonly seconds: Record<string, number> = {};

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    say(`stage: ${name}`);
    const started = performance.now();
    const result = await work();
    this.seconds[name] = Math.round(performance.now() - started) / 1000;
    return result;
  }
}

/** What is to be brought back, proved, on the work volume. */
interface Source {
  readonly path: string;
  readonly manifest: Pick<Manifest, "tables"> | undefined;
  readonly about: Omit<LoadResult, "outcome">;
}

const fromScratch = async (scratch: Address, { database, file }: LoadOrder, stages: Stages): Promise<Source> => {
  const { path, manifest } = await stages.run("copy", () => copyScratch(scratch, database));
  return { path, manifest, about: { file, place: scratch.host, verified: true } };
};

const fromDump = async (order: LoadOrder, found: FoundFile, target: Target, stages: Stages): Promise<Source> => {
  const { file, place, bytes, meta } = found;
  const major = await target.major();
  checkSpace(found, order);
  const { path, header, verified } = await stages.run("prove", () => proveFound(found, order));
  const fault = versionFault(header, major);
  if (fault !== undefined) throw new Stop(fault, file, "Restore it into a server of its own version or a newer one");
  const accepted = verified ? undefined : order.acceptUnverified;
  return {
    path,
    manifest: meta?.manifest,
    about: {
      ...{ file, place, bytes, verified, dumpedFrom: header.dumpedFrom },
      ...(accepted !== undefined && { acceptedBecause: accepted }),
    },
  };
};

/** Fills a database beside the living one and puts it in its place. */
const replace = async (
  { path, manifest, about }: Source,
  order: LoadOrder,
  target: Target,
  stages: Stages,
): Promise<LoadResult> => {
  let before: string | undefined;
  let tablesCompared: number | undefined;
  try {
    await stages.run("fill", () => target.fill(path));
    await stages.run("analyze", () => target.analyze());
    if (manifest) tablesCompared = await stages.run("compare", () => target.compare(manifest));
    before = await stages.run("swap", () => target.swap());
  } catch (error) {
    await target.drop();
    throw error;
  }
  const { restorePoint } = databaseNames(order.database, order.stamp);
  return {
    outcome: "restored",
    ...about,
    ...(tablesCompared !== undefined && { tablesCompared }),
    ...(before !== undefined && { before, restorePoint }),
    seconds: stages.seconds,
  };
};

const restore = async (order: LoadOrder): Promise<LoadResult> => {
  const target = new Target(order);
  const stages = new Stages();
  if (order.scratch) return replace(await fromScratch(order.scratch, order, stages), order, target, stages);
  const found = await stages.run("find", () => findDump(order, readSettings()));
  if (order.onlyIfEmpty && (await target.tables()) > 0) {
    return { outcome: "kept", file: found.file, place: found.place, verified: false };
  }
  return replace(await fromDump(order, found, target, stages), order, target, stages);
};

/**
 * `marimo-load`: brings one dump back. It is proved before anything is touched, goes into a database beside the living one, and takes
 * its place only when it is whole. The last line of the log is a `LoadResult` in JSON.
 */
export const load = async (): Promise<number> => {
  try {
    console.log(JSON.stringify(await restore(readOrder())));
    return 0;
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    say(`${error.where}: ${error.message}. ${error.remedy}.`);
    return 1;
  }
};
