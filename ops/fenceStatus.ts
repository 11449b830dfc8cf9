import { z } from "zod";
import type { FenceStatus } from "../domain/fence";
import { LeaseObject, PositionObject } from "../domain/leaseObject";

const VaultStatus = z.union([
  z.object({ error: z.string() }),
  z.object({
    lease: LeaseObject.nullable(),
    ageSeconds: z.number().exactOptional(),
    refuses: z.string().exactOptional(),
  }),
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
    position: PositionObject.exactOptional(),
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
  clockAheadSeconds: z.number().exactOptional(),
  writable: z.boolean(),
  why: z.string().exactOptional(),
});
