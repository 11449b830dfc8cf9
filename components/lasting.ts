import type { CustomResourceOptions } from "@pulumi/pulumi";

/** What a component of the stack global needs to know about Pulumi's state. */
export interface Adoption {
  /** Whether Pulumi's state was lost, so that what exists in the clouds is taken over instead of made. */
  readonly adopt: boolean;
}

/**
 * Options of a resource that must outlive its stack: no `pulumi destroy` and no replacement touches it, and with its state
 * lost it is taken over by its `id`. A resource that isn't there is then an error of the engine, never a second one.
 *
 * @param unread inputs that the cloud doesn't tell when it is asked for the resource. They would look like a difference, and
 *   Pulumi adopts only what is the same; the first update after the adoption sets them.
 */
export const lasting = (
  { adopt }: Adoption,
  id: string | undefined,
  unread: readonly string[] = [],
): CustomResourceOptions => ({
  protect: true,
  retainOnDelete: true,
  ...(adopt && id !== undefined && { import: id, ignoreChanges: [...unread] }),
});
