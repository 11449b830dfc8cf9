import assert from "node:assert/strict";
import { askPython } from "./python";

const order = {
  repository: 1,
  backup: "20261124-165254F_20261124-165258D",
  timeline: 2,
  bytes: 1000,
  target: { kind: "time", value: "2026-11-24 16:52:55.912205+00" },
};

describe("what a scratch database is told to restore (images/postgres scratch.py)", () => {
  const read = (cases: unknown[]) =>
    askPython<string>(
      "from marimo.scratch import read_order\nfrom marimo.settings import SettingsError\n" +
        "def answer(text):\n    try:\n        return read_order(text).backup\n    except SettingsError as error:\n        return 'refused: ' + str(error)\n",
      cases,
    );

  it("is taken as it is", () => {
    assert.deepEqual(read([JSON.stringify(order)]), [order.backup]);
  });

  it("is refused whatever is malformed, before anything is restored", () => {
    const bad = [
      "",
      "{}",
      JSON.stringify({ ...order, backup: "latest; rm" }),
      JSON.stringify({ ...order, repository: 0 }),
      JSON.stringify({ ...order, timeline: "2" }),
      JSON.stringify({ ...order, target: { kind: "xid", value: "7" } }),
      JSON.stringify({ ...order, target: { kind: "time", value: 7 } }),
    ];
    for (const [index, answer] of read(bad).entries()) assert.match(answer, /^refused: MARIMO_SCRATCH=/, bad[index]);
  });
});

describe("how a scratch database recovers (images/postgres scratch.py)", () => {
  it("along the timeline that is named, to the target, and then it takes writes", () => {
    const program =
      "import json\nfrom marimo.scratch import read_order, recovery_settings\n" +
      "def answer(text):\n    return recovery_settings(read_order(text))\n";
    const targets = [
      order.target,
      { kind: "lsn", value: "0/3000000" },
      { kind: "name", value: "x" },
      { kind: "end", value: "" },
    ];
    const common = { recovery_target_timeline: "2", recovery_target_action: "promote" };
    assert.deepEqual(
      askPython(
        program,
        targets.map((target) => JSON.stringify({ ...order, target })),
      ),
      [
        { ...common, recovery_target_time: order.target.value },
        { ...common, recovery_target_lsn: "0/3000000" },
        { ...common, recovery_target_name: "x" },
        common,
      ],
    );
  });

  it("whatever the database was told by ALTER SYSTEM: no archive, no leader, no gate, no certificates", () => {
    const program =
      "from pathlib import Path\nfrom marimo.scratch import Place, options\n" +
      "def answer(addresses):\n    return options(Place(Path('/v/pgdata'), 'd'), addresses)\n";
    const [given] = askPython<string[]>(program, ["*"]);
    const settings = [
      "archive_mode=off",
      "archive_command=",
      "primary_conninfo=",
      "synchronous_standby_names=",
      "ssl=off",
    ];
    for (const setting of [...settings, "listen_addresses=*", "config_file=/v/scratch.conf"]) {
      assert.ok(given?.includes(setting), setting);
    }
  });

  it("quotes what goes into its configuration", () => {
    const program = "from marimo.scratch import quoted\ndef answer(text):\n    return quoted(text)\n";
    assert.deepEqual(askPython(program, ["a", "it's", "back\\slash"]), ["'a'", "'it''s'", "'back\\\\slash'"]);
  });
});
