const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** A moment of the day, UTC. */
export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

const at = ({ hour, minute }: TimeOfDay): string => {
  if (!Number.isInteger(hour) || hour < 0 || hour > 23 || !Number.isInteger(minute) || minute < 0 || minute > 59) {
    throw new RangeError(`there is no ${hour}:${minute} in a day; hours are 0 to 23, minutes 0 to 59`);
  }
  return `${minute} ${hour}`;
};

/** A cron line that runs every day. */
export const daily = (time: TimeOfDay): string => `${at(time)} * * *`;

/** A cron line that runs on one day of the week. */
export const weekly = (day: Weekday, time: TimeOfDay): string => `${at(time)} * * ${WEEKDAYS.indexOf(day)}`;

/** A cron line that runs on every day of the week but one. */
export const dailyExcept = (day: Weekday, time: TimeOfDay): string => {
  const others = WEEKDAYS.map((_, index) => index).filter((index) => index !== WEEKDAYS.indexOf(day));
  return `${at(time)} * * ${others.join(",")}`;
};
