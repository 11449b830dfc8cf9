import { placeOf } from "../domain/places";
import { defaultTimes } from "../domain/vault";
import { type FilesRule, shown, type StackFiles } from "./rule";

type Configuration = StackFiles[string];

const ofRole = (files: StackFiles, ...roles: string[]): [string, Configuration][] =>
  Object.entries(files).filter(([, { role }]) => roles.includes(String(role)));

/** Stacks are called `primary` or, of a second environment, `primary-staging`. */
const environmentOf = (stack: string): string => stack.replace(/^[^-]*-?/, "");

/** Every pair of different things, once. */
const pairs = <T>(things: readonly T[]): [T, T][] =>
  things.flatMap((one, index) => things.slice(index + 1).map((other): [T, T] => [one, other]));

/** What two regions must have alike: each restores what the other one wrote. */
const alike = [
  ...["namespace", "postgresImage", "repositoryPath", "retentionDays", "storeCa"],
  ...["s3Bucket", "s3Region", "s3Endpoint", "s3UriStyle", "gcsBucket", "gcsEndpoint"],
];

const hostOf = (address: unknown): string => String(address).replace(/:[0-9]+$/, "");

export const regionsDiffer: FilesRule = {
  kind: "files",
  name: "regions-differ",
  promise: "No single disaster takes both regions",
  check: (files) =>
    pairs(ofRole(files, "primary", "standby"))
      .filter(([[one], [other]]) => environmentOf(one) === environmentOf(other))
      .filter(([[, one], [, other]]) => placeOf(String(one["region"])) === placeOf(String(other["region"])))
      .map(
        ([[one, { region }], [other, { region: otherRegion }]]) =>
          `The stacks ${one} (region ${String(region)}) and ${other} (region ${String(otherRegion)}) are both in ${placeOf(String(region))}: what takes ` +
          `one of them takes the other too, and only the backups are left. Give ${other} a region elsewhere.`,
      ),
};

export const regionsAgree: FilesRule = {
  kind: "files",
  name: "regions-agree",
  promise: "Each region can restore and follow the other one",
  check: (files) =>
    pairs(ofRole(files, "primary", "standby"))
      .filter(([[one], [other]]) => environmentOf(one) === environmentOf(other))
      .flatMap(([[one, mine], [other, theirs]]) => [
        ...alike
          .filter((key) => mine[key] !== theirs[key])
          .map(
            (key) =>
              `${key} is ${shown(mine[key])} in ${one} and ${shown(theirs[key])} in ${other}: neither would find or read what the other one ` +
              "wrote. Give both the same value.",
          ),
        ...(
          [
            [one, mine, other, theirs],
            [other, theirs, one, mine],
          ] as const
        )
          .filter(([, { otherRegion }, , { replicationHost }]) => hostOf(otherRegion) !== String(replicationHost))
          .map(
            ([stack, { otherRegion }, its, { replicationHost }]) =>
              `otherRegion of ${stack} is ${shown(otherRegion)}, but replicationHost of ${its} is ${shown(replicationHost)}: ${stack} would not find ` +
              `${its}, or refuse its certificate. Use the same name in both.`,
          ),
        ...(mine["role"] === theirs["role"]
          ? [
              `role is "${String(mine["role"])}" in both ${one} and ${other}. ` +
                (mine["role"] === "primary"
                  ? "Only the one that holds the writer's lease takes writes; the other one waits for it for ever."
                  : "Nobody would take writes.") +
                " Exactly one must be primary.",
            ]
          : []),
      ]),
};

/** What the regions use must be what the stack global makes. */
const made = ["s3Bucket", "s3Region", "gcsBucket", "repositoryPath", "namespace", "retentionDays", "environment"];

/** Where a region finds the escrow, as far as it says so. */
const whereEscrowed = ["awsAccount", "awsReplicaRegion", "gcpProject"];

/** A cluster that a region makes must be the one whose pods the identities trust. */
const trusted = (stack: string, region: Configuration, global: string, vault: Configuration): string[] => {
  const key = { eks: "eksCluster", gke: "gkeCluster" }[String(region["cluster"])];
  if (key === undefined) return [];
  const its = `${String(region["region"])}/${String(region["clusterName"])}`;
  return vault[key] === its
    ? []
    : [
        `${stack} makes the cluster ${its}, but ${key} is ${shown(vault[key])} in ${global}: no identity trusts the pods, and nothing would be ` +
          `backed up. Set ${key} of ${global} to ${its}.`,
      ];
};

