"""marimo-rewind: Patroni's pg_rewind. Keeps what a rewind would drop, then becomes pg_rewind."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

from . import aside
from .events import warn
from .settings import Settings, read_settings

PG_REWIND = "pg_rewind"
CONNECT_SECONDS = 10
AGAIN_SECONDS = 5.0
# A primary's own timeline, and the one that a standby's recovery had reached.
TIMELINES = re.compile(r"^(?:Latest checkpoint's TimeLineID|Min recovery ending loc's timeline): *(\d+)$", re.MULTILINE)


def own_timeline(settings: Settings) -> int:
    output = subprocess.run(
        ["pg_controldata", str(settings.pgdata)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    return max(map(int, TIMELINES.findall(output)))


def own_history(settings: Settings, timeline: int) -> aside.History:
    file = settings.pgdata / "pg_wal" / f"{timeline:08X}.history"
    return aside.history(timeline, file.read_text() if timeline > 1 else "")


def source_history(connection_string: str) -> aside.History:
    """Asks the source by the rights that pg_rewind needs anyway."""
    connection = psycopg2.connect(connection_string, connect_timeout=CONNECT_SECONDS)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT timeline_id FROM pg_control_checkpoint()")
            timeline: int = cursor.fetchone()[0]
            if timeline == 1:
                return aside.history(1, "")
            cursor.execute("SELECT pg_read_binary_file(%s)", (f"pg_wal/{timeline:08X}.history",))
            return aside.history(timeline, bytes(cursor.fetchone()[0]).decode())
    finally:
        connection.close()


def argument(arguments: list[str], name: str) -> str | None:
    """The value of an option that is written as `--name value` or `--name=value`."""
    for index, text in enumerate(arguments):
        if text == name and index + 1 < len(arguments):
            return arguments[index + 1]
        if text.startswith(f"{name}="):
            return text.removeprefix(f"{name}=")
    return None


def keep(settings: Settings, connection_string: str) -> None:
    """Raises NotKept if pg_rewind must not run."""
    staging = hold(settings)
    try:
        aside.keep(settings, own_history(settings, own_timeline(settings)), source_history(connection_string), staging)
    except psycopg2.Error as error:
        raise aside.NotKept(f"the source can't be asked for its history: {str(error).strip()}") from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise aside.NotKept(f"what only this member has can't be sorted out: {error}") from error


def hold(settings: Settings) -> Path:
    """Waits where it can't: on any end of this program Patroni may remove the data directory."""
    while True:
        try:
            return aside.link_all(settings)
        except OSError as error:
            warn(f"ALARM aside: the member's WAL can't be kept: {error}. It is not rewound before it is.")
            time.sleep(AGAIN_SECONDS)


def main() -> int:
    arguments = sys.argv[1:]
    source = argument(arguments, "--source-server")
    # Without a source, as with --help, by which Patroni asks whether a rewind is possible, nothing is dropped.
    if source is not None:
        try:
            keep(read_settings(), source)
        except aside.NotKept as error:
            warn(
                f"ALARM aside: {error}. This member is not rewound; Patroni removes its data directory and copies the database "
                "anew. Its WAL stays in the folder aside of its volume, see docs/aside.md."
            )
            return 1
    os.execvp(PG_REWIND, [PG_REWIND, *arguments])
