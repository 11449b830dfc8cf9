import { type Change, inputAt, type Plan } from "./plan";

/** What a plan does to one promise, in words that need no knowledge of Pulumi. */
export interface Finding {
  /** `danger` asks for a second look before anything else. */
  readonly weight: "danger" | "worse" | "note" | "better";
  /** The promise: how long it takes to be back, how much is lost, or that neither gets out of hand. */
  readonly about: "RTO" | "RPO" | "safety";
  readonly text: string;
}

type Reviewer = (change: Change) => Finding[];

const isKind = ({ type }: Change, kind: string) => type.startsWith("kubernetes:") && type.endsWith(`:${kind}`);
const isNamed = ({ before, after }: Change, name: string) => inputAt(after ?? before, "metadata", "name") === name;

const words = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "nothing";

interface Settings {
  readonly standby_cluster?: unknown;
  readonly postgresql?: { readonly parameters?: Readonly<Record<string, string>> };
  readonly slots?: Readonly<Record<string, unknown>>;
}

/** Patroni's shared settings, which lie in an annotation as JSON; nothing where the plan doesn't know them yet. */
const settingsOf = (state: Change["before"]): Settings | undefined => {
  const text = inputAt(state, "metadata", "annotations", "config");
  return typeof text === "string" && text.startsWith("{") ? (JSON.parse(text) as Settings) : undefined;
};

/** The region's role, what an idle database loses, and whether WAL is kept for the other region. */
const settings: Reviewer = (change) => {
  if (!isKind(change, "ConfigMap") || !isNamed(change, "postgres-config")) return [];
  const [before, after] = [settingsOf(change.before), settingsOf(change.after)];
  if (!before || !after) return [];
  const findings: Finding[] = [];
  const [followed, follows] = [before.standby_cluster !== undefined, after.standby_cluster !== undefined];
  if (followed && !follows) {
    findings.push({
      weight: "danger",
      about: "RPO",
      text:
        "This region becomes the one that takes writes. What the other one wrote and this one hasn't received is lost, unless the " +
        "other one is demoted first, or in the same hour by a planned switchover.",
    });
  }
  if (!followed && follows) {
    findings.push({
      weight: "danger",
      about: "RTO",
      text: "This region stops taking writes and follows the other one. Until that one is promoted, nobody takes writes.",
    });
  }
  const timeout = (settings: Settings) => settings.postgresql?.parameters?.["archive_timeout"];
  const [was, is] = [timeout(before), timeout(after)];
  if (was !== is) {
    findings.push({
      weight: parseInt(is ?? "", 10) <= parseInt(was ?? "", 10) ? "better" : "worse",
      about: "RPO",
      text: `When little is written, WAL reaches the vaults after ${words(is)} at the latest; it was ${words(was)}. That much is lost with the region.`,
    });
  }
  const slot = "other_region";
  if (before.slots?.[slot] !== undefined && after.slots?.[slot] === undefined) {
    findings.push({
      weight: "worse",
      about: "RPO",
      text: "This region no longer keeps WAL for the other one. When the connection breaks for long, that one must copy the database anew.",
    });
  }
  return findings;
};

const numberOf = { s3: 1, gcs: 2 } as const;
type Store = keyof typeof numberOf;

const option = (state: Change["before"], name: string): string | undefined => {
  const text = inputAt(state, "data", "pgbackrest.conf");
  return typeof text === "string" ? new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1] : undefined;
};

