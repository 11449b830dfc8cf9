import { stringify } from "yaml";
import { Duration } from "./duration";
import { fence, type Fencing, renderWords, type Synchronous, type Word } from "./fence";
import { names } from "./names";
import { type ParameterArgs, postgresParameters } from "./parameters";
import { paths, tls } from "./paths";
import { type RepositoryName, repositoryNumber } from "./repository";

/** Labels by which Patroni finds its ConfigMaps and pods, and by which Services select them. */
export const labels = {
  app: { app: "postgres" },
  scope: { "cluster-name": names.statefulSet },
  roleKey: "role",
  primary: "primary",
  replica: "replica",
  /** Not `primary`: the write Service must never select the leader of a standby region, which is read-only. */
  standbyLeader: "standby-leader",
} as const;

/** Patroni's ConfigMap that holds the settings all members share. It exists under this name by Patroni's own rule. */
export const sharedSettingsName = `${names.statefulSet}-config`;

/** Patroni's note of who leads, in whose annotation `optime` the leader tells every few seconds where its WAL is, in bytes. */
export const leaderConfigMap = `${names.statefulSet}-leader`;

/** All objects in which Patroni keeps its state; their names are Patroni's own rule. */
export const patroniConfigMaps = ["config", "leader", "failover", "sync"].map((part) => `${names.statefulSet}-${part}`);

/**
 * Ports of the members, and those that each node opens for the other region and for checkers of `/dr/writable`, from the band that Kubernetes leaves for fixed
 * ones: https://kubernetes.io/docs/concepts/services-networking/service/#avoid-nodeport-collisions
 */
export const port = {
  postgres: 5432,
  patroni: 8008,
  pgbackrest: 8432,
  writable: 8009,
  replicationNode: 30054,
  writableNode: 30055,
} as const;

/**
 * How long a leader may be silent before another is elected, and how often members look.
 * Patroni asks for `loop_wait + 2 * retry_timeout <= ttl`: https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
 */
export const timing = {
  // The least that Patroni takes.
  ttl: Duration.seconds(20),
  // Patroni looks once per loop whether a restored database has left recovery, so a longer loop is a longer outage.
  loopWait: Duration.seconds(3),
  retryTimeout: Duration.seconds(8),
} as const;

/** From the repository first, from the leader only where that fails. */
const replicaMethods = ["pgbackrest", "basebackup"];

/**
 * For members that follow. PostgreSQL takes every failure for the end of the archive, also a store that doesn't answer. That is
 * right here: it goes on to stream, and tries again; a status that ends the recovery (see decision 3) would end the standby.
 * Only a promotion must not trust it: `marimo-archive-end` tells how far the archive reaches.
 */
const restoreCommand = (only?: RepositoryName) =>
  `pgbackrest --stanza=${names.stanza} ${only ? `--repo=${repositoryNumber[only]} ` : ""}archive-get %f "%p"`;

/** Where a server is reached. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Whether a region takes writes or follows the other one. */
export type Role = "primary" | "standby";

/** How the other region reaches this one's leader. */
export interface ReplicationAccess {
  /** Its name, which its certificate carries. @default the other region does not come */
  readonly host: string | undefined;
  /** Kind of the Service. */
  readonly service: "none" | "LoadBalancer" | "NodePort";
  /** Addresses (CIDR) that a load balancer lets in. */
  readonly from: readonly string[];
}

export interface SharedSettingsArgs extends ParameterArgs {
  /** `standby` follows `otherRegion` and takes no writes. */
  readonly role: Role;
  /** Where the other region's leader is reached. @default there is no other region */
  readonly otherRegion: Address | undefined;
  /** What an operator declared lost. */
  readonly words: readonly Word[];
  readonly synchronous: Synchronous;
}

/**
 * A region that follows the other one. It is copied from the repository, and only where that fails across the ocean;
 * Postgres streams, reads the archive while it can't, and streams again, all by itself.
 */
const standbyCluster = ({ otherRegion }: SharedSettingsArgs) => ({
  ...otherRegion,
  primary_slot_name: names.otherRegionSlot,
  create_replica_methods: replicaMethods,
  // From whichever repository has it.
  restore_command: restoreCommand(),
});

/**
 * The settings that all members share (Patroni's dynamic configuration), as the `config` annotation of
 * `sharedSettingsName`. The program owns the annotation, so a change of it reaches a running cluster; Patroni's
 * `bootstrap.dcs` would be read once. It is all that a change of the role changes for the members: without
 * `standby_cluster` they promote one of them, with it they demote the one that led.
 */
