import assert from "node:assert/strict";
import fc from "fast-check";
import { parseVerification } from "../../../domain/pgbackrestVerify";

const hash = "656817043007aa2100c44c712bcb456db705dab9";
const wal = (name: string) => `17-1/${name.slice(0, 16)}/${name}-${hash}.zst`;
const full = "20261122-020003F";
const diff = `${full}_20261123-020004D`;

const begin =
  "INFO: verify command begin 2.60.0: --exec-id=1-2 --log-level-console=off --output=text --repo=1 --stanza=marimo --verbose";
const end = "INFO: verify command end: completed successfully (123ms)";

const run = (report: readonly string[], log: readonly string[], exitCode = 0) => {
  const [first = "", ...others] = report;
  const inLog = report.length === 0 ? [] : [`INFO: ${first}`, ...others.map((line) => `      ${line}`)];
  return parseVerification({
    exitCode,
    report: report.length === 0 ? "" : `${report.join("\n")}\n`,
    log: `${[begin, ...log, ...inLog, ...(exitCode === 0 ? [end] : [])].join("\n")}\n`,
  });
};

const none = "    missing: 0, checksum invalid: 0, size invalid: 0, other: 0";
const goodBackup = [`  backup: ${full}, status: valid, total files checked: 971, total valid files: 971`, none];
const badBackup = (label: string) => [
  `  backup: ${label}, status: invalid, total files checked: 971, total valid files: 970`,
  "    missing: 0, checksum invalid: 1, size invalid: 0, other: 0",
];
const goodWal = ["  archiveId: 17-1, total WAL checked: 8, total valid WAL: 8", none];
const badWal = (valid: number) => [
  `  archiveId: 17-1, total WAL checked: 8, total valid WAL: ${valid}`,
  `    missing: 0, checksum invalid: ${8 - valid}, size invalid: 0, other: 0`,
];

