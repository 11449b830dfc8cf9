import { createReadStream, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { latestDump, parseChecksum } from "../../domain/dumps";
import { load, type LoadOrder, type LoadResult, stampOf } from "../../domain/load";
import { names } from "../../domain/names";
import { scenarioObjectives } from "../../domain/objectives";
import { port } from "../../domain/patroni";
import { scratch } from "../../domain/scratch";
import type { Cluster } from "../kubernetes";
import { type Lock, takeLock } from "../lock";
import { follow, type Step } from "../procedure";
import { operator, type Outcome, type Recorder } from "../record";
import { type Ending, recorded, type RecordOptions, refused } from "../recorded";
import { openRegion, type Region, type StackName } from "../region";
import { endLoad, freeBytes, lendPassword, resultInWords, startLoad, untilLoaded, untilRunning } from "./loadPod";
import { membersOf } from "./members";
import { createScratch, hasScratch, occupant, untilServing } from "./scratch";

export interface DumpOptions extends RecordOptions {
  readonly region: StackName;
  /** A file of this machine; else its name is looked for on the volume of dumps, and then in the other places. */
  readonly file: string;
  /** @default the region's own: its living database */
  readonly namespace?: string;
  /** Why a dump is taken whose checksum is missing or wrong. */
  readonly acceptUnverified?: string;
  readonly owners: boolean;
  readonly onlyIfEmpty: boolean;
  readonly dryRun: boolean;
}

const limit = scenarioObjectives.clusterFailure.rto.seconds;
const startSeconds = 300;

/** A file of this machine, with what lies beside it. */
interface LocalFile {
  readonly path: string;
  readonly upload: NonNullable<LoadOrder["upload"]>;
}

const localFile = (file: string): LocalFile | undefined => {
  if (!existsSync(file)) return undefined;
  // marimo_backup_latest.dump.gz is a link, and the checksum lies beside what it names.
  const path = realpathSync(file);
  const beside = (end: string) => {
    const other = join(dirname(path), basename(path).replace(/\.dump(\.gz)?$/, "") + end);
    return existsSync(other) && other !== path ? readFileSync(other, "utf8") : undefined;
  };
  const [checksum, meta] = [beside(".sha256"), beside(".meta")];
  const upload = {
    bytes: statSync(path).size,
    ...(checksum !== undefined && { checksum }),
    ...(meta !== undefined && { meta }),
  };
  return { path, upload };
};

/** What speaks against a file of this machine before anything is sent. */
const localFault = ({ path, upload }: LocalFile, { acceptUnverified }: DumpOptions): string | undefined => {
  if (upload.bytes === 0) return `${path} is empty`;
  if (upload.checksum === undefined) {
    return acceptUnverified === undefined
      ? `no checksum lies beside ${path}, so nobody knows whether it is whole; to take it and answer for it: --accept-unverified 'why'`
      : undefined;
  }
  try {
    const { file } = parseChecksum(upload.checksum);
    return file === basename(path) ? undefined : `the checksum beside ${path} is of ${file}`;
  } catch (error) {
    if (error instanceof RangeError) return `the checksum beside ${path}: ${error.message}`;
    throw error;
  }
};

/** Where a dump goes. */
interface Destination {
  readonly cluster: Cluster;
  readonly isProduction: boolean;
  /** Steps that make it, where it isn't there. */
  readonly making: readonly Step[];
  /** The pod that is written to, when it is there. */
  readonly pod: string;
}

const destinationOf = async (
  region: Region,
  namespace: string,
  signal: AbortSignal,
): Promise<Destination | { readonly refused: string }> => {
  const values = region.values();
  const cluster = region.cluster(namespace);
  if (namespace === values.namespace) {
    const { leader } = await membersOf(cluster);
    if (leader === undefined)
      return { refused: `in ${namespace} no member takes writes; kubectl get pods -l app=postgres` };
    return { cluster, isProduction: true, making: [], pod: leader };
  }
  if (await hasScratch(cluster)) {
    const ready: Step = {
      title: `${namespace}: the scratch database answers`,
      run: (say) => untilServing(cluster, false, startSeconds, say, signal),
    };
    return { cluster, isProduction: false, making: [ready], pod: scratch.pod };
  }
  const inTheWay = await occupant(cluster);
  if (inTheWay !== undefined) return { refused: inTheWay };
  const args = {
    image: values.postgresImage,
    storage: values.postgresStorage.toString(),
    storageClass: values.postgresStorageClass,
    clients: [values.namespace],
    restore: undefined,
  };
  const making: Step = {
    title: `${namespace}: a database to restore into`,
    run: async (say) => {
      await createScratch(region.cluster(), cluster, args);
      await untilServing(cluster, false, startSeconds, say, signal);
    },
  };
  return { cluster, isProduction: false, making: [making], pod: scratch.pod };
};

const restore = async (options: DumpOptions, recorder: Recorder, interrupted: AbortSignal): Promise<Ending> => {
  const region = openRegion(options.project, options.region);
  const values = region.values();
  const namespace = options.namespace ?? values.namespace;
  const own = region.cluster();
  const local = localFile(options.file);
  const lost = new AbortController();
  const signal = AbortSignal.any([interrupted, lost.signal]);

  const destination = await destinationOf(region, namespace, signal);
  const fault = local && localFault(local, options);
  const reasons = [...(fault === undefined ? [] : [fault]), ...("refused" in destination ? [destination.refused] : [])];
  if (reasons.length > 0 || "refused" in destination) return refused(reasons);

  const file = basename(local?.path ?? options.file);
  const from = local ? `${local.path} of this machine` : `${file}, wherever it is kept`;
  const into = `${names.database} in namespace ${namespace}`;
  if (options.dryRun) {
    console.log(`Would prove ${from}, restore it beside ${into}, and put it in its place.`);
    return { outcome: "dry run" };
  }
  const { cluster, isProduction, making, pod } = destination;
  const stamp = stampOf(new Date());
  const name = `postgres-load-${stamp.replace("_", "-")}`;
  let lock: Lock | undefined;
  let result: LoadResult | undefined;
  const steps: Step[] = [
    ...making,
    {
      title: `${own.namespace}: pod ${name}`,
      run: async (say) => {
        const order: LoadOrder = {
          file: local === undefined && basename(options.file) === latestDump ? latestDump : file,
          ...(local && { upload: local.upload }),
          target: {
            host: `${names.writeService}.${namespace}.svc.cluster.local`,
            port: port.postgres,
            tls: isProduction,
          },
          database: names.database,
          stamp,
          freeBytes: await freeBytes(cluster, pod),
          onlyIfEmpty: options.onlyIfEmpty,
          withoutOwners: !options.owners,
          ...(options.acceptUnverified !== undefined && { acceptUnverified: options.acceptUnverified }),
        };
        if (!isProduction) await lendPassword(own, cluster, name);
        await startLoad(own, {
          name,
          order,
          storage: values.postgresStorage.toString(),
          storageClass: values.postgresStorageClass,
          secret: isProduction ? undefined : { name, variable: "PGPASSWORD" },
        });
        await untilRunning(own, name, startSeconds, say, signal);
      },
    },
    ...(local
      ? [
          {
            title: `${local.path} is sent there`,
            run: async () => {
              const { bytes } = local.upload;
              const receive = `head -c ${bytes} > ${load.upload}`;
              const stdin = createReadStream(local.path);
              await own.exec(name, "load", ["sh", "-c", receive], { seconds: limit, stdin });
              return { bytes };
            },
          },
        ]
      : []),
    {
      title: `${file} is proved, restored beside ${into}, and takes its place`,
      run: async (say) => {
        result = await untilLoaded(own, name, limit, say, signal);
        return result;
      },
    },
  ];
  try {
    if (isProduction) {
      lock = await takeLock(own, operator(), (error) => {
        lost.abort(error);
      });
    }
    await follow({ steps }, { recorder, signal });
  } finally {
    await endLoad(own, name);
    await lock?.release();
  }
  if (result?.outcome === "kept") {
    console.log(
      `${into} has tables, and was left as it is. ${result.file} (${result.place}) is there, and was not restored.`,
    );
  } else if (result) console.log(resultInWords(result).join("\n"));
  return { outcome: "done" };
};

/** `dr restore --dump`: the living database stays beside the restored one, under another name. */
export const runDump = (options: DumpOptions, signal: AbortSignal): Promise<Outcome> =>
  recorded("restore-dump", options, options, (recorder) => restore(options, recorder, signal));
