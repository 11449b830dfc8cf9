const UNITS = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 } as const;

/**
 * An amount of memory or storage. Written as Kubernetes writes it, in whole binary units: `512Mi`, `10Gi`.
 * Kubernetes' other spellings (`1G`, `1.5Gi`, `1e9`) are refused: they are read differently by Postgres.
 */
export class Size {
  private constructor(readonly bytes: number) {}

  /** @throws RangeError when `text` is not a positive whole number with Ki, Mi, Gi or Ti. */
  static parse(text: string): Size {
    const match = /^([1-9][0-9]*)(Ki|Mi|Gi|Ti)$/.exec(text);
    if (!match) throw new RangeError(`"${text}" is not a size such as 512Mi or 10Gi`);
    return new Size(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
  }
  /** A share of this size; 0.25 is a quarter. */
  share(fraction: number): Size {
    return new Size(Math.floor(this.bytes * fraction));
  }
  atMost(limit: Size): Size {
    return this.bytes <= limit.bytes ? this : limit;
  }
  /** As Kubernetes writes it, in the largest unit that fits evenly. */
  toString(): string {
    const unit = (["Ti", "Gi", "Mi", "Ki"] as const).find((unit) => this.bytes % UNITS[unit] === 0);
    return unit ? `${this.bytes / UNITS[unit]}${unit}` : String(this.bytes);
  }
  /** As Postgres writes it, in whole megabytes (its MB are binary). */
  toPostgres(): string {
    return `${Math.max(1, Math.floor(this.bytes / UNITS.Mi))}MB`;
  }
}
