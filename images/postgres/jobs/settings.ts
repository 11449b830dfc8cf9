import { jobs, type JobSettings } from "../../../domain/jobs";

/** What the program tells the job; each kind of job takes it for its own kind of settings. @throws Error where the pod's manifest doesn't */
export const readSettings = (): JobSettings => {
  const text = process.env[jobs.settings];
  if (text === undefined) throw new Error(`${jobs.settings} is not set: the pod's manifest must set it`);
  return JSON.parse(text) as JobSettings;
};
