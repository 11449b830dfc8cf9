import assert from "node:assert/strict";
import { askPython } from "./python";

describe("what pgBackRest's errors mean (images/postgres vault.py)", () => {
  // As pgBackRest 2.60.0 wrote them, against versitygw 1.7.0 and fake-gcs-server 1.55.1; the last three as AWS and Google answer.
  const errors: [message: string, state: string, short: string][] = [
    [
      "[HostConnectError] unable to connect to 'localhost:9443 (127.0.0.1)': [111] Connection refused\n    [HostConnectError] on 7 retries from 105-5000ms: unable to connect to 'localhost:9443 (127.0.0.1)': [111] Connection refused",
      "UNREACHABLE",
      "[HostConnectError] unable to connect to 'localhost:9443 (127.0.0.1)': [111] Connection refused",
    ],
    [
      "[FormatError] unable to load info file '/marimo/backup/marimo/backup.info' or '/marimo/backup/marimo/backup.info.copy':\nFormatError: key/value found outside of section at line 1: \u0001\ufffd\u0007\nHINT: has a stanza-create been performed?",
      "WRONG_PASSPHRASE",
      "[FormatError] unable to load info file '/marimo/backup/marimo/backup.info'",
    ],
    [
      "[CryptoError] unable to load info file '/marimo/backup/marimo/backup.info' or '/marimo/backup/marimo/backup.info.copy':\nCryptoError: unable to flush",
      "WRONG_PASSPHRASE",
      "[CryptoError] unable to load info file '/marimo/backup/marimo/backup.info'",
    ],
    [
      '[ProtocolError] HTTP request failed with 404 (Not Found):\n*** Path/Query ***:\nGET /b/?prefix=marimo\n*** Request Headers ***:\nauthorization: <redacted>\n*** Response Headers ***:\nserver: VERSITYGW\n*** Response Content ***:\n<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist.</Message><RequestId>Y9</RequestId></Error>',
      "NO_BUCKET",
      "[ProtocolError] HTTP request failed with 404 (Not Found): NoSuchBucket: The specified bucket does not exist.",
    ],
    [
      "[ProtocolError] HTTP request failed with 404 (Not Found):\n*** Response Content ***:\n<Error><Code>XAdminUserNotFound</Code><Message>No user exists with the provided access key ID.</Message></Error>",
      "DENIED",
      "[ProtocolError] HTTP request failed with 404 (Not Found): XAdminUserNotFound: No user exists with the provided access key ID.",
    ],
    [
      "HTTP request failed with 403 (Forbidden):\n*** Response Content ***:\n<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match</Message></Error>",
      "DENIED",
      "HTTP request failed with 403 (Forbidden): SignatureDoesNotMatch: The request signature we calculated does not match",
    ],
    // It counted as wrong credentials, and the remedy was to set others.
    [
      "HTTP request failed with 403 (Forbidden):\n*** Response Content ***:\n<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large.</Message></Error>",
      "WRONG_CLOCK",
      "HTTP request failed with 403 (Forbidden): RequestTimeTooSkewed: The difference between the request time and the current time is too large.",
    ],
    [
      "HTTP request failed with 503 (Service Unavailable)",
      "UNREACHABLE",
      "HTTP request failed with 503 (Service Unavailable)",
    ],
    [
      "unable to verify certificate presented by 'localhost:9443 (127.0.0.1)': [20] unable to get local issuer certificate",
      "UNTRUSTED",
      "unable to verify certificate presented by 'localhost:9443 (127.0.0.1)': [20] unable to get local issuer certificate",
    ],
    ["no answer within 60 s", "UNREACHABLE", "no answer within 60 s"],
    ["something nobody has seen yet", "UNREADABLE", "something nobody has seen yet"],
  ];
  it("names the state and keeps pgBackRest's own words, in one line", () => {
    const program =
      "from marimo import vault\ndef answer(m):\n    return [vault.state_of_error(m).name, vault.shorten(m)]\n";
    const messages = errors.map(([message]) => message);
    assert.deepEqual(
      askPython(program, messages),
      errors.map(([, state, short]) => [state, short]),
    );
  });
});

describe("why a backup failed (images/postgres backup.py)", () => {
  // In the words of pgBackRest's source. The first three aren't the store's fault, though one says "timeout" and one
  // "unable to connect".
  const errors: [message: string, remedy: RegExp][] = [
    ["[ArchiveTimeoutError] WAL segment 0000 was not archived before the 60000ms timeout", /postgres-0 -c watch/],
    ["[HostConnectError] unable to connect to 'postgres-0.postgres-members.marimo-erp.svc:8432'", /app=postgres/],
    ["[DbConnectError] unable to find primary cluster - cannot proceed", /app=postgres/],
    ["[HostConnectError] timeout connecting to 's3.example.com:443'", /marimo-dr:s3Endpoint/],
  ];
  it("names what is to be mended", () => {
    const program = "from marimo.backup import failure\ndef answer(m):\n    return failure('s3', m).remedy\n";
    const remedies = askPython<string>(
      program,
      errors.map(([message]) => message),
    );
    errors.forEach(([message, expected], index) => {
      assert.match(remedies[index] ?? "", expected, message);
    });
  });
});