describe("what pgbackrest verify says", () => {
  it("nothing is wrong", () => {
    const range = "DETAIL: archiveId: 17-1, wal start: 000000010000000000000001, wal stop: 000000010000000000000008";
    assert.deepEqual(run(["stanza: marimo", "status: ok", ...goodWal, ...goodBackup], [range]), {
      ...{ complaints: [], inProgress: [], invalid: [], doubts: [] },
      checked: { segments: 8, files: 971 },
    });
  });

  it("damaged, short and missing files are named, each once", () => {
    const { complaints, invalid, doubts } = run(
      ["stanza: marimo", "status: error", ...badWal(5), ...badBackup(full), ...badBackup(diff)],
      [
        `INFO: invalid checksum '${wal("000000010000000000000003")}'`,
        `INFO: invalid size '${wal("000000010000000000000004")}'`,
        `WARN: file missing '${wal("000000010000000000000005")}'`,
        `INFO: invalid checksum '${full}/bundle/1'`,
        `INFO: invalid checksum '${full}/bundle/1'`,
        `INFO: file missing '${diff}/pg_data/base/5/16399.zst'`,
      ],
    );
    assert.deepEqual(
      complaints.map(({ kind, path }) => [kind, path]),
      [
        ["damaged", `archive/${wal("000000010000000000000003")}`],
        ["damaged", `archive/${wal("000000010000000000000004")}`],
        ["damaged", `backup/${full}/bundle/1`],
        ["missing", `archive/${wal("000000010000000000000005")}`],
        ["missing", `backup/${diff}/pg_data/base/5/16399.zst`],
      ],
    );
    assert.deepEqual(invalid, [full, diff]);
    assert.deepEqual(doubts, []);
  });

  // A bit that flips in an encrypted and compressed segment is no wrong checksum: the unpacking fails before there is one.
  it("a file that can't be decrypted or unpacked is damaged; one that the store doesn't give is not", () => {
    const { complaints } = run(
      ["stanza: marimo", "status: error", ...badWal(4)],
      [
        `INFO: invalid result ${wal("000000010000000000000003")}: [29] raised from local-1 shim protocol: zst error: [-20] Data corruption detected`,
        `INFO: invalid result ${wal("000000010000000000000004")}: [95] raised from local-1 shim protocol: unable to flush`,
        `INFO: invalid result ${wal("000000010000000000000005")}: [39] raised from local-1 shim protocol: HTTP request failed with 500 (Internal Server Error):`,
        "      *** Path/Query ***:",
        "      GET /marimo-vault-s3/...",
        `INFO: invalid result ${wal("000000010000000000000006")}: [49] raised from local-1 shim protocol: unable to connect to 's3:443'`,
        "      [RETRY DETAIL OMITTED]",
      ],
    );
    assert.deepEqual(
      complaints.map(({ kind, path }) => [kind, path.slice(30, 54)]),
      [
        ["damaged", "000000010000000000000003"],
        ["damaged", "000000010000000000000004"],
        ["unread", "000000010000000000000005"],
        ["unread", "000000010000000000000006"],
      ],
    );
    assert.match(complaints[2]?.why ?? "", /HTTP request failed with 500.*GET \/marimo-vault-s3/);
  });

  it("a backup that is being made is left out, and remains of one are no fault", () => {
    const { complaints, inProgress, invalid, doubts } = run(
      [
        "stanza: marimo",
        "status: ok",
        ...goodWal,
        ...goodBackup,
        `  backup: ${diff}, status: in-progress, total files checked: 0, total valid files: 0`,
        none,
      ],
      [
        `WARN: backup '${diff}' found in the repository but not in backup.info`,
        `DETAIL: unable to open missing file '/marimo/backup/marimo/${diff}/backup.manifest' for read`,
        `INFO: backup '${diff}' appears to be in progress, skipping`,
      ],
    );
    assert.deepEqual({ complaints, invalid, doubts }, { complaints: [], invalid: [], doubts: [] });
    assert.deepEqual(inProgress, [diff]);
  });

  it("a lost or damaged manifest makes its backup useless, unless there is its copy", () => {
    const spare = run(
      ["stanza: marimo", "status: ok", ...goodWal, ...goodBackup],
      [
        `DETAIL: unable to open missing file '/marimo/backup/marimo/${full}/backup.manifest' for read`,
        `DETAIL: ${full}/backup.manifest is missing or unusable, using copy`,
        `DETAIL: backup '${diff}' manifest.copy does not match manifest`,
      ],
    );
    assert.deepEqual(
      spare.complaints.map(({ kind, path }) => [kind, path]),
      [
        ["spare", `backup/${full}/backup.manifest`],
        ["spare", `backup/${diff}/backup.manifest.copy`],
      ],
    );
    const lost = run(
      [
        "stanza: marimo",
        "status: ok",
        ...goodWal,
        `  backup: ${full}, status: manifest missing, total files checked: 0, total valid files: 0`,
        none,
      ],
      [
        `WARN: backup '${full}' found in backup.info but not in the repository`,
        `DETAIL: unable to open missing file '/marimo/backup/marimo/${full}/backup.manifest' for read`,
        `DETAIL: unable to open missing file '/marimo/backup/marimo/${full}/backup.manifest.copy' for read`,
        `DETAIL: manifest missing for '${full}' - backup may have expired`,
      ],
    );
    assert.deepEqual(
      lost.complaints.map(({ kind, path }) => [kind, path]),
      [
        ["missing", `backup/${full}/backup.manifest`],
        ["spare", `backup/${full}/backup.manifest.copy`],
      ],
    );
    assert.deepEqual(lost.invalid, [full]);
  });

  it("info files whose copies differ or are gone are named", () => {
    const { complaints } = run(
      ["stanza: marimo", "status: ok", ...goodWal, ...goodBackup],
      [
        "DETAIL: backup.info.copy does not match backup.info",
        "DETAIL: unable to open missing file '/marimo/archive/marimo/archive.info.copy' for read",
      ],
    );
    assert.deepEqual(
      complaints.map(({ kind, path }) => [kind, path]),
      [
        ["spare", "backup/backup.info.copy"],
        ["spare", "archive/archive.info.copy"],
      ],
    );
  });

  it("what isn't understood, or doesn't fit, is a doubt", () => {
    const good = ["stanza: marimo", "status: ok", ...goodWal, ...goodBackup];
    const doubts = (...args: Parameters<typeof run>) => run(...args).doubts;
    assert.deepEqual(doubts([], []), ["it ended without a report"]);
    assert.deepEqual(doubts([], ["ERROR: [029]: zst error: [-20] Data corruption detected"], 29), [
      "[029]: zst error: [-20] Data corruption detected",
      "it broke off with status 29",
    ]);
    assert.deepEqual(doubts(good, ["WARN: something that no version said before"]), [
      "something that no version said before",
    ]);
    assert.deepEqual(doubts([...good, "  tablespace: new, status: ok"], []), ["tablespace: new, status: ok"]);
    assert.deepEqual(doubts(["stanza: marimo", "status: error", "  No usable backup.info file"], []), [
      "No usable backup.info file",
    ]);
    assert.deepEqual(doubts(["stanza: marimo", "status: error", ...badWal(7)], []), [
      "1 segments of 17-1 are not valid, and none is named",
    ]);
    assert.deepEqual(doubts(["stanza: marimo", "status: error", ...goodWal], []), [
      "it reports an error and names none",
    ]);
    const differ = "archive and backup history lists do not match";
    assert.deepEqual(doubts(["stanza: marimo", "status: error", differ], []), [differ]);
  });

  it("two files of one segment are the listing's to tell", () => {
    const line = "INFO: duplicate WAL '000000010000000000000003' for '17-1' exists, skipping";
    const { complaints, doubts } = run(["stanza: marimo", "status: error", ...badWal(6)], [line]);
    assert.deepEqual({ complaints, doubts }, { complaints: [], doubts: [] });
  });

  it("every damaged file of a run is named, whichever they are, among all else that it logs", () => {
    const noise = fc.constantFrom(
      "DETAIL: archive path '16-1' is empty",
      "DETAIL: path '17-1/0000000100000000' does not contain any valid WAL to be processed",
      `INFO: backup '${diff}' appears to be in progress, skipping`,
    );
    const file = fc.oneof(
      fc.nat(0xffff).map((number) => wal(`0000000100000000${number.toString(16).toUpperCase().padStart(8, "0")}`)),
      fc.nat(99).map((number) => `${full}/bundle/${number}`),
      fc.nat(99_999).map((number) => `${diff}/pg_data/base/5/${number}.zst`),
    );
    const lives = fc.record({ files: fc.uniqueArray(file), others: fc.array(noise) }).chain(({ files, others }) => {
      const lines = [...files.map((path) => `INFO: invalid checksum '${path}'`), ...others];
      const shuffled = fc.shuffledSubarray(lines, { minLength: lines.length });
      return fc.record({ files: fc.constant(files), log: shuffled });
    });
    fc.assert(
      fc.property(lives, ({ files, log }) => {
        const { complaints } = run(["stanza: marimo", "status: error", ...badWal(0), ...badBackup(full)], log);
        const below = (path: string) => (path.startsWith("17-1/") ? `archive/${path}` : `backup/${path}`);
        assert.deepEqual(complaints.map(({ path }) => path).sort(), files.map(below).sort());
      }),
    );
  });
});
