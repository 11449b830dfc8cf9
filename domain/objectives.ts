import { Duration } from "./duration";

/** What the recovery plan promises: the longest downtime (RTO) and the largest loss (RPO). Source: the plan's tables. */
export interface Objective {
  readonly rto: Duration;
  /** `undefined` where the plan accepts any loss. */
  readonly rpo: Duration | undefined;
}

/** "Recovery Objectives" of the plan, by component. */
export const componentObjectives = {
  database: { rto: Duration.hours(1), rpo: Duration.hours(1) },
  "auth-service": { rto: Duration.minutes(15), rpo: Duration.seconds(0) },
  "api-gateway": { rto: Duration.minutes(15), rpo: Duration.seconds(0) },
  redis: { rto: Duration.minutes(10), rpo: undefined },
  rabbitmq: { rto: Duration.minutes(30), rpo: undefined },
  consul: { rto: Duration.minutes(30), rpo: undefined },
} as const satisfies Record<string, Objective>;

/** "Scenario Matrix" and "Recovery Procedures" of the plan: the upper end where it gives a range. */
export const scenarioObjectives = {
  clusterFailure: { rto: Duration.hours(4), rpo: Duration.hours(24) },
  datacenterOutage: { rto: Duration.hours(1), rpo: Duration.minutes(1) },
} as const satisfies Record<string, Objective>;
