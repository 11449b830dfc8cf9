import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { connect } from "node:tls";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Duration } from "../../domain/duration";
import { renderMemberConfiguration } from "../../domain/pgbackrest";
import type { Repository } from "../../domain/repository";
import { ensureAuthority, ensureServerCertificate } from "../../lab/certificates";
import { ensureNetwork } from "../../lab/engine";
import { labEnvironment, network } from "../../lab/environment";
import { type ImageArchive, loadArchive, postgresImage, storeImages } from "../../lab/images";
import { engine } from "../../lab/parts";
import { paths } from "../../lab/paths";
import { run } from "../../lab/process";
import { ensure } from "../../lab/step";

export type VaultName = "s3" | "gcs";

const user = 999;
const folder = join(paths.lab, "image-test");
const certificates = join(folder, "certificates");
const log = "image-test";

/** Own stores beside the lab's: a fault that a test makes must not reach a region. */
const vaults = {
  s3: { container: "image-test-s3", host: "s3.lab.internal", address: "10.231.0.12", bucket: "image-test-s3" },
  gcs: { container: "image-test-gcs", host: "gcs.lab.internal", address: "10.231.0.13", bucket: "image-test-gcs" },
} as const;
const vaultNames: readonly VaultName[] = ["s3", "gcs"];

export const repositories: readonly Repository[] = [
  {
    name: "s3",
    bucket: vaults.s3.bucket,
    region: "us-east-1",
    endpoint: vaults.s3.host,
    uriStyle: "path",
    keyType: "shared",
  },
  { name: "gcs", bucket: vaults.gcs.bucket, endpoint: vaults.gcs.host, keyType: "token" },
];

/** What a test changes about a container; the rest is as the product has it. */
export interface Options {
  /** @default s3 */
  readonly from?: VaultName;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly code: number | undefined;
  /** stdout and stderr together. */
  readonly output: string;
}

let image = "";
const store = (name: VaultName, ...path: string[]) => join(folder, "stores", name, vaults[name].bucket, ...path);
const volume = (member: string) => join(folder, "volumes", member);

const podman = (...args: string[]) => run(engine(), args, { log, timeoutSeconds: 180 });

/** Runs podman and says how it ended, where a failure is an answer. */
const attempt = async (args: string[]): Promise<Outcome> => {
  const { execa } = await import("execa");
  const { exitCode, all } = await execa(engine(), args, {
    env: labEnvironment(),
    extendEnv: false,
    reject: false,
    all: true,
    stdin: "ignore",
    timeout: 180_000,
  });
  return { code: exitCode, output: all };
};

/** As the StatefulSet runs it: read-only root, no capabilities, no new privileges, nobody but user 999. */
const containerOptions = (member: string, { from = "s3", environment = {} }: Options): string[] => {
  const passphrase = "passphrase-of-the-image-tests-0123456789";
  const variables: Record<string, string> = {
    MARIMO_STANZA: "marimo",
    MARIMO_REPOSITORIES: "s3=1,gcs=2",
    MARIMO_RESTORE_FROM: from,
    MARIMO_DATABASE: "marimo_erp",
    PGBACKREST_REPO1_CIPHER_PASS: passphrase,
    PGBACKREST_REPO2_CIPHER_PASS: passphrase,
    PGBACKREST_REPO1_S3_KEY: "image-test",
    PGBACKREST_REPO1_S3_KEY_SECRET: "image-test-secret",
    PGBACKREST_REPO2_GCS_KEY: "image-test-token",
    ...environment,
  };
  return [
    ...["--network", network, "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"],
    ...["--user", `${user}:${user}`, "--volume", `${volume(member)}:/var/lib/postgresql/data`],
    ...["--volume", `${join(folder, "pgbackrest.conf")}:/etc/pgbackrest/pgbackrest.conf:ro`],
    ...["--volume", `${join(certificates, "ca.crt")}:/etc/store-ca/ca.crt:ro`],
    ...vaultNames.flatMap((name) => ["--add-host", `${vaults[name].host}:${vaults[name].address}`]),
    ...Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
  ];
};

/** Makes an empty volume for a member; what an earlier one of that name held is gone. */
export const emptyVolume = (member: string): void => {
  rmSync(volume(member), { recursive: true, force: true });
  mkdirSync(volume(member), { recursive: true });
  chownSync(volume(member), user, user);
};

