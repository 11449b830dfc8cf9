import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { Duration } from "../../domain/duration";
import { roleInWords } from "../../domain/role";
import { labels, renderPatroni, renderSharedSettings, type SharedSettingsArgs, timing } from "../../domain/patroni";
import { postgresParameters } from "../../domain/parameters";
import { type PgBackRestArgs, renderBackupJobConfiguration, renderMemberConfiguration } from "../../domain/pgbackrest";
import type { Repository } from "../../domain/repository";
import { dailyExcept, weekly } from "../../domain/schedule";
import { Size } from "../../domain/size";

const s3: Repository = {
  name: "s3",
  bucket: "vault-s3",
  region: "eu-central-1",
  endpoint: "s3.example.com:8443",
  uriStyle: "path",
  keyType: "shared",
};
const gcs: Repository = { name: "gcs", bucket: "vault-gcs", endpoint: "gcs.example.com:9443", keyType: "service" };
const args: PgBackRestArgs = {
  repositories: [s3, gcs],
  repositoryPath: "/marimo",
  retention: Duration.days(90),
  storeCa: true,
};

describe("durations, sizes and schedules", () => {
  it("a duration keeps its unit", () => {
    assert.equal(Duration.days(1).seconds, Duration.hours(24).seconds);
    assert.equal(Duration.minutes(2).toString(), "120s");
    assert.throws(() => Duration.seconds(-1), /0 or more; got -1/);
    assert.throws(() => Duration.minutes(0.001), /whole number/);
  });

  it("a size is what Kubernetes says, and prints as it was written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1023 }), fc.constantFrom("Ki", "Mi", "Gi", "Ti"), (n, unit) => {
        assert.equal(Size.parse(`${n}${unit}`).toString(), `${n}${unit}`);
      }),
    );
    for (const text of ["10", "1G", "0Gi", "-1Gi", "1.5Gi", " 1Gi", "1Gib", ""]) {
      assert.throws(() => Size.parse(text), RangeError, text);
    }
  });

  it("full and differential backups share the week between them", () => {
    assert.equal(weekly("sunday", { hour: 2, minute: 0 }), "0 2 * * 0");
    assert.equal(dailyExcept("sunday", { hour: 2, minute: 0 }), "0 2 * * 1,2,3,4,5,6");
    assert.throws(() => weekly("sunday", { hour: 24, minute: 0 }), /no 24:0 in a day/);
  });
});

describe("Postgres' parameters", () => {
  it("fit into the container's memory and the volume, whatever their sizes", () => {
    const megabytes = (text: string | undefined) => Number(/^(\d+)MB$/.exec(text ?? "")?.[1]);
    fc.assert(
      fc.property(fc.integer({ min: 256, max: 1 << 20 }), fc.integer({ min: 1, max: 1 << 14 }), (memory, storage) => {
        const parameters = postgresParameters({
          memory: Size.parse(`${memory}Mi`),
          storage: Size.parse(`${storage}Gi`),
        });
        assert.ok(megabytes(parameters["shared_buffers"]) <= memory * 0.4);
        // A checkpoint's WAL and the WAL that slots hold back leave most of the volume to data.
        const wal = megabytes(parameters["max_wal_size"]) + megabytes(parameters["max_slot_wal_keep_size"]);
        assert.ok(wal <= storage * 1024 * 0.31);
      }),
    );
  });
});

describe("pgbackrest.conf", () => {
  const member = renderMemberConfiguration(args);

  it("tells each repository by its number, with the store's own options", () => {
    assert.match(member, /^repo1-type=s3$/m);
    assert.match(member, /^repo1-s3-endpoint=s3\.example\.com$/m);
    assert.match(member, /^repo1-storage-port=8443$/m);
    assert.match(member, /^repo2-gcs-endpoint=gcs\.example\.com:9443$/m);
    assert.match(member, /^repo2-gcs-key=\/etc\/gcs\/key\.json$/m);
    assert.doesNotMatch(member, /^repo2-storage-port/m);
  });

  it("a repository that is left out keeps its number free", () => {
    const alone = renderMemberConfiguration({ ...args, repositories: [gcs] });
    assert.doesNotMatch(alone, /^repo1-/m);
    assert.match(alone, /^repo2-type=gcs$/m);
  });

  it("encrypts every repository and keeps it for the retention", () => {
    for (const number of [1, 2]) {
      assert.match(member, new RegExp(`^repo${number}-cipher-type=aes-256-cbc$`, "m"));
      assert.match(member, new RegExp(`^repo${number}-retention-full-type=time$`, "m"));
      assert.match(member, new RegExp(`^repo${number}-retention-full=90$`, "m"));
    }
  });

  it("holds no option twice: pgBackRest would refuse the file", () => {
    const job = renderBackupJobConfiguration({ ...args, members: 3, namespace: "marimo-erp" });
    for (const file of [member, job]) {
      const options = file.split("[marimo]").map((section) => section.match(/^[a-z0-9-]+(?==)/gm) ?? []);
      for (const section of options.slice(1)) assert.equal(new Set(section).size, section.length);
    }
    assert.match(job, /^pg3-host=postgres-2\.postgres-members\.marimo-erp\.svc\.cluster\.local$/m);
  });
});

