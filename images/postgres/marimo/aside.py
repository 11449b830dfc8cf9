"""Writes that only this member has are kept before a rewind, or a new copy, takes them out of its database.

First of all each WAL segment gets a second name on the same volume. That takes no space and no time, and holds the segment
whatever happens next: Patroni removes the data directory when a rewind fails, also when it was only ended half-way. Then what
the source has as well is dropped again, the rest is described in `transactions.json`, and last the second names become
copies, because PostgreSQL and pg_rewind write into segments in place.
"""

import errno
import json
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from . import wal
from .alarms import critical_space
from .events import warn
from .settings import Settings

RECORD = "transactions.json"
# A person has looked: no alarm any more.
SEEN = "seen"
UNSORTED = "unsorted"
# Names take space too, on a volume that WAL has filled: what waits for the archive while another region is the writer.
RESERVE, RESERVE_BYTES = "reserve", 1024 * 1024
COPY = ".copy"

# Reading all records to find the relations takes a second per few segments; beyond this only commits are read.
RELATIONS_BYTES = 512 * 1024 * 1024

# [(timeline, the position where it was left)…], from the first to the current one, which goes on without end.
History = Sequence[tuple[int, int]]
ENDLESS = 2**64


class NotKept(Exception):
    """The writes can't be kept as they should be; the message says why and what holds."""


@dataclass
class Transactions:
    """What pg_waldump found: `complete` if it read to the end, `relations` (tablespace/database/file -> records) or None if
    there was too much to read."""

    commits: int = 0
    first: dict[str, str] | None = None
    last: dict[str, str] | None = None
    end: int = 0
    complete: bool = True
    relations: dict[str, int] | None = field(default_factory=dict)


def folder(settings: Settings) -> Path:
    return settings.volume / "aside"


def history(timeline: int, text: str) -> History:
    """The whole history of `timeline` from its history file, which timeline 1 has not (empty text)."""
    return [*wal.history_lines(text), (timeline, ENDLESS)]


def fork(own: History, source: History) -> tuple[int, int] | None:
    """The last timeline and position that both have; None if they have nothing in common.

    As pg_rewind finds it; ENDLESS if there is no fork.
    """
    common: tuple[int, int] | None = None
    for (mine, my_end), (theirs, their_end) in zip(own, source):
        if mine != theirs:
            break
        common = mine, min(my_end, their_end)
        if my_end != their_end:
            break
    return common


def belongs(segment: wal.Segment, own: History, parted: tuple[int, int]) -> bool:
    """Whether the segment holds WAL of the own history that comes after the fork."""
    begin = 0
    for timeline, end in own:
        if timeline == segment.timeline:
            begin = max(begin, parted[1] if timeline == parted[0] else begin)
            return timeline >= parted[0] and begin // wal.SEGMENT_BYTES <= segment.number <= end // wal.SEGMENT_BYTES
        begin = end
    return False


def is_written(file: Path, segment: wal.Segment) -> bool:
    """Whether the file holds the segment of its name: PostgreSQL keeps old ones under names that come later, for reuse."""
    with file.open("rb") as stream:
        # magic, info, timeline, and the page's position: https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/access/xlog_internal.h
        header = struct.Struct("<HHIQ")
        start = stream.read(header.size)
    return len(start) == header.size and header.unpack(start)[3] == segment.number * wal.SEGMENT_BYTES


COMMIT = re.compile(
    r"lsn: ([0-9A-F]+/[0-9A-F]+), .*desc: COMMIT(?:_PREPARED)? (?:\d+: )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)"
)
RELATION = re.compile(r"blkref #\d+: rel (\d+/\d+/\d+)")
REACHED = re.compile(r"(?:error in WAL record at|invalid record length at|after|LSN) ([0-9A-F]+/[0-9A-F]+)")


def count(lines: Iterable[str], found: Transactions) -> None:
    """Adds what pg_waldump prints."""
    for line in lines:
        commit = COMMIT.search(line)
        if commit is not None:
            found.commits += 1
            found.last = {"at": commit[2] + " UTC", "lsn": commit[1]}
            found.first = found.first or found.last
        elif found.relations is not None:
            for relation in set(RELATION.findall(line)):
                found.relations[relation] = found.relations.get(relation, 0) + 1


