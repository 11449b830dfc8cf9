import assert from "node:assert/strict";
import { type Archive, archivesOf } from "../../../domain/archive";
import type { Complaint, Verification } from "../../../domain/pgbackrestVerify";
import { newestAge } from "../../../domain/repositoryFaults";
import { judge, pointFacts, type RepositorySeen, type Seen } from "../../../domain/verification";
import { segmentBytes, segmentName } from "../../../domain/wal";
import { type Life, live, pathOf, type Step, without } from "./history";

const write = (segments: number): Step => ({ kind: "write", segments });
const full: Step = { kind: "full" };
const diff: Step = { kind: "diff" };
const seg = (number: number, timeline = 1) => segmentName({ timeline, number });
const iso = (seconds: number | undefined) => new Date((seconds ?? 0) * 1000).toISOString().replace(".000", "");

const verified = (rest: Partial<Verification> = {}): Verification => ({
  ...{ complaints: [], inProgress: [], invalid: [], doubts: [], checked: { segments: 8, files: 971 } },
  ...rest,
});
const complaint = (path: string, kind: Complaint["kind"] = "damaged", why = "invalid checksum") =>
  ({ path, kind, why }) satisfies Complaint;
const archive = ({ info, listing }: Life, gone: readonly string[] = []): Archive[] =>
  archivesOf(info, "s3", without(listing, gone));

const s3 = (archives: readonly Archive[], rest: Partial<Verification> = {}): RepositorySeen => ({
  ...{ repository: "s3", archives, verifications: [verified(rest)] },
});
const gcs = (archives: readonly Archive[], rest: Partial<Verification> = {}): RepositorySeen => ({
  ...s3(
    archives.map((one) => ({ ...one, repository: "gcs" })),
    rest,
  ),
  repository: "gcs",
});
const at = (life: Life, rest: Partial<Seen> = {}): Seen => ({
  ...{ repositories: [s3(archive(life))], folder: "marimo", namespace: "marimo-erp", writer: undefined },
  now: Math.max(...life.listing.files.values()) + 60,
  ...rest,
});
const storedAt = ({ listing }: Life, number: number) => iso(listing.files.get(pathOf(seg(number))));

/** The only fault there is. */
const only = (seen: Seen) => {
  const { faults } = judge(seen);
  assert.equal(faults.length, 1, JSON.stringify(faults, undefined, 2));
  return faults[0] ?? { what: "", where: "", remedy: "" };
};

