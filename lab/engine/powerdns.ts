/** A record set as PowerDNS' API has it; the comments are for whoever wrote them. */
export interface RecordSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly { readonly content: string; readonly disabled: boolean }[];
  readonly comments: readonly { readonly content: string; readonly account: string }[];
}

export interface DnsZone {
  readonly id: string;
  /** Grows with every change of the zone. */
  readonly serial: number;
  readonly rrsets: readonly RecordSet[];
}

/** Milliseconds for one request. */
const patience = 10_000;

/** Name servers of every zone. */
export const nameServers = ["ns.lab.internal."];

/** Client of PowerDNS' API: https://doc.powerdns.com/authoritative/http-api/ */
export class PowerDns {
  private readonly api: string;

  constructor(address: string) {
    this.api = `http://${address}:8081/api/v1/servers/localhost`;
  }

  async answers(): Promise<boolean> {
    return this.request("GET", "").then(
      () => true,
      () => false,
    );
  }

  /** The domains of all zones. */
  async domains(): Promise<string[]> {
    const zones = (await this.request("GET", "/zones")) as { name: string }[];
    return zones.map(({ name }) => name.replace(/\.$/, ""));
  }

  /** The zone of a domain; nothing where there is none. */
  async zone(domain: string): Promise<DnsZone | undefined> {
    const response = await this.send("GET", `/zones/${domain}.`);
    return response.status === 404 ? undefined : ((await good(response)) as DnsZone);
  }

  async createZone(domain: string): Promise<void> {
    await this.request("POST", "/zones", { name: `${domain}.`, kind: "Native", nameservers: nameServers });
  }

  async deleteZone(domain: string): Promise<void> {
    await this.request("DELETE", `/zones/${domain}.`);
  }

  /** Puts a record set in the place of the one of its name and type; one without records removes it. */
  async put(domain: string, set: RecordSet): Promise<void> {
    const changetype = set.records.length > 0 ? "REPLACE" : "DELETE";
    await this.request("PATCH", `/zones/${domain}.`, { rrsets: [{ ...set, changetype }] });
  }

  private async request(method: string, path: string, body?: unknown): Promise<unknown> {
    return good(await this.send(method, path, body));
  }

  private send(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.api}${path}`, {
      method,
      headers: { "X-API-Key": "lab" },
      signal: AbortSignal.timeout(patience),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }
}

/** @throws Error with what PowerDNS says is wrong */
async function good(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!response.ok) throw new Error(`PowerDNS answers ${response.status} at ${response.url}: ${text}`);
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}
