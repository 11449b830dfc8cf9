"""marimo-promote: Patroni's pre_promote. Waits for the writer's lease, and sees to it that the archive gets no hole."""

import os
import signal
import subprocess
from pathlib import Path

from . import wal
from .events import emit
from .settings import read_settings


def may_promote() -> bool:
    """As long as the region's role is primary this waits; the fence says no when it has become standby again."""
    if os.environ.get("MARIMO_FENCING") != "lease":
        return True
    return subprocess.run(["marimo-fence", "may-promote"]).returncode == 0


def mark_for_archive(pg_wal: Path) -> int:
    """Marks the newest timeline's whole segments to be archived again, and returns how many.

    A standby takes what was streamed to it for archived. What its leader had not archived when it was lost would never be: a hole,
    at which a restore stops. pgBackRest leaves out what it has, so nobody needs to ask the stores, which may be away now.
    """
    status = pg_wal / "archive_status"
    done = {segment: path for path in status.glob("*.done") if (segment := wal.parse_segment(path.stem))}
    newest = max((segment.timeline for segment in done), default=0)
    marked = 0
    for segment, path in done.items():
        if segment.timeline == newest and (pg_wal / path.stem).exists():
            path.rename(path.with_suffix(".ready"))
            marked += 1
    return marked


def main() -> int:
    if not may_promote():
        # Patroni, whose child this is, would remember the refusal and leave the next promotion to a member that follows nobody.
        os.kill(os.getppid(), signal.SIGTERM)
        return 1
    emit("promote", segmentsToArchive=mark_for_archive(read_settings().pgdata / "pg_wal"))
    return 0