describe("the daily verification's judgement of the repositories", () => {
  it("nothing is wrong: no fault, and the newest point", () => {
    const life = live([full, write(3), diff, write(2)]);
    const answer = judge(
      at(life, { repositories: [s3(archive(life)), gcs(archive(life))], writer: 10 * segmentBytes + 7 }),
    );
    assert.deepEqual(answer.faults, []);
    assert.equal(answer.damagedFiles, 0);
    assert.equal(answer.newestBackup?.label, "F0_D1");
    const point = { time: storedAt(life, 9), backup: "F0_D1", segment: seg(9), lsn: "0/A000000" };
    assert.deepEqual(answer.newestGoodPoint && pointFacts(answer.newestGoodPoint), { ...point, repository: "s3" });
    assert.deepEqual(answer.repositories.gcs, {
      ...{ segments: 8, backupFiles: 971, backups: 2, gaps: 0, newestGoodPoint: { ...point, repository: "gcs" } },
      windows: [
        {
          ...{ from: storedAt(life, 2), to: storedAt(life, 9), lastSegment: seg(9), timeline: 1, current: true },
          backups: ["F0", "F0_D1"],
        },
      ],
    });
  });

  it("a damaged segment: the file as the bucket has it, the newest good point before it, and a new backup", () => {
    const life = live([full, write(5)]);
    const seen = s3(archive(life), { complaints: [complaint(`archive/${pathOf(seg(5))}`)] });
    const fault = only(at(life, { repositories: [seen] }));
    assert.equal(fault.where, `s3: marimo/archive/marimo/${pathOf(seg(5))}`);
    assert.match(fault.what, new RegExp(`${seg(5)} is damaged \\(invalid checksum\\)`));
    assert.ok(fault.what.includes(`the newest good point is ${storedAt(life, 4)} (segment ${seg(4)}, base backup F0)`));
    assert.match(fault.remedy, /^Take a new base backup: kubectl -n marimo-erp create job/);
    const { newestGoodPoint, damagedFiles } = judge(at(life, { repositories: [seen] }));
    assert.equal(newestGoodPoint?.segment, seg(4));
    assert.equal(damagedFiles, 1);
  });

  it("with a backup after it, and the segment in the other repository: what is out of reach, and where it can be had", () => {
    const life = live([full, write(5), full, write(2)]);
    const damaged = s3(archive(life), { complaints: [complaint(`archive/${pathOf(seg(5))}`)] });
    const seen = at(life, { repositories: [damaged, gcs(archive(life))] });
    const { what, remedy } = only(seen);
    assert.ok(what.includes(`no point between ${storedAt(life, 4)}`), what);
    assert.ok(what.includes(`and ${iso(life.info.backup[1]?.timestamp.stop)} can be restored`), what);
    assert.match(remedy, /^gcs has it: copy as docs\/verification\.md says/);
    assert.equal(judge(seen).newestGoodPoint?.segment, seg(11));
  });

  it("a damaged segment that no restore needs is named all the same", () => {
    const life = live([write(3), full, write(1)]);
    const fault = only(
      at(life, { repositories: [s3(archive(life), { complaints: [complaint(`archive/${pathOf(seg(2))}`)] })] }),
    );
    assert.match(fault.what, /No restore along the current history needs it/);
  });

  it("missing segments: named from first to last, with what has them", () => {
    const life = live([full, write(6)]);
    const lacking = s3(archive(life, [seg(4), seg(5)]));
    const one = only(at(life, { repositories: [lacking] }));
    assert.equal(one.where, `s3: ${seg(4)}-${seg(5)}`);
    assert.match(one.what, new RegExp(`WAL segments ${seg(4)} to ${seg(5)} \\(2\\) are missing`));
    assert.match(one.remedy, /No other repository has all of it/);
    const seen = at(life, { repositories: [lacking, gcs(archive(life))] });
    assert.match(only(seen).remedy, /gcs has them/);
    // A restore asks both repositories for what one of them has not.
    assert.equal(judge(seen).newestGoodPoint?.segment, seg(8));
  });

  it("a segment that is there twice is told with both files", () => {
    const life = live([full, write(3)]);
    const twin = pathOf(seg(4)).replace("dcdc", "abab");
    const listing = { ...life.listing, files: new Map([...life.listing.files, [twin, 1]]) };
    const fault = only(at(life, { repositories: [s3(archive({ ...life, listing }))] }));
    assert.equal(fault.where, `s3: marimo/archive/marimo/${pathOf(seg(4))}, s3: marimo/archive/marimo/${twin}`);
    assert.match(fault.what, /there twice/);
  });

  it("a damaged file of a full backup takes its differentials with it, and the newest good point is of the full before", () => {
    const life = live([full, write(1), full, write(1), diff, write(1)]);
    const seen = s3(archive(life), { complaints: [complaint("backup/F1/bundle/3")], invalid: ["F1", "F1_D2"] });
    const fault = only(at(life, { repositories: [seen] }));
    assert.equal(fault.where, "s3: marimo/backup/marimo/F1/bundle/3");
    assert.match(
      fault.what,
      /no restore from base backup F1 or F1_D2 can be trusted\. The newest good point of s3 is .*from base backup F0/,
    );
    assert.match(fault.remedy, /--repo=1 --set=F1 expire/);
    const { newestBackup, newestGoodPoint } = judge(at(life, { repositories: [seen] }));
    assert.equal(newestBackup?.label, "F0");
    assert.equal(newestGoodPoint?.segment, seg(9));
  });

  it("every backup is damaged: nothing can be restored, and that is said too", () => {
    const life = live([full, write(2)]);
    const seen = at(life, { repositories: [s3(archive(life), { complaints: [complaint("backup/F0/bundle/1")] })] });
    const { faults, newestGoodPoint } = judge(seen);
    assert.deepEqual(
      faults.map(({ what }) => what),
      [
        "it is damaged (invalid checksum), and no restore from base backup F0 can be trusted. Nothing can be restored from s3",
        "no base backup in it can be restored",
      ],
    );
    assert.equal(newestGoodPoint, undefined);
  });

  it("a backup that pgBackRest calls invalid without a damaged file has no manifest that can be used", () => {
    const life = live([full, write(1), full, write(2)]);
    const fault = only(at(life, { repositories: [s3(archive(life), { invalid: ["F0"] })] }));
    assert.equal(fault.where, "s3: marimo/backup/marimo/F0/backup.manifest");
    assert.match(fault.what, /neither it nor its copy/);
  });

  // A base backup's expiry runs beside the verification, and what it took away is no loss.
  it("what has expired since it was read is no fault", () => {
    const life = live([full, write(2)]);
    const complaints = [
      complaint("backup/F-old/bundle/1"),
      complaint("backup/F-old/backup.manifest", "missing", "file missing"),
      complaint(`archive/${pathOf(seg(99))}`),
      complaint(`archive/${pathOf(seg(98))}`, "missing", "file missing"),
    ];
    assert.deepEqual(
      judge(at(life, { repositories: [s3(archive(life), { complaints, invalid: ["F-old"] })] })).faults,
      [],
    );
  });

  it("what could not be read is unknown, and not damaged", () => {
    const life = live([full, write(2)]);
    const path = `archive/${pathOf(seg(3))}`;
    const seen = s3(archive(life), { complaints: [complaint(path, "unread", "HTTP request failed with 500")] });
    const fault = only(at(life, { repositories: [seen] }));
    assert.match(fault.what, /nothing is known of it: HTTP request failed with 500/);
    assert.match(fault.remedy, /create job --from=cronjob\/backup-verify verify-again/);
    assert.equal(judge(at(life, { repositories: [seen] })).newestGoodPoint?.segment, seg(4));
  });

  it("copies and info files are told of by what they are", () => {
    const life = live([full, write(2)]);
    const complaints = [
      complaint("backup/F0/backup.manifest.copy", "spare", "file missing"),
      complaint("archive/archive.info", "damaged", "unable to flush"),
    ];
    assert.deepEqual(
      judge(at(life, { repositories: [s3(archive(life), { complaints })] })).faults.map(({ where }) => where),
      ["s3: marimo/backup/marimo/F0/backup.manifest.copy", "s3: marimo/archive/marimo/archive.info"],
    );
  });

  it("an old backup, an archive that falls behind, a lost history, pages with a wrong checksum, a doubt", () => {
    const life = live([full, write(2), { kind: "fork", late: 0 }, write(1)]);
    const { now } = at(life);
    const stop = life.info.backup[0]?.timestamp.stop ?? 0;
    assert.deepEqual(judge(at(life, { now: stop + newestAge.seconds })).faults, []);
    assert.match(only(at(life, { now: stop + newestAge.seconds + 1 })).what, /the last night's is missing/);

    assert.deepEqual(judge(at(life, { writer: 7 * segmentBytes - 1 })).faults, []);
    const behind = only(at(life, { writer: 8 * segmentBytes }));
    assert.match(behind.what, /ends 2 segments \(32 MiB of WAL\) before 0\/8000000/);

    const listing = { files: life.listing.files, histories: new Map<string, string>() };
    const lost = only(at(life, { now, repositories: [s3(archive({ ...life, listing }))] }));
    assert.equal(lost.where, "s3: marimo/archive/marimo/17-1/00000002.history");

    const [backup] = life.info.backup;
    assert.ok(backup);
    const info = { ...life.info, backup: [{ ...backup, error: true }] };
    assert.match(only(at(life, { repositories: [s3(archive({ ...life, info }))] })).remedy, /pg_amcheck/);

    assert.match(
      only(at(life, { repositories: [s3(archive(life), { doubts: ["it broke off"] })] })).what,
      /it broke off/,
    );
  });

  it("a repository that is empty, or can't be looked at, is a fault of its own; the other one is judged", () => {
    const life = live([full, write(2)]);
    const dead = { repository: "gcs", error: "HTTP request failed with 500" } as const;
    const seen = at(life, { repositories: [s3(archive(life)), dead] });
    assert.deepEqual([only(seen).where, judge(seen).newestGoodPoint?.segment], ["gcs", seg(4)]);
    assert.match(only(at(life, { repositories: [s3([])] })).what, /no base backup in it can be restored/);
  });
});
