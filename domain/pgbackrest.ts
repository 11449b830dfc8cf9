import type { Duration } from "./duration";
import { memberHost, memberPods, names } from "./names";
import { paths, tls } from "./paths";
import { type Repository, repositoryNumber } from "./repository";

type Section = Record<string, string | number>;

export interface PgBackRestArgs {
  readonly repositories: readonly Repository[];
  /** Folder inside each bucket. */
  readonly repositoryPath: string;
  /** How long a base backup and the WAL that it needs are kept, in each repository. */
  readonly retention: Duration;
  /** Whether the stores' certificates are signed by a CA of our own, mounted at `paths.storeCaFolder`. */
  readonly storeCa: boolean;
}

/** The S3 driver takes the port apart from the host, the GCS driver together with it. */
const s3EndpointOptions = (endpoint: string): Section => {
  const [host = endpoint, port] = endpoint.split(":", 2);
  return { "s3-endpoint": host, ...(port !== undefined && { "storage-port": port }) };
};

const merge = (sections: readonly Section[]): Section => Object.fromEntries(sections.flatMap((s) => Object.entries(s)));

/** What differs between the two kinds of store. Keys and passphrases are not here: the containers get them as environment. */
const storeOptions = (repository: Repository): Section => {
  const { name, bucket, keyType } = repository;
  const common = { [`${name}-bucket`]: bucket, [`${name}-key-type`]: keyType };
  switch (name) {
    case "s3":
      return {
        ...common,
        "s3-region": repository.region,
        "s3-uri-style": repository.uriStyle,
        ...s3EndpointOptions(repository.endpoint ?? `s3.${repository.region}.amazonaws.com`),
      };
    case "gcs":
      return {
        ...common,
        "gcs-endpoint": repository.endpoint ?? "storage.googleapis.com",
        ...(keyType === "service" && { "gcs-key": `${paths.gcsKeyFolder}/key.json` }),
      };
  }
};

const repositoryOptions = (repository: Repository, args: PgBackRestArgs): Section => {
  const options: Section = {
    type: repository.name,
    path: args.repositoryPath,
    ...storeOptions(repository),
    "cipher-type": "aes-256-cbc",
    "retention-full-type": "time",
    "retention-full": args.retention.days,
    // Many small files in one object: an empty database has more than a thousand. Block incremental backups would save
    // space in differentials, and make a restore fetch every file by requests of its own.
    bundle: "y",
    ...(args.storeCa && { "storage-ca-file": `${paths.storeCaFolder}/ca.crt` }),
  };
  const prefix = `repo${repositoryNumber[repository.name]}-`;
  return Object.fromEntries(Object.entries(options).map(([option, value]) => [prefix + option, value]));
};

const globalOptions = (args: PgBackRestArgs): Section => ({
  "log-level-file": "off",
  "log-level-console": "info",
  "process-max": 2,
  "compress-type": "zst",
  "compress-level": 3,
  "start-fast": "y",
  ...merge(args.repositories.map((repository) => repositoryOptions(repository, args))),
});

const render = (sections: Record<string, Section>): string =>
  Object.entries(sections)
    .map(([title, options]) => [`[${title}]`, ...Object.entries(options).map(([key, value]) => `${key}=${value}`), ""])
    .flat()
    .join("\n");

/** `pgbackrest.conf` of a member: archives, restores, and lets backup jobs in over TLS. */
export const renderMemberConfiguration = (args: PgBackRestArgs): string =>
  render({
    global: {
      ...globalOptions(args),
      "spool-path": paths.spool,
      // Pushes and fetches several segments at once; without it replay waits for each segment's round trip.
      "archive-async": "y",
      "archive-get-queue-max": "512MiB",
      "tls-server-address": "*",
      "tls-server-cert-file": tls.certificate,
      "tls-server-key-file": tls.key,
      "tls-server-ca-file": tls.ca,
      "tls-server-auth": `${names.backupClient}=${names.stanza}`,
    },
    // A repository that can't be reached costs each push this long; with pgBackRest's minute the living one would get nothing
    // before the backup that waits for its WAL gives up (archive-timeout, a minute too).
    "global:archive-push": { "log-level-console": "warn", "io-timeout": 10 },
    "global:archive-get": { "log-level-console": "warn", "io-timeout": 10 },
    [names.stanza]: {
      "pg1-path": paths.pgdata,
      "pg1-socket-path": paths.socket,
      "pg1-user": names.superuser,
    },
  });

/** `pgbackrest.conf` of a pod that reads the repositories and knows no database. */
export const renderReaderConfiguration = (args: PgBackRestArgs): string => render({ global: globalOptions(args) });

export interface BackupJobArgs extends PgBackRestArgs {
  readonly members: number;
  readonly namespace: string;
}

/** `pgbackrest.conf` of a backup job: it has no database of its own and reaches the members' `pgbackrest server`. */
export const renderBackupJobConfiguration = (args: BackupJobArgs): string =>
  render({
    global: {
      ...globalOptions(args),
      // A standby spares the primary the reading; without one the primary is read.
      "backup-standby": "prefer",
    },
    [names.stanza]: merge(
      memberPods(args.members).map((pod, index): Section => {
        const options: Section = {
          host: memberHost(pod, args.namespace),
          "host-type": "tls",
          "host-ca-file": tls.ca,
          "host-cert-file": tls.certificate,
          "host-key-file": tls.key,
          path: paths.pgdata,
          "socket-path": paths.socket,
          user: names.superuser,
        };
        return Object.fromEntries(Object.entries(options).map(([key, value]) => [`pg${index + 1}-${key}`, value]));
      }),
    ),
  });