/** Runs one command of the image in a container of its own, on the member's volume. */
export const tool = (member: string, command: readonly string[], options: Options = {}): Promise<Outcome> =>
  attempt(["run", "--rm", ...containerOptions(member, options), image, ...command]);

const containerOf = (member: string) => `image-test-${member}`;

/**
 * Brings a database up on an empty volume and waits until it takes writes.
 *
 * Stands in for Patroni, which needs a cluster (tests/lab has one): marimo-bootstrap, then PostgreSQL with the
 * parameters that matter here.
 *
 * @throws Error with the container's log if it doesn't come up.
 */
export const startMember = async (member: string, options: Options = {}): Promise<void> => {
  emptyVolume(member);
  const parameters = [
    "archive_mode=on",
    "archive_command=pgbackrest --stanza=marimo archive-push %p",
    "listen_addresses=",
    "jit=off",
  ];
  const postgres = `exec postgres ${parameters.map((parameter) => `-c '${parameter}'`).join(" ")}`;
  const name = containerOf(member);
  await podman(
    "create",
    "--name",
    name,
    ...containerOptions(member, options),
    image,
    "sh",
    "-c",
    `marimo-bootstrap && ${postgres}`,
  );
  await podman("start", name);
  await until(`${member} takes writes`, async () => {
    const state = await podman("container", "inspect", "--format", "{{.State.Status}}", name);
    if (state.trim() === "exited")
      throw new Error(`${member} did not come up:\n${(await attempt(["logs", name])).output}`);
    const { code, output } = await attempt([
      "exec",
      name,
      "psql",
      "--no-align",
      "--tuples-only",
      "--command=SELECT pg_is_in_recovery()",
    ]);
    return code === 0 && output.trim() === "f";
  });
};

/** Ends a member as a failing node does: no shutdown, no last segment archived. Its volume stays. */
export const killMember = async (member: string): Promise<void> => {
  await podman("kill", "--signal", "KILL", containerOf(member));
  await podman("rm", "--force", containerOf(member));
};

/** Ends a member in the same way, and its volume is lost too. */
export const loseMember = async (member: string): Promise<void> => {
  await killMember(member);
  emptyVolume(member);
};

/** What the member's container has printed. */
export const logOf = async (member: string): Promise<string> => (await attempt(["logs", containerOf(member)])).output;

/** Runs a command in a running member. */
export const inMember = (member: string, ...command: string[]): Promise<Outcome> =>
  attempt(["exec", containerOf(member), ...command]);

/** Runs SQL in a running member and returns what it printed, unaligned. */
export const sql = async (member: string, statement: string): Promise<string> =>
  (
    await podman(
      "exec",
      containerOf(member),
      "psql",
      "--quiet",
      "--no-align",
      "--tuples-only",
      `--command=${statement}`,
    )
  ).trim();

