import { z } from "zod";

/** The part of `pgbackrest info --output=json` that is used: https://pgbackrest.org/command.html#command-info */
const Info = z.array(
  z.object({
    archive: z.array(
      z.object({
        database: z.object({ id: z.int(), "repo-key": z.int() }),
        id: z.string(),
        max: z.string().nullable(),
        min: z.string().nullable(),
      }),
    ),
    backup: z.array(
      z.object({
        archive: z.object({ start: z.string().nullable(), stop: z.string().nullable() }),
        database: z.object({ id: z.int(), "repo-key": z.int() }),
        /** Whether pages were found whose checksum was wrong. */
        error: z.boolean().nullish(),
        info: z.object({ size: z.number() }),
        label: z.string(),
        lsn: z.object({ start: z.string(), stop: z.string() }).nullish(),
        /** Every backup that has files of this one. */
        reference: z.array(z.string()).nullable(),
        timestamp: z.object({ start: z.int(), stop: z.int() }),
        type: z.enum(["full", "diff", "incr"]),
      }),
    ),
    /** JSON's numbers are too short for a system's identifier; its first half is the moment in which it was made. */
    db: z
      .array(z.object({ id: z.int(), "repo-key": z.int(), "system-id": z.number(), version: z.string() }))
      .default([]),
    repo: z.array(z.object({ key: z.int(), status: z.object({ code: z.int(), message: z.string() }) })),
  }),
);

/** What `pgbackrest info` says of the stanza. */
export type Info = z.output<typeof Info>[number];

/**
 * Reads the output of `pgbackrest --stanza=… info --output=json`.
 * @throws Error when it is not what pgBackRest 2.59 prints for one stanza
 */
export const parseInfo = (text: string): Info => {
  // With a wrong passphrase a message quotes raw bytes, which no JSON may hold.
  // eslint-disable-next-line no-control-regex -- these are the ones
  const [stanza, ...more] = Info.parse(JSON.parse(text.replace(/[\u0000-\u001f]/g, " ")));
  if (stanza === undefined || more.length > 0)
    throw new Error(`pgbackrest info tells of ${more.length} stanzas, not one`);
  return stanza;
};
