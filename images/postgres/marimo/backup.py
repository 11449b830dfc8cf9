"""marimo-backup full|diff|first: backs up into each repository, from a pod that reaches the members over TLS."""

import re
import sys
import time
from dataclasses import dataclass

from . import pgbackrest, stanza, vault
from .decision import remedy
from .events import emit, warn
from .settings import Settings, read_settings

USAGE = "usage: marimo-backup full|diff|first"

# A day, and some hours for the daily job to run in. An older backup is from before an outage or from a repository that was
# left out for a while: without the WAL of that time it leads nowhere near to now.
RECENT_SECONDS = 30 * 3600

# Errors that are not the repository's, whatever else their text says, and what to do about them.
NOT_THE_REPOSITORY = [
    (
        re.compile(r"was not archived before"),
        "WAL reaches the repositories too late or not at all, see the alarms in `kubectl logs postgres-0 -c watch`, "
        "of the member that leads",
    ),
    (
        re.compile(r"unable to find (?:primary|standby) cluster|postgres-members"),
        "the database is what can't be reached, see `kubectl get pods --selector app=postgres`",
    ),
]


@dataclass(frozen=True)
class Failure:
    repository: str
    cause: str
    remedy: str


def failure(repository: str, message: str) -> Failure:
    ours = next((what for pattern, what in NOT_THE_REPOSITORY if pattern.search(message)), None)
    observed = vault.Observation(repository, 0, vault.state_of_error(message))
    return Failure(repository, vault.shorten(message), ours or remedy(observed))


def back_up(settings: Settings, repository: str, number: int, kind: str) -> Failure | None:
    """Makes one backup; None if it succeeded."""
    arguments = [f"--stanza={settings.stanza}", f"--repo={number}", f"--type={kind}", "backup"]
    result = pgbackrest.run_aloud(arguments)
    if result.code != 0:
        return failure(repository, result.error or f"pgbackrest ended with status {result.code}")
    return None


def attempt(settings: Settings, repository: str, number: int, kind: str) -> Failure | None:
    """What `kind` asks for in one repository; a failure is returned, so that the next repository gets its backup."""
    emit("backup-start", repository=repository, kind=kind)
    try:
        status = stanza.status(settings, number)
    except vault.Unreadable as error:
        return failure(repository, str(error))
    if kind == "first" and status.newest is not None and time.time() - status.newest < RECENT_SECONDS:
        emit("backup-skipped", repository=repository, reason="it has a recent backup")
        return None
    # Only where it is missing: stanza-create takes locks that a running archive-push or backup may hold.
    created = stanza.create(settings, number) if status.code == vault.STATUS_MISSING_STANZA_PATH else None
    if created is not None and created.code != 0:
        return failure(repository, f"stanza-create: {created.error}")
    failed = back_up(settings, repository, number, "full" if kind == "first" else kind)
    emit("backup-end", repository=repository, kind=kind, succeeded=failed is None)
    return failed


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in ("full", "diff", "first"):
        warn(USAGE)
        return 2
    settings = read_settings()
    attempts = [attempt(settings, name, number, sys.argv[1]) for name, number in settings.repositories.items()]
    failures = [failed for failed in attempts if failed is not None]
    for failed in failures:
        warn(f"FAILED {failed.repository}: {failed.cause}. What to do: {failed.remedy}. Then run the job again.")
    return 1 if failures else 0
