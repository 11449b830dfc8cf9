/** Lines for `kubectl logs`. The ones that a person must see begin with ALARM, as those of the other containers. */
export const say = (message: string): void => {
  console.error(message);
};

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

/**
 * Says something when it changes, and again every five minutes while it stays. Nothing wrong: `undefined`. Numbers don't count
 * as a change: ages in it grow with each look.
 */
export class Announcement {
  private said: string | undefined;
  private at = -Infinity;

  constructor(private readonly name: string) {}

  /** `now`: seconds on one clock. */
  update(text: string | undefined, now: number): void {
    const kind = text?.replaceAll(/\d+/g, "");
    if (text === undefined) {
      if (this.said !== undefined) say(`CLEAR ${this.name}`);
      this.said = undefined;
    } else if (kind !== this.said || now - this.at >= 300) {
      say(`ALARM ${this.name}: ${text}`);
      this.said = kind;
      this.at = now;
    }
  }
}
