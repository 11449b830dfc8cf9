import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { V1Container, V1Job } from "@kubernetes/client-node";
import { names } from "../../domain/names";
import { paths as container } from "../../domain/paths";
import { repositoryNumber } from "../../domain/repository";
import { authorityFile } from "../certificates";
import { type Cluster, runJob } from "../stage/cluster";
import { run } from "../process";
import { labSecrets } from "../secrets";
import { stores } from "../stores";
import { timeEach } from "../stage/statistics";

const STORE = stores.s3;
/** Files fetched at once, as many as `process-max` in pgbackrest.conf. */
const PARALLEL = 2;
const RESTORE_TIMEOUT_SECONDS = 900;

/** The newest full backup in the S3 vault: the one that a rebuild restores. */
export interface BackupSet {
  readonly label: string;
  readonly bytes: number;
  /** Keys of its objects in the bucket. */
  readonly keys: readonly string[];
}

/** @throws Error when there is no full backup */
export async function newestBackup(repositoryPath: string): Promise<BackupSet> {
  const bucket = join(STORE.folder, STORE.bucket);
  const backups = join(bucket, repositoryPath, "backup", names.stanza);
  const label = (await readdir(backups))
    .filter((entry) => /^\d{8}-\d{6}F$/.test(entry))
    .sort()
    .at(-1);
  if (label === undefined) throw new Error(`there is no full backup in ${backups}; nothing can be compared`);
  const entries = await readdir(join(backups, label), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return {
    label,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    keys: files.map((file) => relative(bucket, file).split(sep).join("/")),
  };
}

/** Fetches the backup's objects from the store as they are, to this machine's disk. @returns seconds of each round */
export async function download({ keys }: BackupSet, rounds: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), "marimo-dr-download-"));
  try {
    return await timeEach(rounds, async (round) => {
      await run("curl", ["--config", "-"], {
        log: "bench-download",
        input: curlConfiguration(keys, join(folder, String(round))),
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** https://curl.se/docs/manpage.html#-K; it goes through standard input, for it holds the store's key. */
function curlConfiguration(keys: readonly string[], folder: string): string {
  const { s3AccessKey, s3SecretKey } = labSecrets();
  const options = {
    user: `${s3AccessKey}:${s3SecretKey}`,
    "aws-sigv4": "aws:amz:us-east-1:s3",
    cacert: authorityFile,
    resolve: `${STORE.host}:443:${STORE.address}`,
    "parallel-max": PARALLEL,
    // curl before 8 does not send it by itself, and S3 demands it.
    header: "x-amz-content-sha256: UNSIGNED-PAYLOAD",
  };
  const flags = ["fail", "silent", "show-error", "parallel", "create-dirs"];
  const fetches = keys.flatMap((key) => [
    `url = "https://${STORE.host}/${STORE.bucket}/${key}"`,
    `output = "${join(folder, key)}"`,
  ]);
  return (
    [...flags, ...Object.entries(options).map(([name, value]) => `${name} = "${value}"`), ...fetches].join("\n") + "\n"
  );
}

/**
 * Restores the backup in a pod like the members', with their configuration and limits, onto a scratch volume.
 *
 * @returns seconds of each round, as pgBackRest itself measures them
 */
export async function restore(cluster: Cluster, { label }: BackupSet, rounds: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const log = await runJob(cluster, await restoreJob(cluster, label, round), RESTORE_TIMEOUT_SECONDS);
    const milliseconds = /restore command end: completed successfully \((\d+)ms\)/.exec(log)?.[1];
    if (milliseconds === undefined) throw new Error(`pgBackRest does not say how long its restore took:\n${log}`);
    seconds.push(Number(milliseconds) / 1000);
  }
  return seconds;
}

async function restoreJob({ apps, namespace }: Cluster, label: string, round: number): Promise<V1Job> {
  const { spec } = await apps.readNamespacedStatefulSet({ name: names.statefulSet, namespace });
  const pod = spec?.template.spec;
  const member = pod?.containers.find(({ name }) => name === "postgres");
  if (pod === undefined || member === undefined) throw new Error("StatefulSet postgres has no container postgres");
  const target = join(container.volume, "restored");
  const script = `mkdir -m 700 ${target} && exec pgbackrest --stanza=${names.stanza} --repo=${repositoryNumber.s3} \
--set=${label} --pg1-path=${target} --archive-mode=off --log-level-console=info restore`;
  const { name, image, env, envFrom, volumeMounts, resources, securityContext } = member;
  const restoring = Object.assign(new V1Container(), {
    ...{ name, image, env, envFrom, volumeMounts, resources, securityContext },
    command: ["sh", "-c", script],
  });
  const scratch = (spec?.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata?.name ?? "",
    emptyDir: {},
  }));
  return Object.assign(new V1Job(), {
    metadata: { name: `bench-restore-${round}` },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels: { app: "bench-restore" } },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          serviceAccountName: pod.serviceAccountName,
          securityContext: pod.securityContext,
          enableServiceLinks: false,
          containers: [restoring],
          volumes: [...(pod.volumes ?? []), ...scratch],
        },
      },
    },
  });
}
