import { z } from "zod";
import type { FenceStatus } from "../domain/fence";

const Position = z.object({ member: z.string(), timeline: z.number(), lsn: z.string(), beat: z.number() });

const Lease = z.object({
  holder: z.string().nullable(),
  term: z.number(),
  state: z.enum(["taking", "writing", "released"]),
  readAt: z.number(),
  without: z.enum(["s3", "gcs"]).nullable(),
  position: Position.exactOptional(),
});

const VaultStatus = z.union([
  z.object({ error: z.string() }),
  z.object({ lease: Lease.nullable(), ageSeconds: z.number().exactOptional() }),
]);

/** What `marimo-fence status` prints, checked: a region may run an image that is older or newer than this command. */
export const FenceStatusText: z.ZodType<FenceStatus> = z.object({
  region: z.string(),
  member: z.string(),
  fencing: z.enum(["none", "lease", "manual"]),
  role: z.enum(["primary", "standby", "unknown"]),
  confirmLost: z.string(),
  postgres: z.object({
    state: z.enum(["primary", "standby", "down"]),
    position: Position.exactOptional(),
    received: z.string().exactOptional(),
    streaming: z.boolean().exactOptional(),
  }),
  writer: z.object({
    acknowledges: z.boolean(),
    secondsLeft: z.number().exactOptional(),
    term: z.number().exactOptional(),
    why: z.string().exactOptional(),
  }),
  vaults: z.object({ s3: VaultStatus.exactOptional(), gcs: VaultStatus.exactOptional() }).exactOptional(),
  writable: z.boolean(),
  why: z.string().exactOptional(),
});
