/**
 * What `pgbackrest verify` says. Its exit status tells nothing: 0 although every file is damaged, another where it broke off. So its
 * report and its log are read, and what isn't understood counts as a fault.
 *
 * The forms are those of pgBackRest 2.59.1 and 2.60, from its source:
 * https://github.com/pgbackrest/pgbackrest/blob/release/2.59.1/src/command/verify/verify.c
 */

/** One run, with `--output=text --verbose --log-level-console=off --log-level-stderr=detail`. */
export interface VerifyRun {
  readonly exitCode: number;
  /** What it printed on stdout: the report. */
  readonly report: string;
  /** What it printed on stderr: a line for each file that isn't good, and others. */
  readonly log: string;
}

/** Something that is wrong with one file. */
export interface Complaint {
  /** Below the repository's folder and without the stanza: `archive/17-1/…`, `backup/LABEL/…`. */
  readonly path: string;
  /**
   * `damaged`: its content is not what was written. `missing`: it isn't there. `unread`: it could not be read, so nothing is known
   * of it. `spare`: a copy or a note of something else is damaged or missing, and a restore goes on without it.
   */
  readonly kind: "damaged" | "missing" | "unread" | "spare";
  /** pgBackRest's words. */
  readonly why: string;
}

export interface Verification {
  readonly complaints: readonly Complaint[];
  /** Backups that it left out, for they were still being made. */
  readonly inProgress: readonly string[];
  /** Labels of backups that pgBackRest calls unusable. */
  readonly invalid: readonly string[];
  /** Files that it has read, or taken over as read from a backup before. */
  readonly checked: { readonly segments: number; readonly files: number };
  /** Why the run can't be trusted: what it said that nobody knows, that it broke off, or that its parts don't fit. */
  readonly doubts: readonly string[];
}

/** `checksum`, `file-invalid`, `format`, `crypto` and `json-format`: https://github.com/pgbackrest/pgbackrest/blob/release/2.59.1/src/build/error/error.yaml */
const damageCodes = [26, 28, 29, 95, 99];

/** Whether an error of pgBackRest, which is its exit status too, comes from a damaged file; all others are the store's or our own. */
export const isDamageCode = (code: number): boolean => damageCodes.includes(code);

interface Line {
  readonly level: string;
  readonly message: string;
}

/** Messages, each with its further lines, which are indented. */
const linesOf = (log: string): Line[] => {
  const lines: { level: string; message: string }[] = [];
  for (const text of log.split("\n")) {
    const [, level, message] = /^(ASSERT|ERROR|WARN|INFO|DETAIL): (.*)$/.exec(text) ?? [];
    const last = lines.at(-1);
    if (level !== undefined && message !== undefined) lines.push({ level, message });
    else if (last && text.trim() !== "") last.message += ` ${text.trim()}`;
    else if (text.trim() !== "") lines.push({ level: "?", message: text.trim() });
  }
  return lines;
};

