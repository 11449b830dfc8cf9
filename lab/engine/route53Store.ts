import { randomUUID } from "node:crypto";
import { nameServers, type PowerDns, type RecordSet } from "./powerdns";
import { type Check, type FailoverRecord, renderAnswer } from "./route53";

/** Zone whose record sets are the health checks: PowerDNS keeps none that no record asks for. */
const checksDomain = "health-checks.lab.internal";
/** Who wrote the comments in which a record set's origin is kept. */
const account = "route53";

const note = (value: unknown) => ({ content: JSON.stringify(value), account });
const notesOf = <T>({ comments }: RecordSet): T[] => comments.map(({ content }) => JSON.parse(content) as T);

const recordSet = (
  name: string,
  ttl: number,
  records: readonly FailoverRecord[],
  checks: ReadonlyMap<string, Check>,
) => ({
  ...{ name: `${name}.`, type: "LUA", ttl },
  records: records.length === 0 ? [] : [{ content: renderAnswer(records, checks), disabled: false }],
  comments: records.map(note),
});

/** Zones, health checks and failover records of Route 53, kept and made real by PowerDNS. */
export class Route53Store {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly dns: PowerDns) {}

  /** A zone takes the place of one of the same name, which a lost state left behind; Route 53 would have both. */
  putZone(domain: string): Promise<readonly string[]> {
    return this.inTurn(async () => {
      if (await this.dns.zone(domain)) await this.dns.deleteZone(domain);
      await this.dns.createZone(domain);
      return nameServers.map((server) => server.replace(/\.$/, ""));
    });
  }

  async hasZone(domain: string): Promise<boolean> {
    return (await this.dns.zone(domain)) !== undefined;
  }

  removeZone(domain: string): Promise<void> {
    return this.inTurn(() => this.dns.deleteZone(domain));
  }

  /** Returns the check's id. The answers that depend on it change with it. */
  putCheck(check: Check, id: string = randomUUID()): Promise<string> {
    return this.inTurn(async () => {
      if (!(await this.dns.zone(checksDomain))) await this.dns.createZone(checksDomain);
      const records = [{ content: '"a health check"', disabled: false }];
      const comments = [note(check)];
      await this.dns.put(checksDomain, { name: `${id}.${checksDomain}.`, type: "TXT", ttl: 60, records, comments });
      await this.renderAll();
      return id;
    });
  }

  async hasCheck(id: string): Promise<boolean> {
    return (await this.checks()).has(id);
  }

  removeCheck(id: string): Promise<void> {
    const name = `${id}.${checksDomain}.`;
    return this.inTurn(() => this.dns.put(checksDomain, { name, type: "TXT", ttl: 60, records: [], comments: [] }));
  }

  putRecord(domain: string, name: string, ttl: number, record: FailoverRecord): Promise<void> {
    return this.changeRecords(domain, name, ttl, (others) => [...others, record], record.setIdentifier);
  }

  async hasRecord(domain: string, name: string, setIdentifier: string): Promise<boolean> {
    return (await this.records(domain, name)).some((record) => record.setIdentifier === setIdentifier);
  }

  removeRecord(domain: string, name: string, ttl: number, setIdentifier: string): Promise<void> {
    return this.changeRecords(domain, name, ttl, (others) => others, setIdentifier);
  }

  private changeRecords(
    domain: string,
    name: string,
    ttl: number,
    change: (others: FailoverRecord[]) => FailoverRecord[],
    setIdentifier: string,
  ): Promise<void> {
    return this.inTurn(async () => {
      const others = (await this.records(domain, name)).filter((record) => record.setIdentifier !== setIdentifier);
      await this.dns.put(domain, recordSet(name, ttl, change(others), await this.checks()));
    });
  }

  private async records(domain: string, name: string): Promise<FailoverRecord[]> {
    const sets = (await this.dns.zone(domain))?.rrsets ?? [];
    return sets
      .filter((set) => set.name === `${name}.` && set.type === "LUA")
      .flatMap((set) => notesOf<FailoverRecord>(set));
  }

  private async checks(): Promise<ReadonlyMap<string, Check>> {
    const sets = (await this.dns.zone(checksDomain))?.rrsets ?? [];
    const entries = sets
      .filter(({ type }) => type === "TXT")
      .flatMap((set) => notesOf<Check>(set).map((check) => [set.name.split(".")[0] ?? "", check] as const));
    return new Map(entries);
  }

  private async renderAll(): Promise<void> {
    const checks = await this.checks();
    for (const domain of await this.dns.domains()) {
      for (const set of (await this.dns.zone(domain))?.rrsets ?? []) {
        if (set.type !== "LUA") continue;
        const name = set.name.replace(/\.$/, "");
        await this.dns.put(domain, recordSet(name, set.ttl, notesOf<FailoverRecord>(set), checks));
      }
    }
  }

  /** One change after the other: the engine asks for both records of a name at once, and here they are one record set. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }
}