describe("a replica that its repository does not give (images/postgres replica.py)", () => {
  it("says so, and what to do", () => {
    const program = "from marimo.replica import unreadable\ndef answer(m):\n    return unreadable('gcs', m)\n";
    const [down] = askPython<string>(program, ["P00  ERROR: [124]: [HostConnectError] unable to connect to 'gcs'"]);
    assert.match(down ?? "", /^ALARM replica: repository gcs .*unable to connect.*copied from.*marimo-dr:gcsEndpoint/);
  });
});

describe("how far a member has come against the archive (images/postgres archive_end.py)", () => {
  it("is past it, short of it, or within the last segment", () => {
    const program =
      "from marimo import wal\nfrom marimo.archive_end import reached\n" +
      "def answer(c):\n    return reached(c[0], wal.Segment(1, c[1]) if c[1] is not None else None)\n";
    const size = 16 * 1024 * 1024;
    const cases: [position: number, newest: number | null, reached: string][] = [
      [5 * size + 1, null, "yes"],
      [6 * size, 5, "yes"],
      [6 * size - 1, 5, "within"],
      [5 * size + 1, 5, "within"],
      [5 * size, 5, "no"],
      [2 * size, 5, "no"],
    ];
    assert.deepEqual(
      askPython(
        program,
        cases.map(([position, newest]) => [position, newest]),
      ),
      cases.map(([, , answer]) => answer),
    );
  });
});

describe("a volume whose member was killed (images/postgres start.py)", () => {
  const program =
    "from marimo.marker import Unfinished\nfrom marimo.start import judge\n" +
    "def answer(c):\n    return judge(Unfinished(c[0]) if c[0] else None, c[1], c[2]).name\n";
  const cases: [marker: string | null, initialize: string | null, controlFile: boolean, remains: string][] = [
    [null, null, false, "WHOLE"],
    [null, "", true, "WHOLE"],
    [null, "7711", true, "WHOLE"],
    ["copying", "7711", true, "WHOLE"],
    ["copying", "7711", false, "UNFINISHED_REPLICA"],
    ["copying", "", false, "UNFINISHED_RESTORE"],
    // Restored and replaying: Patroni would promote it before the end of the archive.
    ["copying", "", true, "UNFINISHED_RESTORE"],
    ["copying", null, true, "UNFINISHED_RESTORE"],
    ["initialized", "", true, "UNFINISHED_INITIALIZATION"],
    ["initialized", null, false, "UNFINISHED_INITIALIZATION"],
    ["initialized", "7711", true, "WHOLE"],
  ];
  it("is begun anew unless the database is whole or new", () => {
    assert.deepEqual(
      askPython(program, cases),
      cases.map(([, , , remains]) => remains),
    );
  });
});

// A pod that was replaced while its marimo-bootstrap still looked into the repositories left Patroni's `initialize` behind,
// and no member of the region ever bootstrapped again.
describe("the right to bootstrap (images/postgres claim.py)", () => {
  const program =
    "from marimo.claim import Claim, left_behind\n" +
    "def answer(c):\n    return left_behind(Claim(c[0], c[1], '7'), 'postgres-1', c[2])\n";
  const cases: [initialize: string | null, holder: string | null, waited: number, leftBehind: boolean | null][] = [
    [null, null, 0, false],
    ["7711", null, 60, false],
    [null, "postgres-1", 0, true],
    ["7711", "postgres-1", 0, true],
    ["", "postgres-1", 0, true],
    [null, "postgres-0", 60, false],
    ["", "postgres-0", 60, false],
    // Patroni has noted that somebody bootstraps: who it is claims it in time, or was ended before.
    ["", null, 0, null],
    ["", null, 20, true],
  ];
  it("is nobody's while another holds it or the cluster has its database", () => {
    const may =
      "from marimo.claim import Claim, obstacle\ndef answer(c):\n    return obstacle(Claim(*c, '7'), 'postgres-1')\n";
    const claims = [
      [null, null],
      ["", null],
      ["", "postgres-1"],
      ["", "postgres-0"],
      [null, "postgres-0"],
      ["7711", null],
    ];
    const [none, noted, own, ...refused] = askPython<string | null>(may, claims);
    assert.deepEqual([none, noted, own], [null, null, null]);
    refused.forEach((why, index) => {
      assert.match(why ?? "", /postgres-0 bootstraps|system identifier 7711/, String(index));
    });
  });

  it("is taken back by the member that held it, and by any if nobody has claimed it in time", () => {
    assert.deepEqual(
      askPython(program, cases),
      cases.map(([, , , leftBehind]) => leftBehind),
    );
  });
});

