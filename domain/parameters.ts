import { Duration } from "./duration";
import { names } from "./names";
import { tls } from "./paths";
import { Size } from "./size";

/**
 * The longest that a commit may wait for its WAL segment to be archived when too little is written to fill one: the bound
 * of what an idle database loses with its region.
 */
export const archiveTimeout = Duration.seconds(60);

/**
 * Postgres marks a segment that is ready; pgBackRest's asynchronous push takes only those. Patroni's demotion to a standby
 * region pushes one more by hand, the one with the shutdown's checkpoint, which has no mark.
 */
const archiveCommand =
  "marimo-may-archive || exit 1; test -e $(dirname %p)/archive_status/%f.ready || alone=--no-archive-async; " +
  `pgbackrest --stanza=${names.stanza} $alone archive-push %p`;

export interface ParameterArgs {
  /** Memory limit of the Postgres container. */
  readonly memory: Size;
  /** Size of the data volume, which WAL shares. */
  readonly storage: Size;
}

/**
 * Postgres' parameters, from the container's size.
 *
 * Shares of memory follow the starting values of https://www.postgresql.org/docs/17/runtime-config-resource.html
 * (shared_buffers 25 %); the rest of the memory stays for sessions and the page cache.
 */
export const postgresParameters = ({ memory, storage }: ParameterArgs): Record<string, string> => ({
  shared_buffers: memory.share(0.25).toPostgres(),
  effective_cache_size: memory.share(0.6).toPostgres(),
  maintenance_work_mem: memory.share(0.06).toPostgres(),
  // A checkpoint's worth of WAL stays well below the volume, which must also hold WAL that waits for a repository.
  max_wal_size: storage.share(0.1).atMost(Size.parse("4Gi")).toPostgres(),
  // A slot of a member that is gone must not fill the volume.
  max_slot_wal_keep_size: storage.share(0.2).toPostgres(),
  max_connections: "100",
  random_page_cost: "1.1",
  checkpoint_completion_target: "0.9",
  // JIT compiles queries of an ERP for longer than they run.
  jit: "off",

  wal_level: "replica",
  wal_log_hints: "on",
  wal_compression: "zstd",
  max_wal_senders: "10",
  max_replication_slots: "10",
  hot_standby: "on",
  archive_mode: "on",
  archive_timeout: archiveTimeout.toString(),
  archive_command: archiveCommand,

  password_encryption: "scram-sha-256",
  ssl: "on",
  ssl_cert_file: tls.certificate,
  ssl_key_file: tls.key,
  ssl_ca_file: tls.ca,
  ssl_min_protocol_version: "TLSv1.3",

  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "on",
  log_lock_waits: "on",
});
