"""marimo-watch: looks at the member every 15 s and logs what a person must know."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import aside, claim, marker, member
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


def has_database(settings: Settings) -> bool:
    return (settings.pgdata / "global" / "pg_control").exists()


def database_missing(settings: Settings, known: bool) -> bool:
    """Whether this member has no whole database and waits for one in vain; what was known, while nobody can tell."""
    if has_database(settings):
        return False
    try:
        return claim.nobody_helps()
    except (claim.Unavailable, OSError):
        return known


@dataclass
class Postgres:
    """What was seen of PostgreSQL: times are when a state began (monotonic seconds), None while it is not so."""

    silent: float | None = None
    starting: float | None = None
    stuck: float | None = None
    standing: member.Standing | None = None
    starts: Sequence[member.Start] = ()

    def look(self, settings: Settings) -> None:
        now = time.monotonic()
        answer, standing = member.ask()
        # While it is copied or restored it is not expected to answer.
        whole = has_database(settings) and marker.read(settings) is None
        self.silent = (self.silent or now) if whole and answer is member.Answer.SILENT else None
        self.starting = (self.starting or now) if whole and answer is member.Answer.STARTING else None
        if standing is not None:
            self.stuck = None if member.gets_on(standing, self.standing) else (self.stuck or now)
            self.standing = standing
        self.starts = member.remember(self.starts, member.postmaster_start(settings), now)


def may_archive() -> bool:
    return subprocess.run(["marimo-may-archive"], stderr=subprocess.DEVNULL).returncode == 0


def since(moment: float | None) -> float:
    return time.monotonic() - moment if moment is not None else 0.0


def measure(
    settings: Settings, failing: Failing | None, missing_since: float | None, postgres: Postgres
) -> Measurement:
    usage = shutil.disk_usage(settings.volume)
    return Measurement(
        volume_bytes=usage.total,
        free_bytes=usage.free,
        wal_bytes=size_of_files(settings.pgdata / "pg_wal"),
        archive_failing_seconds=since(failing.since if failing else None),
        last_failed_wal=failing.segment if failing else "",
        database_missing_seconds=since(missing_since),
        namespace=claim.namespace(),
        silent_seconds=since(postgres.silent),
        starting_seconds=since(postgres.starting),
        restarts=max(0, len(postgres.starts) - 1),
        stuck_seconds=since(postgres.stuck),
        streams=postgres.standing is not None and postgres.standing.streams,
        aside=tuple(aside.unseen(settings)),
        may_archive=may_archive(),
    )


def main() -> int:
    settings = read_settings()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    raised: dict[str, Raised] = {}
    failing: Failing | None = None
    missing_since: float | None = None
    postgres = Postgres()
    emit("watch-start", intervalSeconds=INTERVAL_SECONDS)
    while True:
        failing = ask_archiver(failing)
        missing = database_missing(settings, missing_since is not None)
        missing_since = (missing_since or time.monotonic()) if missing else None
        postgres.look(settings)
        found = alarms(measure(settings, failing, missing_since, postgres))
        lines, raised = announce(found, raised, time.monotonic())
        for line in lines:
            warn(line)
        if ended.wait(INTERVAL_SECONDS):
            return 0