export const renderSharedSettings = (args: SharedSettingsArgs): string =>
  JSON.stringify({
    ttl: timing.ttl.seconds,
    loop_wait: timing.loopWait.seconds,
    retry_timeout: timing.retryTimeout.seconds,
    maximum_lag_on_failover: 1_048_576,
    // A Kubernetes API that is down for longer than a retry must not cost a healthy primary its role.
    failsafe_mode: true,
    // Patroni hands on what it doesn't know; the members' fences look at it.
    ...(args.words.length > 0 && { [fence.wordsKey]: renderWords(args.words) }),
    ...(args.synchronous !== "off" && { [fence.synchronousKey]: args.synchronous }),
    ...(args.role === "standby" && { standby_cluster: standbyCluster(args) }),
    // `cluster_type`: on a region that follows it would keep WAL that nobody reads.
    ...(args.otherRegion && { slots: { [names.otherRegionSlot]: { type: "physical", cluster_type: "primary" } } }),
    postgresql: {
      use_pg_rewind: true,
      use_slots: true,
      parameters: postgresParameters(args),
    },
  });

export interface PatroniArgs {
  /** Repository that a restore and a new replica read. */
  readonly restoreFrom: RepositoryName;
  readonly fencing: Fencing;
}

/**
 * `patroni.yml` of each member. Names, addresses and passwords come from the environment:
 * https://patroni.readthedocs.io/en/latest/ENVIRONMENT.html
 */
export const renderPatroni = ({ restoreFrom, fencing }: PatroniArgs): string =>
  stringify(
    {
      scope: names.statefulSet,
      log: { level: "INFO" },
      kubernetes: {
        labels: labels.app,
        scope_label: Object.keys(labels.scope)[0],
        role_label: labels.roleKey,
        leader_label_value: labels.primary,
        follower_label_value: labels.replica,
        standby_leader_label_value: labels.standbyLeader,
        use_endpoints: false,
      },
      restapi: {
        listen: `0.0.0.0:${port.patroni}`,
        certfile: tls.certificate,
        keyfile: tls.key,
        cafile: tls.ca,
        // Whoever asks may read (probes do); only holders of a certificate of this authority may restart or switch over.
        verify_client: "optional",
      },
      ctl: { certfile: tls.certificate, keyfile: tls.key, cacert: tls.ca },
      bootstrap: {
        method: "marimo",
        marimo: { command: "marimo-bootstrap", no_params: true, keep_existing_recovery_conf: true },
        post_bootstrap: "marimo-post-bootstrap",
      },
      postgresql: {
        listen: `*:${port.postgres}`,
        data_dir: paths.pgdata,
        bin_dir: paths.binaries,
        // Keeps the writes that a rewind would drop, then runs pg_rewind. An absolute path replaces `bin_dir`.
        bin_name: { pg_rewind: paths.rewind },
        pgpass: `${paths.temp}/pgpass`,
        use_unix_socket: true,
        use_unix_socket_repl: true,
        authentication: {
          superuser: { username: names.superuser, sslmode: "verify-full", sslrootcert: tls.ca },
          replication: { username: names.replicationUser, sslmode: "verify-full", sslrootcert: tls.ca },
          rewind: { username: names.rewindUser, sslmode: "verify-full", sslrootcert: tls.ca },
        },
        parameters: {
          unix_socket_directories: paths.socket,
          // Here and not among the shared ones: it must come with the pod that has the fence, or commits wait for nobody.
          ...(fencing === "lease" && { synchronous_standby_names: fence.gate }),
        },
        recovery_conf: { restore_command: restoreCommand(restoreFrom) },
        create_replica_methods: replicaMethods,
        pgbackrest: {
          command: "marimo-replica",
          keep_data: true,
          no_params: true,
        },
        basebackup: { checkpoint: "fast" },
        // Only after the wrapper has seen it. The like for diverged timelines would remove it without a rewind.
        remove_data_directory_on_rewind_failure: true,
        pre_promote: "marimo-promote",
        callbacks: { on_start: "marimo-started" },
        pg_hba: [
          "local all postgres peer",
          "local replication replicator peer map=members",
          "hostssl all all all scram-sha-256",
          "hostssl replication replicator all scram-sha-256",
        ],
        // Inside the pod the operating system's user stands in for Patroni's replication user.
        pg_ident: [`members postgres ${names.replicationUser}`],
      },
    },
    { lineWidth: 0 },
  );