def read_transactions(kept: Path, own: History, parted: tuple[int, int]) -> Transactions:
    """Reads the kept segments of `kept` from the fork on, with pg_waldump."""
    held = sorted(segment for name in os.listdir(kept) if (segment := wal.parse_segment(name)) is not None)
    found = Transactions()
    only_commits = len(held) * wal.SEGMENT_BYTES > RELATIONS_BYTES
    if only_commits:
        found.relations = None
    start = parted[1]
    for timeline, end in own:
        numbers = [segment.number for segment in held if segment.timeline == timeline]
        if timeline < parted[0] or not numbers:
            continue
        begin = max(start, numbers[0] * wal.SEGMENT_BYTES)
        command = ["pg_waldump", f"--path={kept}", f"--timeline={timeline}", f"--start={wal.written(begin)}"]
        command += [f"--end={wal.written(end)}"] if end != ENDLESS else []
        command += ["--rmgr=Transaction"] if only_commits else []
        environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", env=environment
        ) as process:
            count(process.stdout or (), found)
            error = process.stderr.read() if process.stderr else ""
        # It ends with an error wherever WAL ends; only in the last segment is that the end.
        reached = REACHED.findall(error)
        found.end = max([found.end, *map(wal.position, reached)])
        contiguous = numbers[-1] - numbers[0] + 1 == len(numbers)
        at_end = process.returncode == 0 or (
            bool(reached) and max(map(wal.position, reached)) // wal.SEGMENT_BYTES >= numbers[-1]
        )
        found.complete = found.complete and contiguous and at_end
        start = end
    return found


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free_name(path: Path) -> Path:
    """`path`, or where that exists the next of path.2, path.3…"""
    names = (path.with_name(f"{path.name}.{number}") for number in range(2, 1_000_000))
    return path if not path.exists() else next(name for name in names if not name.exists())


def link_all(settings: Settings) -> Path:
    """Gives every WAL segment and history file of the member a second name."""
    try:
        return link(settings)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        (folder(settings) / RESERVE).unlink(missing_ok=True)
        return link(settings)


def link(settings: Settings) -> Path:
    staging = folder(settings) / UNSORTED
    source = settings.pgdata / "pg_wal"
    names = [name for name in os.listdir(source) if wal.parse_segment(name) or wal.HISTORY.fullmatch(name)]
    if staging.exists() and any((staging / n).exists() and not (staging / n).samefile(source / n) for n in names):
        # Of a database that was here before.
        staging.rename(free_name(staging))
    staging.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        if not (staging / name).exists():
            os.link(source / name, staging / name)
    for path in (staging, folder(settings), settings.volume):
        sync(path)
    return staging


def narrow(staging: Path, own: History, parted: tuple[int, int]) -> None:
    """Drops from the kept segments what the source has as well, and what was never written."""
    for name in os.listdir(staging):
        segment = wal.parse_segment(name)
        if segment is not None and not (belongs(segment, own, parted) and is_written(staging / name, segment)):
            (staging / name).unlink()


