"""How PostgreSQL on this member is, from looks some seconds apart."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .settings import Settings

QUERY_SECONDS = 10
# Restarts are counted over this time: a change of the configuration makes one or two.
RESTARTS_SECONDS = 600.0

STANDING = """
SELECT json_build_object(
    'standby', pg_is_in_recovery(),
    'replayed', coalesce(pg_last_wal_replay_lsn() - '0/0', 0),
    'received', coalesce(pg_last_wal_receive_lsn() - '0/0', 0),
    'streams', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'))
"""


class Answer(Enum):
    ANSWERS = "answers"
    # It says that it recovers, or shuts down.
    STARTING = "starting"
    SILENT = "silent"


@dataclass(frozen=True)
class Standing:
    """`replayed` and `received` are positions of a standby, `streams` whether it is connected to the one that it follows."""

    standby: bool
    replayed: int
    received: int
    streams: bool


@dataclass(frozen=True)
class Start:
    """A start of the postmaster, and when it was last seen running (monotonic seconds)."""

    seen: float
    start: str


def ask() -> tuple[Answer, Standing | None]:
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname=postgres", f"--command={STANDING}"]
    environment = {**os.environ, "PGCONNECT_TIMEOUT": str(QUERY_SECONDS), "LC_ALL": "C"}
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=QUERY_SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        return Answer.SILENT, None
    if process.returncode != 0:
        return (Answer.STARTING if "the database system is" in process.stderr else Answer.SILENT), None
    return Answer.ANSWERS, Standing(**json.loads(process.stdout))


def gets_on(now: Standing, before: Standing | None) -> bool:
    """Whether a standby does its work: it replays, or is connected and has replayed all that it got, as with an idle leader."""
    if not now.standby or before is None or now.replayed > before.replayed:
        return True
    return now.streams and now.replayed >= now.received


def postmaster_start(settings: Settings) -> str | None:
    """When the running postmaster started, as it writes it; None while there is none."""
    try:
        return (settings.pgdata / "postmaster.pid").read_text().splitlines()[2]
    except (FileNotFoundError, IndexError):
        return None


def remember(starts: Sequence[Start], start: str | None, now: float) -> list[Start]:
    """The starts that were seen running within the last RESTARTS_SECONDS, `start` among them."""
    recent = [known for known in starts if now - known.seen < RESTARTS_SECONDS and known.start != start]
    return recent if start is None else [*recent, Start(now, start)]