const alone: SharedSettingsArgs = {
  memory: Size.parse("1Gi"),
  storage: Size.parse("10Gi"),
  role: "primary",
  otherRegion: undefined,
  words: [],
  synchronous: "off",
};

describe("patroni.yml", () => {
  it("keeps Patroni's own rule of timing", () => {
    assert.ok(timing.loopWait.seconds + 2 * timing.retryTimeout.seconds <= timing.ttl.seconds);
  });

  it("never labels a read-only leader as the one that takes writes", () => {
    assert.notEqual(labels.standbyLeader, labels.primary);
  });

  it("reads the repository that the configuration names", () => {
    const rendered = parse(renderPatroni({ restoreFrom: "gcs", fencing: "none" })) as {
      postgresql: { recovery_conf: { restore_command: string }; pg_hba: string[] };
    };
    assert.match(rendered.postgresql.recovery_conf.restore_command, /--repo=2 /);
    // Whoever comes over the network comes with TLS and a password.
    const remote = rendered.postgresql.pg_hba.filter((line) => !line.startsWith("local "));
    assert.ok(
      remote.length > 0 && remote.every((line) => line.startsWith("hostssl ") && line.endsWith("scram-sha-256")),
    );
  });

  it("nothing is taken out of a database, nor its folder removed, before marimo-rewind has seen it", () => {
    const { postgresql } = parse(renderPatroni({ restoreFrom: "s3", fencing: "none" })) as {
      postgresql: Record<string, unknown>;
    };
    assert.deepEqual(postgresql["bin_name"], { pg_rewind: "/usr/local/bin/marimo-rewind" });
    assert.equal(postgresql["remove_data_directory_on_rewind_failure"], true);
    assert.equal(postgresql["remove_data_directory_on_diverged_timelines"], undefined);
  });

  it("the shared settings are the JSON that Patroni itself would write", () => {
    const text = renderSharedSettings(alone);
    assert.equal(JSON.stringify(JSON.parse(text)), text);
  });

  it("a region's role is one section of the shared settings", () => {
    const otherRegion = { host: "db.example.com", port: 5433 };
    const settings = (role: "primary" | "standby") =>
      JSON.parse(renderSharedSettings({ ...alone, role, otherRegion })) as Record<string, unknown>;
    const { standby_cluster, ...rest } = settings("standby");
    assert.deepEqual(rest, settings("primary"));
    assert.deepEqual(standby_cluster, {
      ...otherRegion,
      primary_slot_name: "other_region",
      create_replica_methods: ["pgbackrest", "basebackup"],
      restore_command: 'pgbackrest --stanza=marimo archive-get %f "%p"',
    });
    assert.deepEqual(rest["slots"], { other_region: { type: "physical", cluster_type: "primary" } });
  });
});

describe("a role in words", () => {
  const region = { region: "b", otherRegion: { host: "a.example.com", port: 5432 }, fencing: "lease" } as const;

  it("says who takes writes, and what has to come first", () => {
    assert.match(roleInWords({ ...region, role: "primary" }), /takes writes as soon as it holds the writer's lease/);
    assert.match(roleInWords({ ...region, role: "standby" }), /follows a\.example\.com:5432 and takes no writes/);
    assert.match(roleInWords({ ...region, role: "primary", fencing: "manual" }), /Nothing stops a\.example\.com:5432/);
    assert.match(roleInWords({ ...region, role: "primary", otherRegion: undefined }), /no other region/);
  });
});
