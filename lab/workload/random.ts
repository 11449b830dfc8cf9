const HEX_QUADS = Array.from({ length: 65_536 }, (_, n) => n.toString(16).padStart(4, "0"));
const BASE64_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_PAIRS = Array.from(
  { length: 4096 },
  (_, n) => BASE64_ALPHABET.charAt(n >> 6) + BASE64_ALPHABET.charAt(n & 63),
);
const DIGIT_TRIPLES = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, "0"));

/** The element at `index`, which must be in the list. */
export function at<T>(list: readonly T[], index: number): T {
  const element = list[index];
  if (element === undefined) throw new RangeError(`no element ${index} in a list of ${list.length}`);
  return element;
}

/**
 * Random numbers that a seed fixes for ever: the same seed and stream give the same rows on every machine.
 * Chris Doty-Humphrey's sfc32 (https://pracrand.sourceforge.net/): 32-bit integer steps only, so it is fast in JavaScript.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** @param stream tells apart the sequences of one seed; each table has its own, so that tables can be made in any order */
  constructor(seed: number, stream: number) {
    this.a = seed | 0;
    this.b = stream | 0;
    this.c = 0;
    for (let warmUp = 0; warmUp < 12; warmUp++) this.bits();
  }

  /** 32 random bits, as an integer from -2^31 to 2^31 - 1. */
  bits(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum;
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(((this.bits() >>> 0) / 4_294_967_296) * limit);
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<T>(choices: readonly T[]): T {
    return at(choices, this.below(choices.length));
  }

  hex(quads: number): string {
    let text = "";
    for (let n = 0; n < quads; n++) text += at(HEX_QUADS, this.bits() & 0xffff);
    return text;
  }

  base64(pairs: number): string {
    let text = "";
    for (let n = 0; n < pairs; n++) text += at(BASE64_PAIRS, this.bits() & 0xfff);
    return text;
  }

  digits(triples: number): string {
    let text = "";
    for (let n = 0; n < triples; n++) text += at(DIGIT_TRIPLES, this.below(1000));
    return text;
  }
}
