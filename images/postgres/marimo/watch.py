"""marimo-watch: looks at the member every 15 s and logs what a person must know."""

import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import claim
from .alarms import Measurement, Raised, alarms, announce
from .events import emit, warn
from .settings import Settings, read_settings

INTERVAL_SECONDS = 15.0
QUERY_SECONDS = 10

# Failing is: the last attempt failed and came after the last success. A standby archives nothing, whatever it counted when
# it led.
ARCHIVER = """
SELECT NOT pg_is_in_recovery()
       AND last_failed_time IS NOT NULL AND (last_archived_time IS NULL OR last_failed_time > last_archived_time),
       coalesce(last_failed_wal, '')
  FROM pg_stat_archiver
"""


@dataclass(frozen=True)
class Failing:
    """The archiver fails, as far as it was last seen: since when (monotonic seconds), and on which segment."""

    since: float
    segment: str


def ask_archiver(known: Failing | None) -> Failing | None:
    """None if the archiver works. While the database doesn't answer, what was known holds: silence is no recovery."""
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname=postgres", f"--command={ARCHIVER}"]
    environment = {**os.environ, "PGCONNECT_TIMEOUT": str(QUERY_SECONDS)}
    try:
        process = subprocess.run(
            command, capture_output=True, text=True, timeout=QUERY_SECONDS, check=True, env=environment
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return known
    failing, segment = process.stdout.strip().split("|")
    if failing != "t":
        return None
    return Failing(known.since if known else time.monotonic(), segment)


def size_of_files(folder: Path) -> int:
    """Bytes of the files directly in a folder; one that vanishes meanwhile counts nothing."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    total += entry.stat().st_size if entry.is_file() else 0
                except FileNotFoundError:
                    continue
    except FileNotFoundError:
        return 0
    return total


def database_missing(settings: Settings, known: bool) -> bool:
    """Whether this member has no whole database and waits for one in vain; what was known, while nobody can tell."""
    if (settings.pgdata / "global" / "pg_control").exists():
        return False
    try:
        return claim.nobody_helps()
    except (claim.Unavailable, OSError):
        return known


def measure(settings: Settings, failing: Failing | None, missing_since: float | None) -> Measurement:
    usage = shutil.disk_usage(settings.volume)
    now = time.monotonic()
    return Measurement(
        volume_bytes=usage.total,
        free_bytes=usage.free,
        wal_bytes=size_of_files(settings.pgdata / "pg_wal"),
        archive_failing_seconds=now - failing.since if failing else 0.0,
        last_failed_wal=failing.segment if failing else "",
        database_missing_seconds=now - missing_since if missing_since is not None else 0.0,
        namespace=claim.namespace(),
    )


def main() -> int:
    settings = read_settings()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    raised: dict[str, Raised] = {}
    failing: Failing | None = None
    missing_since: float | None = None
    emit("watch-start", intervalSeconds=INTERVAL_SECONDS)
    while True:
        failing = ask_archiver(failing)
        missing = database_missing(settings, missing_since is not None)
        missing_since = (missing_since or time.monotonic()) if missing else None
        lines, raised = announce(alarms(measure(settings, failing, missing_since)), raised, time.monotonic())
        for line in lines:
            warn(line)
        if ended.wait(INTERVAL_SECONDS):
            return 0