/** Which vaults get WAL and backups, and for how long they keep them. */
const repositories: Reviewer = (change) => {
  if (!isKind(change, "ConfigMap") || !isNamed(change, "postgres-pgbackrest")) return [];
  if (!change.before || !change.after) return [];
  return (Object.keys(numberOf) as Store[]).flatMap((store): Finding[] => {
    const of = (name: string) => {
      const key = `repo${numberOf[store]}-${name}`;
      return [option(change.before, key), option(change.after, key)] as const;
    };
    const vault = `The ${store} vault`;
    const [had, has] = of("type");
    if (had && !has) {
      const text = `${vault} gets no WAL and no backups any more. While only one vault is left, its loss together with the region's is the loss of the data.`;
      return [{ weight: "danger", about: "RPO", text }];
    }
    if (!had && has) return [{ weight: "better", about: "RPO", text: `${vault} gets WAL and backups from now on.` }];
    const [kept, keeps] = of("retention-full");
    const [bucket, newBucket] = of(`${store}-bucket`);
    return [
      ...(kept !== undefined && keeps !== undefined && kept !== keeps
        ? [
            {
              weight: Number(keeps) < Number(kept) ? "danger" : "better",
              about: "RPO",
              text:
                `${vault} keeps backups for ${keeps} days; it was ${kept}. ` +
                (Number(keeps) < Number(kept)
                  ? "Older ones go with the next backup, and a fault that is noticed later than that can't be undone."
                  : "A fault can be undone for that long."),
            } as const,
          ]
        : []),
      ...(bucket !== newBucket
        ? [
            {
              weight: "danger",
              about: "RPO",
              text: `${vault} is another bucket: ${words(newBucket)} instead of ${words(bucket)}. Until its first backup is done, nothing can be restored from it.`,
            } as const,
          ]
        : []),
    ];
  });
};

/** Whether backups run, and when. */
const schedules: Reviewer = (change) => {
  if (!isKind(change, "CronJob")) return [];
  const name = words(inputAt(change.after ?? change.before, "metadata", "name"));
  const schedule = (state: Change["before"]) => words(inputAt(state, "spec", "schedule"));
  if (!change.after) {
    return [
      {
        weight: "worse",
        about: "RTO",
        text: `${name} no longer runs here. Without newer backups each restore replays more WAL; the region that takes writes must have it.`,
      },
    ];
  }
  if (!change.before) {
    return [
      { weight: "better", about: "RTO", text: `${name} runs here from now on, at "${schedule(change.after)}" UTC.` },
    ];
  }
  const suspended = (state: Change["before"]) => inputAt(state, "spec", "suspend") === true;
  if (suspended(change.after) && !suspended(change.before)) {
    return [
      { weight: "danger", about: "RTO", text: `${name} is suspended: no more backups until it is switched on again.` },
    ];
  }
  return schedule(change.before) === schedule(change.after)
    ? []
    : [
        {
          weight: "note",
          about: "RTO",
          text: `${name} runs at "${schedule(change.after)}" instead of "${schedule(change.before)}" UTC.`,
        },
      ];
};

/** Members: how many, and whether they restart. */
const members: Reviewer = (change) => {
  if (!isKind(change, "StatefulSet") || !change.before || !change.after) return [];
  const findings: Finding[] = [];
  const replicas = (state: Change["before"]) => inputAt(state, "spec", "replicas") as number;
  const [had, has] = [replicas(change.before), replicas(change.after)];
  if (had !== has) {
    findings.push({
      weight: has < had ? "worse" : "better",
      about: "RTO",
      text:
        `The region has ${has} member${has === 1 ? "" : "s"} instead of ${had}. ` +
        (has === 1
          ? "When it fails, writes wait until its node or a restore is back."
          : "When one fails, another one takes over."),
    });
  }
  const template = (state: Change["before"]) => JSON.stringify(inputAt(state, "spec", "template"));
  if (change.op !== "replace" && template(change.before) !== template(change.after)) {
    findings.push({
      weight: "note",
      about: "RTO",
      text: "Members restart, one after the other. Writes wait for some seconds when the leader's turn comes.",
    });
  }
  return findings;
};

/** The way between the regions. */
const replication: Reviewer = (change) =>
  isKind(change, "Service") && isNamed(change, "postgres-replication") && !change.after
    ? [
        {
          weight: "worse",
          about: "RPO",
          text: "The other region no longer reaches this one's leader. It follows by the vaults only, which is up to a minute behind and more.",
        },
      ]
    : [];