/** WAL lies in folders that are named by PostgreSQL's version and a number; backups in folders with their label. */
const pathOf = (file: string): string => (/^\d+(\.\d+)?-\d+\//.test(file) ? `archive/${file}` : `backup/${file}`);

type Answer = Partial<{ complaint: Complaint; inProgress: string; doubt: string }>;
type Rule = readonly [form: RegExp, answer: (found: readonly string[]) => Answer];

const manifest = (label = "") => `backup/${label}/backup.manifest`;
const nothing = (): Answer => ({});

/** In this order: the first form that fits says what a message means. */
const rules: readonly Rule[] = [
  [
    /^(invalid checksum|invalid size|file missing) '(.+)'$/,
    ([, why = "", file = ""]) => ({
      complaint: { path: pathOf(file), kind: why === "file missing" ? "missing" : "damaged", why },
    }),
  ],
  [
    /^invalid result (\S+): \[0*(\d+)\] (.*)$/,
    ([, file = "", code = "", why = ""]) => ({
      complaint: { path: pathOf(file), kind: isDamageCode(Number(code)) ? "damaged" : "unread", why },
    }),
  ],
  [
    /^backup '(.+)' found in backup\.info but not in the repository$/,
    ([why = "", label]) => ({ complaint: { path: manifest(label), kind: "missing", why } }),
  ],
  [
    /^manifest missing for '(.+)' - backup may have expired$/,
    ([, label]) => ({ complaint: { path: manifest(label), kind: "missing", why: "file missing, and its copy too" } }),
  ],
  [
    /^backup '(.+)' manifest does not contain any target files to verify$/,
    ([why = "", label]) => ({ complaint: { path: manifest(label), kind: "damaged", why } }),
  ],
  [
    /^'(.+)' may not be recoverable - PG data \(.*\) is not in the backup\.info history, skipping$/,
    ([why = "", label]) => ({ complaint: { path: manifest(label), kind: "damaged", why } }),
  ],
  [
    /^(\S+)\/backup\.manifest is missing or unusable, using copy$/,
    ([why = "", label]) => ({ complaint: { path: manifest(label), kind: "spare", why } }),
  ],
  [
    /^backup '(.+)' manifest\.copy does not match manifest$/,
    ([why = "", label]) => ({ complaint: { path: `${manifest(label)}.copy`, kind: "spare", why } }),
  ],
  [
    /^(archive|backup)\.info\.copy does not match \1\.info$/,
    ([why = "", kind]) => ({ complaint: { path: `${kind}/${kind}.info.copy`, kind: "spare", why } }),
  ],
  [
    /^unable to open missing file '.*\/(archive|backup)\/[^/]+\/((?:archive|backup)\.info(?:\.copy)?)' for read$/,
    ([, folder = "", file = ""]) => ({
      complaint: { path: `${folder}/${file}`, kind: "spare", why: "file missing" },
    }),
  ],
  // Without its copy a manifest is good; without itself the line that follows says what comes of it.
  [
    /^unable to open missing file '.*\/([^/]+)\/backup\.manifest\.copy' for read$/,
    ([, label]) => ({ complaint: { path: `${manifest(label)}.copy`, kind: "spare", why: "file missing" } }),
  ],
  [/^unable to open missing file '.*\/backup\.manifest' for read$/, nothing],
  [/^backup '(.+)' appears to be in progress, skipping$/, ([, inProgress = ""]) => ({ inProgress })],
  // What an interrupted backup left; the next one goes on with it or removes it.
  [/^backup '.+' found in the repository but not in backup\.info$/, nothing],
  // Seen in the listing too, where it is told whether a restore needs it.
  [/^duplicate WAL '.+' for '.+' exists, skipping$/, nothing],
  [/^archiveId: \S+, wal start: \S+, wal stop: \S+$/, nothing],
  [/^archive path '.+' is empty$/, nothing],
  [/^path '.+' does not contain any valid WAL to be processed$/, nothing],
  [/^no (archives|backups) exist in the repo$/, nothing],
  // The report once more.
  [/^stanza: /, nothing],
  [/^verify command begin /, nothing],
  [/^verify command end: completed successfully/, nothing],
];

const read = ({ level, message }: Line): Answer => {
  for (const [form, answer] of rules) {
    const found = form.exec(message);
    if (found) return answer(found);
  }
  // An info file that can't be read is looked at by itself (its message here has no name), a manifest's has its own line.
  if (level === "DETAIL") return {};
  return { doubt: message };
};

const total = (text: string, form: RegExp): number =>
  [...text.matchAll(form)].reduce((sum, [, number]) => sum + Number(number), 0);

/** Reads what a run printed. */
export const parseVerification = ({ exitCode, report, log }: VerifyRun): Verification => {
  const answers = linesOf(log).map(read);
  const all = answers.flatMap(({ complaint }) => complaint ?? []);
  // A file that several backups refer to may be told of several times; the first kind of each path is the worst.
  const order: Complaint["kind"][] = ["damaged", "missing", "unread", "spare"];
  const sorted = [...all].sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
  const complaints = [...new Map(sorted.reverse().map((complaint) => [complaint.path, complaint])).values()].reverse();

  const status = /^status: (ok|error)$/m.exec(report)?.[1];
  const backups = [...report.matchAll(/^ {2}backup: (\S+), status: ([a-z -]+), total files checked: (\d+), .*$/gm)];
  const archives = [...report.matchAll(/^ {2}archiveId: (\S+), total WAL checked: (\d+), total valid WAL: (\d+)$/gm)];
  const invalid = backups.flatMap(([, label = "", state]) =>
    ["invalid", "manifest missing"].includes(state ?? "") ? [label] : [],
  );

  const known =
    /^(stanza: .*|status: (ok|error)| {2}(archiveId|backup): (none found|\S+, .*)| {4}missing: \d+, .*| {4}no archives or backups exist in the repo|)$/;
  const doubts = [
    ...answers.flatMap(({ doubt }) => doubt ?? []),
    ...(exitCode === 0 ? [] : [`it broke off with status ${exitCode}`]),
    ...(exitCode === 0 && status === undefined ? ["it ended without a report"] : []),
    ...report
      .split("\n")
      .filter((line) => !known.test(line))
      .map((line) => line.trim()),
    // Where the report counts something that no line names, a form of the log has changed.
    ...archives.flatMap(([, id = "", checked, valid]) =>
      checked === valid ||
      complaints.some(({ path }) => path.startsWith(`archive/${id}/`)) ||
      log.includes(`for '${id}' exists`)
        ? []
        : [`${Number(checked) - Number(valid)} segments of ${id} are not valid, and none is named`],
    ),
  ];
  const named = complaints.some(({ kind }) => kind !== "spare") || invalid.length > 0 || log.includes("duplicate WAL");
  if (status === "error" && !named && doubts.length === 0) doubts.push("it reports an error and names none");
  return {
    complaints,
    inProgress: answers.flatMap(({ inProgress }) => inProgress ?? []),
    invalid,
    checked: {
      segments: total(report, /^ {2}archiveId: \S+, total WAL checked: (\d+),/gm),
      files: total(report, /^ {2}backup: \S+, status: [a-z -]+, total files checked: (\d+),/gm),
    },
    doubts,
  };
};
