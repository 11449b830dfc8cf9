"""marimo-archive-end: how far this member has come, against what the archive holds of its timeline.

For a promotion: PostgreSQL takes every failure of restore_command for the end of the archive, also a store that does not
answer, and would promote short of it. While a standby follows that does no harm, for it tries again.
"""

import json
import os
import subprocess

from . import vault, wal
from .settings import Settings, read_settings

QUERY_SECONDS = 10
# The timeline of the last restartpoint is the one that is replayed, but for the moment after a switch.
POSITION = """
SELECT CASE WHEN pg_is_in_recovery()
            THEN (SELECT greatest(timeline_id, coalesce((SELECT received_tli FROM pg_stat_wal_receiver), 0))
                    FROM pg_control_checkpoint())
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn
"""


def ask_position() -> tuple[int, int]:
    """(timeline, replayed or written position). Raises CalledProcessError or TimeoutExpired."""
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname=postgres", f"--command={POSITION}"]
    environment = {**os.environ, "PGCONNECT_TIMEOUT": str(QUERY_SECONDS)}
    output = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=QUERY_SECONDS, check=True, env=environment
    ).stdout
    timeline, position = output.strip().split("|")
    return int(timeline), int(position)


def reached(position: int, newest: wal.Segment | None) -> str:
    """Whether `position` is past what the archive holds: "yes", "no", or "within" its newest segment: that is the end where
    the last record goes on in a segment that was never archived, which names can't tell."""
    if newest is None or position >= (newest.number + 1) * wal.SEGMENT_BYTES:
        return "yes"
    return "within" if position > newest.number * wal.SEGMENT_BYTES else "no"


def newest_segment(settings: Settings, number: int, timeline: int) -> wal.Segment | None:
    """The newest archived segment of the timeline; None if there is none. Raises vault.Unreadable."""
    root = vault.archive_root(settings, number)
    folders = [name for name in vault.list_folder(settings, number, root) if name[:8] == f"{timeline:08X}"]
    names = vault.list_folder(settings, number, f"{root}/{max(folders)}") if folders else []
    return max(filter(None, map(wal.parse_segment, names)), default=None)


def look(settings: Settings, number: int, timeline: int, position: int) -> dict[str, object]:
    try:
        newest = newest_segment(settings, number, timeline)
    except vault.Unreadable as error:
        return {"error": vault.shorten(str(error))}
    return {"newest": newest.name if newest else None, "reached": reached(position, newest)}


def main() -> int:
    """Prints {"timeline", "position", "repositories": {name: {"newest", "reached"} or {"error"}}}; 0 if one could be read."""
    settings = read_settings()
    timeline, position = ask_position()
    found = vault.each(settings, lambda _, number: look(settings, number, timeline, position))
    print(json.dumps({"timeline": timeline, "position": wal.written(position), "repositories": found}))
    return 0 if any("error" not in answer for answer in found.values()) else 1
