import type { RegionName } from "../kind";
import * as pulumi from "../stage/pulumi";
import { otherRegion } from "./regions";

/** What a person does about the two regions. Each returns when its commands have ended. */
export interface Operator {
  /** Region `to` takes over as planned. */
  readonly switchover: (to: RegionName) => Promise<void>;
  /** Region `to` takes over because the other one is lost. */
  readonly promote: (to: RegionName) => Promise<void>;
  /** The region comes back, on a new cluster, and follows. */
  readonly follow: (region: RegionName) => Promise<void>;
}

/** Tells regions their roles by configuration. The writer's lease makes any order safe: a region that may not yet, waits. */
export const byRole: Operator = {
  switchover: async (to) => {
    await takeRole(to, "primary");
    await takeRole(otherRegion(to), "standby");
  },
  promote: (to) => takeRole(to, "primary"),
  // What Pulumi's state tells of was in the cluster that is gone.
  follow: (region) => takeRole(region, "standby", "--refresh", "--run-program"),
};

async function takeRole(region: RegionName, role: "primary" | "standby", ...options: string[]): Promise<void> {
  await pulumi.configure(region, "role", role);
  await pulumi.up(region, ...options);
}
