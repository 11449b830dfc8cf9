/** A range of IPv4 addresses, and its even division: what the networks of clusters are made of. */
export class Cidr {
  private constructor(
    /** The first address, as a number. */
    readonly first: number,
    readonly prefix: number,
  ) {}

  /** @throws RangeError for what is no range, or begins in the middle of one */
  static parse(text: string): Cidr {
    const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
    const [a = NaN, b = NaN, c = NaN, d = NaN, prefix = NaN] = (match ?? []).slice(1).map(Number);
    if (!match || [a, b, c, d].some((byte) => byte > 255) || prefix > 32) {
      throw new RangeError(`"${text}" is not an IPv4 range such as 10.64.0.0/16`);
    }
    const first = ((a * 256 + b) * 256 + c) * 256 + d;
    if (first % 2 ** (32 - prefix) !== 0)
      throw new RangeError(`"${text}" doesn't begin where a range of that size does`);
    return new Cidr(first, prefix);
  }

  get size(): number {
    return 2 ** (32 - this.prefix);
  }

  /** One of 2^bits equal parts, from 0. */
  part(bits: number, index: number): Cidr {
    const prefix = this.prefix + bits;
    if (prefix > 32 || index < 0 || index >= 2 ** bits)
      throw new RangeError(`${this.toString()} has no part ${index} of 2^${bits}`);
    return new Cidr(this.first + index * 2 ** (32 - prefix), prefix);
  }

  contains(other: Cidr): boolean {
    return other.first >= this.first && other.first + other.size <= this.first + this.size;
  }

  toString(): string {
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(this.first / 2 ** shift) % 256);
    return `${bytes.join(".")}/${this.prefix}`;
  }
}

/** Ranges that nobody on the Internet has: https://www.rfc-editor.org/rfc/rfc1918 */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map((text) => Cidr.parse(text));

/** A smaller network would soon have no address left for a pod; AWS makes no larger one. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html */
export const networkPrefixes = { min: 16, max: 20 } as const;

/** @throws RangeError for a range that a cluster's network can't be */
export const parseNetwork = (text: string): Cidr => {
  const cidr = Cidr.parse(text);
  const { min, max } = networkPrefixes;
  if (cidr.prefix < min || cidr.prefix > max) throw new RangeError(`"${text}" is not from /${min} to /${max}`);
  if (!privateRanges.some((range) => range.contains(cidr))) throw new RangeError(`"${text}" is not a private range`);
  return cidr;
};

/** Zones that a cluster spans. With three of them one can be lost, and the others still agree. */
export const zoneCount = 3;

/**
 * A network of AWS, by zone: a quarter each for nodes and pods, which have addresses of the same subnet there, and out of the last
 * quarter a little one for what faces the Internet.
 */
export const eksSubnets = (network: Cidr): { readonly inner: Cidr; readonly outer: Cidr }[] =>
  Array.from({ length: zoneCount }, (_, zone) => ({
    inner: network.part(2, zone),
    outer: network.part(2, 3).part(4, zone),
  }));

/** A network of Google Cloud: half for pods, a quarter for nodes and load balancers, the rest for Services. */
export const gkeRanges = (network: Cidr): { readonly pods: Cidr; readonly nodes: Cidr; readonly services: Cidr } => ({
  pods: network.part(1, 0),
  nodes: network.part(2, 2),
  services: network.part(2, 3).part(2, 0),
});