describe("alarms (images/postgres alarms.py)", () => {
  const MiB = 1024 * 1024;
  const GiB = 1024 * MiB;
  const calm = {
    ...{ volume: 10 * GiB, free: 8 * GiB, wal: 500 * MiB, failing: 0, segment: "", missing: 0 },
    ...{ silent: 0, starting: 0, restarts: 0, stuck: 0, streams: false, aside: [] as string[], mayArchive: true },
  };
  const program =
    "from marimo.alarms import Measurement, alarms\n" +
    "def answer(c):\n" +
    "    first = (c[k] for k in ('volume', 'free', 'wal', 'failing', 'segment', 'missing'))\n" +
    "    rest = [c[k] for k in ('silent', 'starting', 'restarts', 'stuck', 'streams')]\n" +
    "    return alarms(Measurement(*first, 'erp', *rest, tuple(c['aside']), c['mayArchive']))\n";
  const cases: [title: string, measured: typeof calm, names: string[]][] = [
    ["nothing", calm, []],
    ["just enough space", { ...calm, free: 2 * GiB + 1 }, []],
    ["a fifth is left", { ...calm, free: 2 * GiB - 1 }, ["volume-filling"]],
    ["less than 8 %", { ...calm, free: 800 * MiB }, ["volume-full"]],
    ["nothing is left", { ...calm, free: 0, wal: 9 * GiB }, ["volume-full", "wal-piling-up"]],
    ["17 % of a large volume are plenty", { ...calm, volume: 250 * GiB, free: 42 * GiB }, []],
    ["8 GiB of a large one are not", { ...calm, volume: 250 * GiB, free: 8 * GiB - 1 }, ["volume-filling"]],
    ["WAL piles up", { ...calm, wal: 2561 * MiB }, ["wal-piling-up"]],
    ["archiving has failed for two minutes", { ...calm, failing: 120, segment: "A" }, []],
    // It fails by design where another region has taken over, and the alarm told to mend the repository or to leave it out.
    ["and must not work here", { ...calm, failing: 121, segment: "A", mayArchive: false }, ["archiving-withheld"]],
    ["no database for a minute", { ...calm, missing: 60 }, []],
    ["and longer", { ...calm, missing: 61 }, ["database-missing"]],
    ["a start that takes two minutes", { ...calm, silent: 120, starting: 900 }, []],
    ["no answer for longer", { ...calm, silent: 121 }, ["postgres-down"]],
    ["a recovery of a quarter of an hour", { ...calm, starting: 901 }, ["postgres-starting"]],
    ["a configuration's two restarts", { ...calm, restarts: 2 }, []],
    ["a third one", { ...calm, restarts: 3 }, ["postgres-restarts"]],
    ["a standby that waits for three minutes", { ...calm, stuck: 180 }, []],
    ["and longer", { ...calm, stuck: 181 }, ["standby-stuck"]],
    ["writes that were kept aside", { ...calm, aside: ["12 commits"] }, ["writes-kept-aside"]],
    [
      "archiving for longer than two minutes",
      { ...calm, failing: 121, segment: "000000010000000000000007" },
      ["archiving-failing"],
    ],
  ];
  const answers = () =>
    askPython<Record<string, string>>(
      program,
      cases.map(([, measured]) => measured),
    );

  it("come at their thresholds", () => {
    answers().forEach((answer, index) => {
      assert.deepEqual(Object.keys(answer), cases[index]?.[2], cases[index]?.[0]);
    });
  });

  it("say value, consequence and remedy", () => {
    const text = answers().at(-1)?.["archiving-failing"] ?? "";
    for (const piece of [
      "121 s",
      "000000010000000000000007",
      "lost with this cluster",
      "pulumi config set marimo-dr:repositories",
    ]) {
      assert.ok(text.includes(piece), `"${piece}" is not in: ${text}`);
    }
  });

  it("say why a standby does not get on, as far as it can tell", () => {
    const [connected, alone] = askPython<Record<string, string>>(program, [
      { ...calm, stuck: 300, streams: true },
      { ...calm, stuck: 300 },
    ]);
    assert.match(connected?.["standby-stuck"] ?? "", /300 s: it is connected.*not replayed/);
    assert.match(alone?.["standby-stuck"] ?? "", /not connected.*archive gives it nothing new/);
  });

  it("know a standby that gets on from one that doesn't", () => {
    const gets =
      "from marimo.member import Standing, gets_on\n" +
      "def answer(c):\n    return gets_on(Standing(*c[0]), Standing(*c[1]) if c[1] else None)\n";
    type Standing = [standby: boolean, replayed: number, received: number, streams: boolean];
    const cases: [title: string, now: Standing, before: Standing | null, getsOn: boolean][] = [
      ["a leader", [false, 0, 0, false], [false, 0, 0, false], true],
      ["the first look", [true, 100, 200, false], null, true],
      ["it replays what it receives", [true, 150, 200, true], [true, 100, 200, true], true],
      ["it replays the archive", [true, 150, 100, false], [true, 120, 100, false], true],
      // Without a heartbeat, or with the other side's clients asleep.
      ["connected to an idle leader", [true, 200, 200, true], [true, 200, 200, true], true],
      ["it receives and does not replay", [true, 100, 300, true], [true, 100, 200, true], false],
      ["neither connected nor fed by the archive", [true, 200, 200, false], [true, 200, 200, false], false],
    ];
    assert.deepEqual(
      askPython(
        gets,
        cases.map(([, now, before]) => [now, before]),
      ),
      cases.map(([, , , getsOn]) => getsOn),
    );
  });

  it("count the restarts of the last ten minutes", () => {
    const count =
      "from marimo.member import remember\n" +
      "def answer(looks):\n    starts, counts = [], []\n    for now, start in looks:\n" +
      "        starts = remember(starts, start, now)\n        counts.append(len(starts) - 1)\n    return counts\n";
    const looks = [
      ...[
        [0, null],
        [15, "a"],
        [30, "a"],
        [45, null],
        [60, "b"],
        [75, "c"],
      ],
      ...[
        [700, "c"],
        [1295, "c"],
        [1400, "d"],
      ],
    ];
    assert.deepEqual(askPython(count, [looks]), [[-1, 0, 0, 0, 1, 2, 0, 0, 1]]);
  });

  it("are said when they come, every five minutes, and when they go", () => {
    const announce =
      "from marimo.alarms import announce\n" +
      "def answer(looks):\n    raised, said = {}, []\n    for now, found in looks:\n" +
      "        lines, raised = announce(found, raised, now)\n        said.append(lines)\n    return said\n";
    const looks = [
      [0, {}],
      [15, { full: "no space" }],
      [30, { full: "no space" }],
      [315, { full: "no space", wal: "much" }],
      [330, { wal: "much" }],
      [345, {}],
      [360, {}],
    ];
    assert.deepEqual(askPython(announce, [looks]), [
      [
        [],
        ["ALARM full: no space."],
        [],
        ["ALARM full: (for 300 s) no space.", "ALARM wal: much."],
        ["CLEAR full: after 315 s."],
        ["CLEAR wal: after 30 s."],
        [],
      ],
    ]);
  });
});