/** Closes the current WAL segment and waits until both repositories have taken it. */
export const archiveAll = async (member: string): Promise<void> => {
  const segment = await sql(member, "SELECT pg_walfile_name(pg_switch_wal())");
  await until(`${segment} is archived`, async () => {
    const last = await sql(member, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver");
    return last.slice(8) >= segment.slice(8);
  });
};

/** Asks again and again until the answer is yes, for at most a minute. */
export const until = async (what: string, question: () => Promise<boolean>, seconds = 60): Promise<void> => {
  const deadline = Date.now() + seconds * 1000;
  while (!(await question())) {
    if (Date.now() > deadline) throw new Error(`Not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};

const server = (name: VaultName): string[] => {
  const tls = ["--cert", "/certificates/server.crt", "--key", "/certificates/server.key"];
  return name === "s3"
    ? [...tls, "--port", ":443", "posix", "/buckets"]
    : ["-listen", ":443", "-root", "/buckets", "-external-url", `https://${vaults.gcs.host}`, ...tls];
};

const answers = (name: VaultName): Promise<boolean> =>
  new Promise((resolve) => {
    const { host, address } = vaults[name];
    const ca = readFileSync(join(certificates, "ca.crt"));
    const socket = connect({ host: address, port: 443, servername: host, ca, timeout: 1000 });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("secureConnect", end(true)).once("error", end(false)).once("timeout", end(false));
  });

export const startVault = async (name: VaultName): Promise<void> => {
  await podman("start", vaults[name].container);
  await until(`${name} answers`, () => answers(name));
};

export const stopVault = (name: VaultName): Promise<string> => podman("stop", "--time", "1", vaults[name].container);

/** Makes every vault empty, with its bucket. */
export const emptyVaults = (): void => {
  for (const name of vaultNames) {
    rmSync(store(name), { recursive: true, force: true });
    mkdirSync(store(name), { recursive: true });
  }
};

/** Keeps what a vault holds; the function that it returns puts it back. */
export const snapshot = (name: VaultName): (() => void) => {
  const kept = join(folder, "kept", name);
  // cp, because the GCS server keeps what it knows of an object in extended attributes.
  const copy = (from: string, to: string) => {
    rmSync(to, { recursive: true, force: true });
    mkdirSync(dirname(to), { recursive: true });
    execFileSync("cp", ["--archive", from, to]);
  };
  copy(store(name), kept);
  return () => {
    copy(kept, store(name));
  };
};

/** Removes the whole bucket, as somebody's mistake would. */
export const removeBucket = (name: VaultName): void => {
  rmSync(store(name), { recursive: true });
};

/** Files of a vault below `path`, as paths relative to the bucket. */
export const files = (name: VaultName, path: string): string[] =>
  readdirSync(store(name, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(store(name).length + 1))
    .sort();

export const removeFile = (name: VaultName, path: string): void => {
  rmSync(store(name, path), { recursive: true });
};

export const writeFile = (name: VaultName, path: string, content: string | Buffer): void => {
  mkdirSync(dirname(store(name, path)), { recursive: true });
  writeFileSync(store(name, path), content);
};

/** Changes one bit of a file of a vault, without its server. @param at the byte; by default in the middle */
export const flipBit = (name: VaultName, path: string, at?: number): void => {
  const handle = openSync(store(name, path), "r+");
  try {
    const byte = Buffer.alloc(1);
    const position = at ?? Math.floor(fstatSync(handle).size / 2);
    readSync(handle, byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(handle, byte, 0, 1, position);
  } finally {
    closeSync(handle);
  }
};

/** Builds images, unless the lab has them, and returns their names. */
const ready = async (archive: ImageArchive): Promise<string[]> => {
  await ensure(archive.step);
  await loadArchive(engine(), archive);
  return archive.images;
};

/** Ready stores, image and configuration. */
export const setUp = async (): Promise<void> => {
  await tearDown();
  rmSync(folder, { recursive: true, force: true });
  await ensureNetwork(engine());
  image = process.env["MARIMO_POSTGRES_IMAGE"] ?? (await ready(await postgresImage(engine())))[0] ?? "";
  const storeImage = await ready(await storeImages(engine()));
  await ensureAuthority(certificates);
  const configuration = renderMemberConfiguration({
    repositories,
    repositoryPath: "/marimo",
    retention: Duration.days(90),
    storeCa: true,
  });
  writeFileSync(join(folder, "pgbackrest.conf"), configuration);
  for (const [index, name] of vaultNames.entries()) {
    const { container, host, address } = vaults[name];
    const pair = await ensureServerCertificate(certificates, host, address);
    chmodSync(pair.key, 0o644);
    mkdirSync(store(name), { recursive: true });
    await podman(
      ...["create", "--name", container, "--network", network, "--ip", address],
      ...["--volume", `${join(folder, "stores", name)}:/buckets`],
      ...["--volume", `${pair.certificate}:/certificates/server.crt:ro`],
      ...["--volume", `${pair.key}:/certificates/server.key:ro`],
      ...["--env", "ROOT_ACCESS_KEY=image-test", "--env", "ROOT_SECRET_KEY=image-test-secret"],
      ...[storeImage[index] ?? "", ...server(name)],
    );
    await startVault(name);
  }
};

/** Removes all containers that tests of this folder make, and their files. */
export const tearDown = async (): Promise<void> => {
  const left = await podman("ps", "--all", "--quiet", "--filter", "name=^image-test-");
  for (const container of left.split("\n").filter(Boolean)) await podman("rm", "--force", "--volumes", container);
  rmSync(folder, { recursive: true, force: true });
};
