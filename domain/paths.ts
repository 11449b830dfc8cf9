/** Places inside the containers of `images/postgres`. */
export const paths = {
  volume: "/var/lib/postgresql/data",
  pgdata: "/var/lib/postgresql/data/pgdata",
  spool: "/var/lib/postgresql/data/spool",
  socket: "/run/postgresql",
  temp: "/tmp",
  binaries: "/usr/lib/postgresql/17/bin",
  rewind: "/usr/local/bin/marimo-rewind",
  patroniFolder: "/etc/patroni",
  pgbackrestFolder: "/etc/pgbackrest",
  tlsFolder: "/etc/tls",
  storeCaFolder: "/etc/store-ca",
  gcsKeyFolder: "/etc/gcs",
} as const;

export const tls = {
  certificate: `${paths.tlsFolder}/tls.crt`,
  key: `${paths.tlsFolder}/tls.key`,
  ca: `${paths.tlsFolder}/ca.crt`,
} as const;

/** The user `postgres` of the image. */
export const userId = 999;
