import type { StepKey } from "./report";

/** What happens in each step, for people. */
export const stepTitles: Readonly<Record<StepKey, string>> = {
  switchover: "planned: the secondary region takes over",
  switchBack: "planned: the primary region takes over again",
  outage: "outage: the primary region is cut off, the secondary one is promoted",
  destruction: "destruction: the cut off primary region is destroyed",
  rebuild: "rebuild: the primary region comes back and follows",
  failback: "failback: the primary region takes over again",
};
