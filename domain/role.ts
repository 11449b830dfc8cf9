import type { Fencing } from "./fence";
import type { Address, Role } from "./patroni";

export interface RoleArgs {
  readonly region: string;
  readonly role: Role;
  readonly otherRegion: Address | undefined;
  readonly fencing: Fencing;
}

/** What the role means for whoever reads a preview: who takes writes, from where it goes on, and what follows. */
export const roleInWords = ({ region, role, otherRegion, fencing }: RoleArgs): string => {
  const other = otherRegion && `${otherRegion.host}:${otherRegion.port}`;
  if (other === undefined) return `Region ${region} takes writes. There is no other region.`;
  if (role === "standby") {
    return (
      `Region ${region} follows ${other} and takes no writes. If it took them until now, its database is shut down cleanly and ` +
      "archived to its last position, its lease is released, and it follows; its base backups end."
    );
  }
  const goesOn =
    fencing === "lease"
      ? "as soon as it holds the writer's lease in both vaults, and not while the other region renews it. Until then it follows " +
        `${other}; a position that was handed over is replayed first`
      : `at once, from what it has replayed. Nothing stops ${other} from taking writes too: fencing is manual`;
  return `Region ${region} takes writes ${goesOn}. Its base backups run. \`dr status\` shows both regions' positions.`;
};
