// pg-copy-streams 7 has no type declarations of its own. Only what the lab uses is declared.
declare module "pg-copy-streams" {
  import type { Writable } from "node:stream";
  import type { Submittable } from "pg";

  /** A stream that feeds `COPY … FROM STDIN`, to be handed to `Client.query`. */
  export function from(sql: string): Writable & Submittable & { readonly rowCount: number };
}
