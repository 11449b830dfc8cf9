import { run } from "./process";

const log = "down";

/**
 * What to feed to `iptables-restore --noflush`, so that the chains which podman's netavark leaves behind go away, given
 * the table's rules as `iptables -S` lists them.
 *
 * @returns undefined when there are none, or when any still holds the rules of a network: then another podman uses them.
 */
export function removalOfUnusedChains(table: string, listing: string): string | undefined {
  const rules = listing.split("\n");
  const chains = rules.flatMap((rule) => /^-N (NETAVARK\S*)$/.exec(rule)?.[1] ?? []);
  // The two chains that mark packets hold the same rules whether or not there is a network.
  const inUse = rules.some((rule) => /^-A NETAVARK(?!-HOSTPORT-(?:MASQ|SETMARK) )/.test(rule));
  if (chains.length === 0 || inUse) {
    return undefined;
  }
  const jumps = rules.filter((rule) => /^-A (?!NETAVARK).* -j NETAVARK\S*$/.test(rule));
  return [
    `*${table}`,
    ...jumps.map((rule) => rule.replace(/^-A/, "-D")),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    "COMMIT\n",
  ].join("\n");
}

/** Removes the firewall chains that podman made and that no network needs any more. */
export async function removeUnusedChains(): Promise<void> {
  for (const table of ["filter", "nat"]) {
    const input = removalOfUnusedChains(table, await run("iptables", ["--table", table, "--list-rules"], { log }));
    if (input !== undefined) {
      await run("iptables-restore", ["--noflush"], { log, input });
    }
  }
}
