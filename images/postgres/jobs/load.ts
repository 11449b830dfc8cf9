import { load as names, type LoadOrder, type LoadResult, neededBytes, versionFault } from "../../../domain/load";
import { say } from "../log";
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

const restore = async (order: LoadOrder): Promise<LoadResult> => {
  const target = new Target(order);
  const stages = new Stages();
  const found = await stages.run("find", () => findDump(order, readSettings()));
  const about = { file: found.file, place: found.place };
  if (order.onlyIfEmpty) {
    const tables = await target.tables();
    if (tables > 0) return { outcome: "kept", ...about, verified: false };
  }
  const major = await target.major();
  checkSpace(found, order);
  const { path, header, verified } = await stages.run("prove", () => proveFound(found, order));
  const fault = versionFault(header, major);
  if (fault !== undefined)
    throw new Stop(fault, found.file, "Restore it into a server of its own version or a newer one");

  let before: string | undefined;
  let tablesCompared: number | undefined;
  try {
    await stages.run("fill", () => target.fill(path));
    await stages.run("analyze", () => target.analyze());
    const manifest = found.meta?.manifest;
    if (manifest) tablesCompared = await stages.run("compare", () => target.compare(manifest));
    before = await stages.run("swap", () => target.swap());
  } catch (error) {
    await target.drop();
    throw error;
  }
  return {
    outcome: "restored",
    ...about,
    verified,
    ...(!verified && order.acceptUnverified !== undefined && { acceptedBecause: order.acceptUnverified }),
    dumpedFrom: header.dumpedFrom,
    bytes: found.bytes,
    ...(tablesCompared !== undefined && { tablesCompared }),
    ...(before !== undefined && { before }),
    seconds: stages.seconds,
  };
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