const days = (state: Change["before"]): unknown => {
  const retention = inputAt(state, "rule", "defaultRetention");
  return typeof retention === "object" && retention !== null && "days" in retention ? retention.days : undefined;
};

/** How long a vault's versions can't be deleted, and how long DNS is kept. */
const limits: Reviewer = (change) => {
  if (!change.before || !change.after) return [];
  if (change.type.endsWith(":BucketObjectLockConfiguration")) {
    const [was, is] = [days(change.before), days(change.after)];
    return was === is
      ? []
      : [
          {
            weight: Number(is ?? 0) < Number(was ?? 0) ? "danger" : "better",
            about: "safety",
            text: `New versions in the S3 vault are locked for ${words(is)} days instead of ${words(was)}. After that an administrator, or who stole such rights, can delete them.`,
          },
        ];
  }
  if (/^(aws:route53\/record:|gcp:dns\/recordSet:)/.test(change.type)) {
    const [was, is] = [inputAt(change.before, "ttl"), inputAt(change.after, "ttl")];
    return was === is
      ? []
      : [
          {
            weight: Number(is) > Number(was) ? "worse" : "better",
            about: "RTO",
            text: `Clients keep ${change.name}'s address for ${words(is)} s instead of ${words(was)} s after a failover.`,
          },
        ];
  }
  return [];
};

/** What is hard or impossible to bring back. */
const stateful =
  /^(aws:(s3\/bucket|kms|secretsmanager|eks\/cluster:)|gcp:(storage\/bucket|kms|secretmanager|container\/cluster:)|random:|tls:index\/(privateKey|selfSignedCert):|kubernetes:(apps\/v1:StatefulSet|core\/v1:(Namespace|PersistentVolumeClaim)))/;

/** Protection that goes, and things that go for good. */
const protection: Reviewer = ({ op, type, name, before, after }) => {
  const findings: Finding[] = [];
  if (before?.protect === true && after && after.protect !== true) {
    findings.push({
      weight: "danger",
      about: "safety",
      text: `${name} (${type}) is no longer protected: the next change may delete it, with all that it holds.`,
    });
  }
  if (!stateful.test(type)) return findings;
  if (op === "delete" && before?.retainOnDelete !== true) {
    findings.push({ weight: "danger", about: "safety", text: `${name} (${type}) is deleted, with all that it holds.` });
  }
  if (op === "replace") {
    findings.push({
      weight: "danger",
      about: "safety",
      text: `${name} (${type}) is replaced: deleted, and made anew without what it held.`,
    });
  }
  return findings;
};

const reviewers: readonly Reviewer[] = [settings, repositories, schedules, members, replication, limits, protection];

const weights = ["danger", "worse", "note", "better"] as const;

/** What a plan does to the recovery's promises, the gravest first. */
export const review = ({ changes }: Plan): Finding[] => {
  const findings = changes.flatMap((change) => reviewers.flatMap((reviewer) => reviewer(change)));
  return weights.flatMap((weight) => findings.filter((finding) => finding.weight === weight));
};

const signs = { danger: "⛔", worse: "🔻", note: "ℹ️", better: "🔺" } as const;

/** A review as a pull request's comment shows it. */
export const renderReview = ({ stack }: Plan, findings: readonly Finding[]): string =>
  [
    `### What this does to recovery: ${stack}`,
    "",
    ...(findings.length === 0
      ? ["Nothing that this review knows of: roles, retention, schedules, replication and protection stay as they are."]
      : [
          "|   | about | what changes |",
          "| --- | --- | --- |",
          ...findings.map(
            ({ weight, about, text }) => `| ${signs[weight]} | ${about} | ${text.replaceAll("|", "\\|")} |`,
          ),
        ]),
    "",
  ].join("\n");