def describe(staging: Path, parted: tuple[int, int], source: History, found: Transactions) -> dict[str, object]:
    held = sorted(name for name in os.listdir(staging) if wal.parse_segment(name))
    first = wal.parse_segment(held[0]) if held else None
    fork_segment = wal.Segment(parted[0], parted[1] // wal.SEGMENT_BYTES)
    # A leader removes a segment only when it is archived, a standby also when its leader had it.
    gap = first is not None and (first.timeline == parted[0] and first.number > fork_segment.number)
    return {
        "keptAt": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "fork": {"timeline": parted[0], "lsn": wal.written(parted[1])},
        "sourceTimeline": source[-1][0],
        "segments": held,
        "missingFrom": fork_segment.name if gap else None,
        "commits": found.commits,
        "first": found.first,
        "last": found.last,
        "end": wal.written(found.end),
        "complete": found.complete and not gap,
        "relations": found.relations,
    }


def places(settings: Settings) -> list[Path]:
    """The folders in which something is kept."""
    top = folder(settings)
    return sorted(place for place in top.iterdir() if place.is_dir()) if top.exists() else []


def prepare(settings: Settings) -> None:
    """At the start of a member: keeps the room for second names, and makes the copies of a rewind that was ended before."""
    file = folder(settings) / RESERVE
    file.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        if not file.exists():
            file.write_bytes(bytes(RESERVE_BYTES))
        settle(settings)
    except (NotKept, OSError) as error:
        warn(f"ALARM aside: {error}. What is kept so far is safe from all but PostgreSQL itself; the next rewind tries again.")


def settle(settings: Settings) -> None:
    """Makes copies of what is kept by a second name. Raises NotKept if there is no room for them."""
    # What is not sorted yet may be most of pg_wal; the next rewind sorts it.
    files = [file for place in places(settings) if UNSORTED not in place.name for file in place.iterdir()]
    for stale in [file for file in files if file.suffix == COPY]:
        stale.unlink()
    shared = [file for file in files if file.suffix != COPY and file.stat().st_nlink > 1]
    needed = sum(file.stat().st_size for file in shared)
    usage = shutil.disk_usage(settings.volume)
    if needed > 0 and usage.free - needed < critical_space(usage.total):
        raise NotKept(
            f"{needed} bytes of WAL are to be copied to {folder(settings)}, and the volume has {usage.free} bytes free: "
            "PostgreSQL would soon stop for want of space"
        )
    for file in shared:
        copy = file.with_name(file.name + COPY)
        shutil.copyfile(file, copy)
        sync(copy)
        copy.replace(file)
        sync(file.parent)


def keep(settings: Settings, own: History, source: History, staging: Path) -> None:
    """Keeps what `own` has after `source` parted from it; `staging` holds all segments. Raises NotKept."""
    parted = fork(own, source)
    if parted is None:
        raise NotKept(f"this member's timeline {own[-1][0]} and the source's {source[-1][0]} have no history in common")
    if parted[1] == ENDLESS:
        shutil.rmtree(staging)
        warn("aside: this member's history is the source's: there is nothing to keep.")
        return
    narrow(staging, own, parted)
    found = read_transactions(staging, own, parted)
    record = describe(staging, parted, source, found)
    if found.commits == 0 and record["complete"]:
        shutil.rmtree(staging)
        where = f"{wal.written(parted[1])}, where timeline {parted[0]} was left"
        warn(f"aside: no commit after {where}: there is nothing to keep.")
        return
    (staging / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    sync(staging / RECORD)
    place = folder(settings) / f"{parted[0]:08X}-{wal.written(parted[1]).replace('/', '-')}"
    if same(place, record):
        shutil.rmtree(staging)
    else:
        place = staging.rename(free_name(place))
    sync(folder(settings))
    warn(f"ALARM aside: {summary(place, record)}.")
    settle(settings)


def same(place: Path, record: dict[str, object]) -> bool:
    """Whether an earlier attempt has kept the same."""
    known = read_record(place)
    return known is not None and all(known.get(key) == record[key] for key in ("fork", "commits", "last", "segments"))


def read_record(place: Path) -> dict | None:
    try:
        return json.loads((place / RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return None


def summary(place: Path, record: dict | None) -> str:
    if record is None:
        return f"{place} holds WAL of a rewind that was ended before it could be sorted; see docs/aside.md"
    least = "" if record["complete"] else "at least "
    between = f" between {record['first']['at']} and {record['last']['at']}" if record["first"] else ""
    return (
        f"{least}{record['commits']} commits{between} are not in the database any more, for timeline "
        f"{record['sourceTimeline']} parted from this member's before them, at {record['fork']['lsn']}. Their WAL lies in "
        f"{place}; see docs/aside.md"
    )


def unseen(settings: Settings) -> list[str]:
    """What is kept and nobody has marked as seen yet, in words."""
    return [summary(place, read_record(place)) for place in places(settings) if not (place / SEEN).exists()]
