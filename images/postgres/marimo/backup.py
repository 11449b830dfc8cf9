"""marimo-backup full|diff|first: backs up into each repository, from a pod that reaches the members over TLS."""

import subprocess
import sys
from dataclasses import dataclass

from . import stanza, vault
from .decision import remedy
from .events import emit, warn
from .settings import Settings, read_settings

USAGE = "usage: marimo-backup full|diff|first"


@dataclass(frozen=True)
class Failure:
    repository: str
    cause: str
    remedy: str


def failure(repository: str, message: str) -> Failure:
    state = vault.state_of_error(message)
    observed = vault.Observation(repository, 0, state)
    return Failure(repository, vault.shorten(message), remedy(observed))


def back_up(settings: Settings, repository: str, number: int, kind: str) -> Failure | None:
    """Makes one backup; None if it succeeded."""
    command = [
        "pgbackrest",
        f"--stanza={settings.stanza}",
        f"--repo={number}",
        f"--type={kind}",
        "--log-level-stderr=error",
    ]
    # What pgBackRest says is passed on as it comes, and its errors are remembered for the summary.
    process = subprocess.Popen([*command, "backup"], stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    errors: list[str] = []
    for line in process.stderr or ():
        sys.stderr.write(line)
        errors.append(line)
    if process.wait() != 0:
        return failure(repository, "".join(errors) or f"pgbackrest ended with status {process.returncode}")
    return None


def attempt(settings: Settings, repository: str, number: int, kind: str) -> Failure | None:
    """What `kind` asks for in one repository; a failure is returned, so that the next repository gets its backup."""
    emit("backup-start", repository=repository, kind=kind)
    try:
        status = stanza.status(settings, number)
    except vault.Unreadable as error:
        return failure(repository, str(error))
    if kind == "first" and status == vault.STATUS_OK:
        emit("backup-skipped", repository=repository, reason="it has a backup")
        return None
    # Only where it is missing: stanza-create takes locks that a running archive-push or backup may hold.
    created = stanza.create(settings, number) if status == vault.STATUS_MISSING_STANZA_PATH else None
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
