import assert from "node:assert/strict";
import type { Client } from "pg";
import { nodeName } from "../../lab/kind";
import { engine } from "../../lab/parts";
import { startStore, stopStore } from "../../lab/stores";
import { withClient } from "../../lab/workload/connection";
import { command, primary, region, succeed, underLoad, until } from "./region";

const { configure, database, kubectl, pulumiArguments, query, up } = primary;

const storageClass = "small";
const folder = "/var/small";
const disk = `${folder}.img`;
/** Space that comes back: a mounted file system can't be enlarged without CAP_SYS_RESOURCE. */
const ballast = `${folder}/ballast`;

const onNode = (...args: string[]) => succeed(command(engine(), ["exec", nodeName(region), ...args]));

/** A volume with an end: the lab's usual ones are folders, which only end with the whole machine's disk. */
const smallVolume = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: storageClass },
  spec: {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    storageClassName: storageClass,
    persistentVolumeReclaimPolicy: "Retain",
    local: { path: folder },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [nodeName(region)] }] },
        ],
      },
    },
  },
};

const own = {
  postgresMembers: "1",
  postgresStorage: "1Gi",
  postgresStorageClass: storageClass,
  repositoryPath: "/small",
};

const watchLog = async (): Promise<string> =>
  (await kubectl("logs", "postgres-0", "--container", "watch", "--tail=-1")).output;

const logOfPostgres = async (): Promise<string> => {
  const logs = [[], ["--previous"]].map((more) => kubectl("logs", "postgres-0", "--container", "postgres", ...more));
  return (await Promise.all(logs)).map(({ output }) => output).join("\n");
};

const freeShare = async (): Promise<number> => {
  const [, size = "0", free = "0"] = /(\d+) +(\d+)\s*$/.exec(await onNode("df", "--output=size,avail", folder)) ?? [];
  return Number(free) / Number(size);
};

/** WAL and nothing else: the rows are gone as soon as they are there. */
const writeWal = async (client: Client): Promise<void> => {
  await client.query(`
    INSERT INTO filler
    SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 16) AS chunk, generate_series(1, 20000) GROUP BY chunk`);
  await client.query("TRUNCATE filler");
};

describe("A volume that fills up with WAL", function () {
  this.timeout("15m");

  before(async () => {
    // Not a tmpfs: its pages count as memory of the container that writes them, which is then killed before the disk is full.
    await onNode("mkdir", folder);
    await onNode("truncate", "--size=3G", disk);
    await onNode("mkfs.ext4", "-q", disk);
    await onNode("mount", "-o", "loop", disk, folder);
    await onNode("fallocate", "--length=2G", ballast);
    await succeed(command("kubectl", ["--context", region, "apply", "--filename", "-"], JSON.stringify(smallVolume)));
    for (const [key, value] of Object.entries(own)) await configure(key, value);
    await succeed(up());
  });

  after(async () => {
    await startStore("gcs");
    for (const key of Object.keys(own)) await succeed(command("pulumi", pulumiArguments("config", "rm", key)));
  });

  it("calls for help, stops without losing anything, and goes on when there is space again", async () => {
    await query("CREATE TABLE filler (text text STORAGE EXTERNAL)");
    const count = await underLoad(async () => {
      // Every repository must take WAL before it may leave the volume.
      await stopStore("gcs");
      await withClient(database, async (client) => {
        while ((await freeShare()) > 0.1) await writeWal(client);
      });
      await until("the alarm is in the log", async () => /ALARM volume-f/.test(await watchLog()), 60);
      const filling = withClient(database, async (client) => {
        while ((await freeShare()) < 0.5) await writeWal(client);
      });
      await assert.rejects(filling);
      await until("Postgres has said why", async () => /No space left on device/.test(await logOfPostgres()), 60);
      await onNode("rm", ballast);
      await startStore("gcs");
    });
    assert.equal(count.lostWrites, 0);
    await until(
      "all WAL is archived",
      async () => (await query("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")) === "0",
    );
    await until("the alarm is over", async () => /CLEAR volume-f/.test(await watchLog()), 60);
    // Every page is still what its checksum says.
    await succeed(
      kubectl("exec", "postgres-0", "--container", "postgres", "--", "pg_amcheck", "--all", "--install-missing"),
    );
  });
});