describe("the container's environment (images/postgres settings.py)", () => {
  const program =
    "from marimo.settings import SettingsError, parse_repositories\n" +
    "def answer(text):\n    try:\n        return parse_repositories(text)\n    except SettingsError as error:\n        return str(error)\n";
  it("reads repositories and refuses what is malformed", () => {
    const [both, one, ...refused] = askPython<Record<string, number> | string>(program, [
      "s3=1,gcs=2",
      "gcs=2",
      "",
      "s3",
      "s3=one",
      "s3=1,s3=2",
      "s3=1,gcs=1",
    ]);
    assert.deepEqual(both, { s3: 1, gcs: 2 });
    assert.deepEqual(one, { gcs: 2 });
    refused.forEach((message) => {
      assert.match(JSON.stringify(message), /^"MARIMO_REPOSITORIES/);
    });
  });

  it("reads the operator's word where timelines forked, and refuses what is malformed", () => {
    const word =
      "from marimo.settings import SettingsError, parse_choice\n" +
      "def answer(text):\n    try:\n        choice = parse_choice(text)\n        return choice and [choice.timeline, choice.newest]\n" +
      "    except SettingsError as error:\n        return str(error)\n";
    const [none, given, ...refused] = askPython<unknown>(word, ["", "2:13", "2", "0:3", "2:3:4", "two:3"]);
    assert.equal(none, null);
    assert.deepEqual(given, [2, 13]);
    refused.forEach((message) => {
      assert.match(String(message), /^MARIMO_RESTORE_TIMELINE=".*TIMELINE:NEWEST/);
    });
  });

  it("hides the other repositories from commands that have no --repo", () => {
    const hide =
      "from marimo.pgbackrest import without_other_repositories\ndef answer(c):\n    return without_other_repositories(*c)\n";
    const configuration =
      "[global]\nrepo1-type=s3\nrepo2-type=gcs\nrepo12-type=s3\nprocess-max=2\n\n[marimo]\npg1-path=/p\n";
    assert.deepEqual(askPython(hide, [[configuration, 2]]), [
      "[global]\nrepo2-type=gcs\nprocess-max=2\n\n[marimo]\npg1-path=/p\n",
    ]);
  });
});
