import { containerState, removeContainer, type Server, startServer } from "./container";
import { dnsImage } from "./dnsImage";
import { ensureNetwork } from "./engine";
import { PowerDns } from "./engine/powerdns";
import { dnsAddress, network } from "./environment";
import { loadArchive } from "./images";
import { engine } from "./parts";
import { run } from "./process";

/** What the lab's stack `global` makes of Route 53 in it. */
export const dnsZone = "marimo-erp.test";
export const dnsName = `api.${dnsZone}`;

const container = "marimo-dns";

async function create(): Promise<void> {
  await ensureNetwork(engine());
  const archive = await dnsImage(engine());
  await loadArchive(engine(), archive);
  const args = ["create", "--name", container, "--network", network, "--ip", dnsAddress, archive.images[0] ?? ""];
  await run(engine(), args, { log: container });
}

/** The lab's DNS server, in the place of Route 53: PowerDNS, which checks endpoints and answers by what it finds. */
const server: Server = {
  title: "The DNS server",
  container,
  where: `${dnsAddress}:53`,
  create,
  answers: () => new PowerDns(dnsAddress).answers(),
};

export const dns = {
  container,
  /** How to ask it. */
  where: `dig @${dnsAddress} ${dnsName}`,
  start: (): Promise<void> => startServer(server),
  state: (): Promise<string> => containerState(container),
  remove: (): Promise<void> => removeContainer(container),
};
