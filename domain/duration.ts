/** A length of time with its unit in its name, so that no bare number has to be guessed at. Whole seconds, not negative. */
export class Duration {
  private constructor(readonly seconds: number) {
    if (!Number.isSafeInteger(seconds) || seconds < 0) {
      throw new RangeError(`a duration is a whole number of seconds, 0 or more; got ${seconds}`);
    }
  }
  static seconds(n: number): Duration {
    return new Duration(n);
  }
  static minutes(n: number): Duration {
    return new Duration(n * 60);
  }
  static hours(n: number): Duration {
    return new Duration(n * 3600);
  }
  static days(n: number): Duration {
    return new Duration(n * 86_400);
  }
  get days(): number {
    return this.seconds / 86_400;
  }
  /** As Postgres and Pulumi write it, for example `60s`. */
  toString(): string {
    return `${this.seconds}s`;
  }
}
