import { Resolver } from "node:dns/promises";

/** An address, and for how many seconds it may be kept. */
export interface Answer {
  readonly address: string;
  readonly ttl: number;
}

/** A question for the addresses of a name that is put to one DNS server. */
export function dnsQuestion(server: string, name: string): () => Promise<Answer> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([server]);
  return async () => {
    const [answer] = await resolver.resolve4(name, { ttl: true });
    if (answer === undefined) throw new Error(`${name} has no address at the DNS server ${server}`);
    return answer;
  };
}

/**
 * A name as a client's resolver knows it: it keeps an answer for as long as its time to live says, and no longer.
 *
 * @param now seconds on any clock
 */
export function remembering(
  ask: () => Promise<Answer>,
  now: () => number = () => performance.now() / 1000,
): () => Promise<string> {
  let known: { readonly address: string; readonly until: number } | undefined;
  return async () => {
    if (known === undefined || now() >= known.until) {
      const asked = now();
      const { address, ttl } = await ask();
      known = { address, until: asked + ttl };
    }
    return known.address;
  };
}
