import { Resolver } from "node:dns/promises";
import { Duration } from "../domain/duration";
import { componentObjectives, scenarioObjectives } from "../domain/objectives";
import { type Lag, standbysLag, type Sight } from "../domain/promotion";
import { reasonOf } from "./kubernetes";
import { now } from "./record";
import { type Member, otherStack, type Region, type StackName, stackNames } from "./region";
import { repositoriesOf, type RepositoryStatus } from "./repositories";

export interface RegionStatus extends Sight {
  readonly members: readonly Member[];
  /** How far each repository is, as a member of this region sees it. */
  readonly repositories: readonly RepositoryStatus[];
  /** What it lacks of what the other region wrote. */
  readonly lag: Lag | undefined;
}

/** What a name leads to, or why to nothing. */
export interface DnsAnswer {
  readonly host: string;
  readonly addresses: readonly string[];
  readonly error?: string;
}

/** Something that the plan promises, beside how it is now. */
export interface Objective {
  readonly what: string;
  readonly objectiveSeconds: number;
  /** `undefined` where it isn't known. */
  readonly nowSeconds: number | undefined;
}

export interface Status {
  readonly at: string;
  readonly regions: Readonly<Record<StackName, RegionStatus>>;
  readonly dns: readonly DnsAnswer[];
  readonly objectives: readonly Objective[];
}

export interface StatusOptions {
  /** Names that clients use. */
  readonly hosts: readonly string[];
  /** `HOST[:PORT]` of the DNS server to ask, by address. @default the machine's */
  readonly dnsServer: string | undefined;
}

const dnsMs = 2_000;
/** A daily backup, and the time to make it. */
const backupAge = Duration.hours(25);

export const statusOf = async (
  regions: Readonly<Record<StackName, Region>>,
  { hosts, dnsServer }: StatusOptions,
): Promise<Status> => {
  const [primary, secondary, dns] = await Promise.all([
    look(regions.primary),
    look(regions.secondary),
    Promise.all(hosts.map((host) => resolve(host, dnsServer))),
  ]);
  const looks = { primary, secondary };
  const withLag = (stack: StackName): RegionStatus => ({
    ...looks[stack],
    lag: standbysLag(looks[stack], looks[otherStack(stack)]),
  });
  const seen = { primary: withLag("primary"), secondary: withLag("secondary") };
  return { at: now(), regions: seen, dns, objectives: objectivesOf(seen) };
};

const look = async (region: Region): Promise<Omit<RegionStatus, "lag">> => {
  const { sight, members } = await region.look();
  const asked = members.find(({ ready }) => ready);
  const repositories = asked ? await repositoriesOf(region.cluster(), asked.pod, region.repositories()) : [];
  return { ...sight, members, repositories };
};

const resolve = async (host: string, server: string | undefined): Promise<DnsAnswer> => {
  const resolver = new Resolver({ timeout: dnsMs, tries: 1 });
  try {
    if (server !== undefined) resolver.setServers([server]);
    return { host, addresses: await resolver.resolve4(host) };
  } catch (error) {
    return { host, addresses: [], error: reasonOf(error) };
  }
};

const oldest = (ages: readonly (number | undefined)[]): number | undefined =>
  ages.length === 0 || ages.includes(undefined) ? undefined : Math.max(...ages.map((age) => age ?? 0));

const objectivesOf = (regions: Status["regions"]): Objective[] => {
  const all = stackNames.map((stack) => regions[stack]);
  // Both regions look into the same repositories; one that answers is enough.
  const repositories = all.find(({ repositories }) => repositories.length > 0)?.repositories ?? [];
  return [
    {
      what: "loss if the writer's region went now (datacenter outage, RPO)",
      objectiveSeconds: scenarioObjectives.datacenterOutage.rpo.seconds,
      nowSeconds: all.find(({ lag }) => lag !== undefined)?.lag?.seconds,
    },
    {
      what: "loss if both regions went now (database, RPO): age of the archive",
      objectiveSeconds: componentObjectives.database.rpo.seconds,
      nowSeconds: oldest(repositories.map(({ archive }) => archive?.ageSeconds)),
    },
    {
      what: "last base backup (daily)",
      objectiveSeconds: backupAge.seconds,
      nowSeconds: oldest(repositories.map(({ lastBackup }) => lastBackup?.ageSeconds)),
    },
  ];
};
