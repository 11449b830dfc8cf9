// pg-copy-streams 7 has no type declarations of its own. Only what the fence uses is declared.
declare module "pg-copy-streams" {
  import type { Duplex } from "node:stream";
  import type { Submittable } from "pg";

  /** A stream of `START_REPLICATION …`, to be handed to `Client.query`: messages in, messages out. */
  export function both(sql: string, options: { readonly alignOnCopyDataFrame: boolean }): Duplex & Submittable;
}