export const vaultsUsed: FilesRule = {
  kind: "files",
  name: "vaults-used",
  promise: "Regions use the vaults that the stack global makes",
  check: (files) =>
    ofRole(files, "global")
      .filter(([, { vaults }]) => vaults !== undefined && vaults !== "none")
      .flatMap(([global, vault]) =>
        ofRole(files, "primary", "standby")
          .filter(([stack]) => environmentOf(stack) === environmentOf(global))
          .flatMap(([stack, region]) => [
            ...made
              .filter((key) => region[key] !== vault[key])
              .map(
                (key) =>
                  `${key} is ${shown(region[key])} in ${stack} and ${shown(vault[key])} in ${global}: ${stack} would back up to a place that ` +
                  "nothing locks, or that it may not write to. Give both the same value.",
              ),
            ...whereEscrowed
              .filter((key) => (region[key] ?? "") !== "" && region[key] !== vault[key])
              .map(
                (key) =>
                  `${key} is ${shown(region[key])} in ${stack} and ${shown(vault[key])} in ${global}: ${stack} would look for its secrets ` +
                  "where nobody puts them, or find another environment's. Give both the same value.",
              ),
            ...trusted(stack, region, global, vault),
          ]),
      ),
};

export const environmentsApart: FilesRule = {
  kind: "files",
  name: "environments-apart",
  promise: "A second environment touches nothing of the first",
  check: (files) =>
    pairs(ofRole(files, "global")).flatMap(([[one, mine], [other, theirs]]) =>
      ["s3Bucket", "gcsBucket", "dnsName", "environment"]
        .filter((key) => mine[key] !== undefined && mine[key] !== "" && mine[key] === theirs[key])
        .map(
          (key) =>
            `${key} is the same in ${one} and ${other} (${shown(mine[key])}): the second environment would take over what the ` +
            "first one made, or fail half way. Give each its own.",
        ),
    ),
};

/** The shortest times, what promises them, and what a shorter one costs. */
const keptFor = {
  retentionDays: [
    defaultTimes.retention,
    "the recovery plan promises",
    "a fault that is noticed later could not be undone",
  ],
  dumpDays: [defaultTimes.dumps, "the recovery plan promises", "a fault that is noticed later could not be undone"],
  undeleteDays: [
    defaultTimes.undelete,
    "docs/vaults.md promises",
    "a deletion that is noticed later could not be undone",
  ],
  lockDays: [
    defaultTimes.lock,
    "docs/vaults.md promises",
    "who stole an administrator's rights could delete every older backup before anybody comes",
  ],
} as const;

export const retentionAsPlanned: FilesRule = {
  kind: "files",
  name: "retention-as-planned",
  promise: "Backups are kept for as long as the recovery plan says",
  check: (files) =>
    Object.entries(files).flatMap(([stack, configuration]) =>
      Object.entries(keptFor)
        .filter(([key, [least]]) => configuration[key] !== undefined && Number(configuration[key]) < least.days)
        .map(
          ([key, [least, promise, cost]]) =>
            `${key} of ${stack} is ${String(configuration[key])}, but ${promise} ${least.days} days: ${cost}. Set it to ${least.days} or more.`,
        ),
    ),
};

/** Keys that must never stand in a file in plain text. */
const secretKeys = ["repositoryCipher", "sharedSecrets", "s3AccessKey", "s3SecretKey", "gcsKey"];

export const noPlainSecrets: FilesRule = {
  kind: "files",
  name: "no-plain-secrets",
  promise: "No secret stands in the repository in plain text",
  check: (files) =>
    Object.entries(files).flatMap(([stack, configuration]) =>
      secretKeys
        .filter((key) => typeof configuration[key] === "string" && configuration[key] !== "")
        .map(
          (key) =>
            `${key} of ${stack} is in its file in plain text, for everybody who ever read the repository. Replace it, and keep the new one ` +
            `encrypted: pulumi config set --secret marimo-dr:${key} --stack ${stack}`,
        ),
    ),
};

export const filesRules = [
  regionsDiffer,
  regionsAgree,
  vaultsUsed,
  environmentsApart,
  retentionAsPlanned,
  noPlainSecrets,
] as const;
