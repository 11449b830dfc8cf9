import { z } from "zod";
import type { Lease, Position } from "./lease";

/** The lease and its parts as JSON, checked: in a vault, and in what a fence says of one. */
export const PositionObject: z.ZodType<Position> = z.object({
  member: z.string(),
  timeline: z.int(),
  lsn: z.string(),
  beat: z.number(),
});

const state = z.enum(["taking", "writing", "released"]);

export const LeaseObject: z.ZodType<Lease> = z.object({
  holder: z.string().nullable(),
  term: z.int().min(0),
  state,
  readAt: z.number(),
  without: z.enum(["s3", "gcs"]).nullable(),
  position: PositionObject.exactOptional(),
  before: z
    .object({ holder: z.string(), term: z.int().min(0), state, position: PositionObject.exactOptional() })
    .exactOptional(),
});
