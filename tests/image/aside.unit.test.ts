import assert from "node:assert/strict";
import { askPython } from "./python";

describe("writes that a rewind would drop (images/postgres aside.py)", () => {
  const segment = 16 * 1024 * 1024;

  it("are those after the fork, as histories tell", () => {
    const program =
      "from marimo import aside\ndef answer(c):\n    return aside.fork(*(aside.history(t, text) for t, text in c))\n";
    const cases: [title: string, own: [number, string], source: [number, string], fork: [number, number] | null][] = [
      ["the source left timeline 1, we did not", [1, ""], [2, "1\t0/5000028\tno\n"], [1, 0x5000028]],
      ["both left it, the source earlier", [3, "1\t0/9000000\tx\n"], [2, "1\t0/5000028\tx\n"], [1, 0x5000028]],
      ["both left it, we earlier", [2, "1\t0/5000028\tx\n"], [3, "1\t0/9000000\tx\n"], [1, 0x5000028]],
      [
        "both left it at one place, to different timelines",
        [2, "1\t0/5000028\tx\n"],
        [3, "1\t0/5000028\tx\n"],
        [1, 0x5000028],
      ],
      [
        "a common timeline 2",
        [2, "1\t0/3000000\tx\n"],
        [4, "1\t0/3000000\tx\n\n2\t1/A000110\tx\n3\t1/B000000\tx\n"],
        [2, 0x10a000110],
      ],
    ];
    assert.deepEqual(
      askPython(
        program,
        cases.map(([, own, source]) => [own, source]),
      ),
      cases.map(([, , , fork]) => fork),
    );
    const [same, foreign] = askPython<unknown>(program, [
      [
        [2, "1\t0/3000000\tx\n"],
        [2, "1\t0/3000000\tx\n"],
      ],
      [
        [5, "4\t0/3000000\tx\n"],
        [2, "1\t0/3000000\tx\n"],
      ],
    ]);
    assert.deepEqual(same, [2, 2 ** 64]);
    assert.equal(foreign, null);
  });

  it("lie in the segments of the own history from the fork on", () => {
    const program =
      "from marimo import aside, wal\n" +
      "def answer(c):\n    return aside.belongs(wal.Segment(*c[1]), aside.history(*c[0]), tuple(c[2]))\n";
    // The own history left timeline 1 in segment 9; the source left it in 5.
    const own = [2, "1\t0/9000028\tx\n"];
    const parted = [1, 5 * segment + 40];
    const cases: [timeline: number, number: number, belongs: boolean][] = [
      [1, 4, false],
      [1, 5, true],
      [1, 9, true],
      [1, 10, false],
      [2, 8, false],
      [2, 9, true],
      [2, 30, true],
      [3, 9, false],
    ];
    assert.deepEqual(
      askPython(
        program,
        cases.map(([timeline, number]) => [own, [timeline, number], parted]),
      ),
      cases.map(([, , belongs]) => belongs),
    );
  });

  it("are counted from what pg_waldump prints", () => {
    // As pg_waldump 17 prints it.
    const lines = [
      "rmgr: Heap        len (rec/tot):     59/    59, tx:        744, lsn: 0/03000110, prev 0/030000D8, desc: INSERT off: 1, flags: 0x08, blkref #0: rel 1663/16384/16450 blk 0",
      "rmgr: Btree       len (rec/tot):     64/    64, tx:        744, lsn: 0/03000150, prev 0/03000110, desc: INSERT_LEAF off: 1, blkref #0: rel 1663/16384/16455 blk 1",
      "rmgr: Transaction len (rec/tot):     34/    34, tx:        744, lsn: 0/03000190, prev 0/03000150, desc: COMMIT 2026-11-24 13:07:20.459732 UTC",
      "rmgr: Transaction len (rec/tot):     34/    34, tx:        745, lsn: 0/030001B8, prev 0/03000190, desc: ABORT 2026-11-24 13:07:21.000000 UTC",
      "rmgr: Heap        len (rec/tot):     59/    59, tx:        746, lsn: 0/030001E0, prev 0/030001B8, desc: INSERT off: 2, flags: 0x08, blkref #0: rel 1663/16384/16450 blk 0",
      "rmgr: Transaction len (rec/tot):     82/    82, tx:          0, lsn: 0/03000220, prev 0/030001E0, desc: COMMIT_PREPARED 746: 2026-11-24 13:07:22.000001 UTC",
      "rmgr: Transaction len (rec/tot):    405/   405, tx:        747, lsn: 0/03000278, prev 0/03000220, desc: COMMIT 2026-11-24 13:07:23.000000 UTC; inval msgs: catcache 80",
    ];
    const program =
      "from marimo import aside\n" +
      "def answer(lines):\n    found = aside.Transactions()\n    aside.count(lines, found)\n" +
      "    return [found.commits, found.first, found.last, found.relations]\n";
    assert.deepEqual(askPython(program, [lines, []]), [
      [
        3,
        { at: "2026-11-24 13:07:20.459732 UTC", lsn: "0/03000190" },
        { at: "2026-11-24 13:07:23.000000 UTC", lsn: "0/03000278" },
        { "1663/16384/16450": 2, "1663/16384/16455": 1 },
      ],
      [0, null, null, {}],
    ]);
  });

  it("are held by a second name before anything else, and by a copy in the end", () => {
    // Patroni removes the data directory when a rewind fails, also one that was ended half-way.
    const program = `
import errno, os, shutil, struct, tempfile
from pathlib import Path
from marimo import aside
from marimo.settings import Settings

def segment(path, number):
    path.write_bytes(struct.pack("<HHIQ", 0xD116, 2, 1, number * ${segment}) + bytes(100))

def answer(case):
    volume = Path(tempfile.mkdtemp())
    settings = Settings("marimo", {"s3": 1}, "s3", None, "erp", volume / "pgdata")
    pg_wal = settings.pgdata / "pg_wal"
    pg_wal.mkdir(parents=True)
    for number in (4, 5, 6):
        segment(pg_wal / f"{1:08X}{0:08X}{number:08X}", number)
    # Written as segment 2, kept for reuse as 7.
    segment(pg_wal / f"{1:08X}{0:08X}{7:08X}", 2)
    own, source = aside.history(1, ""), aside.history(2, "1\\t0/5000028\\tx\\n")
    # What pg_waldump reads has its own test; none is installed everywhere.
    aside.read_transactions = lambda *_: aside.Transactions(commits=1, first={"at": "a", "lsn": "l"}, last={"at": "a", "lsn": "l"})
    if case == "full":
        aside.prepare(settings)
        linked = os.link
        def full(*names):
            if (volume / "aside" / "reserve").exists():
                raise OSError(errno.ENOSPC, "No space left on device")
            linked(*names)
        os.link = full
    staging = aside.link_all(settings)
    if case == "ended at once":
        shutil.rmtree(settings.pgdata)
    elif case == "no room":
        usage = shutil.disk_usage(volume)
        asked, shutil.disk_usage = shutil.disk_usage, lambda _: usage._replace(free=0)
        try:
            aside.keep(settings, own, source, staging)
        except aside.NotKept:
            shutil.rmtree(settings.pgdata)
        shutil.disk_usage = asked
    else:
        for _ in range(2 if case == "twice" else 1):
            aside.keep(settings, own, source, aside.link_all(settings))
        for file in pg_wal.iterdir():
            with file.open("r+b") as stream:
                stream.write(bytes(16))
    found = {}
    for place in aside.places(settings):
        for file in sorted(place.iterdir()):
            known = aside.wal.parse_segment(file.name)
            found[f"{place.name}/{file.name}"] = known is None or aside.is_written(file, known)
    told = len(aside.unseen(settings))
    shutil.rmtree(volume)
    return [found, told]
`;
    const kept = {
      "00000001-0-5000028/000000010000000000000005": true,
      "00000001-0-5000028/000000010000000000000006": true,
      "00000001-0-5000028/transactions.json": true,
    };
    const all = [4, 5, 6, 7].map((number) => [`unsorted/00000001000000000000000${String(number)}`, number !== 7]);
    assert.deepEqual(askPython(program, ["once", "twice", "no room", "full", "ended at once"]), [
      [kept, 1],
      [kept, 1],
      [kept, 1],
      [kept, 1],
      [Object.fromEntries(all), 1],
    ]);
  });
});
