"""The note on the volume that PGDATA is not whole yet: written before the first byte, removed when the member runs.

Without it a member killed in the middle of a restore is stuck for ever: Patroni sees a data directory that is neither
empty nor a database, and in the cluster's ConfigMap that somebody is already initializing.
"""

import shutil
from enum import Enum
from pathlib import Path

from .settings import Settings


class Unfinished(Enum):
    """What is going on. A restore or a replica is begun anew; a new database is kept, for its stanza is in the vaults."""

    COPYING = "copying"
    INITIALIZED = "initialized"


def path(settings: Settings) -> Path:
    return settings.volume / "bootstrap-unfinished"


def set_aside(settings: Settings) -> Path:
    """Where a new database waits for the next attempt to bring it up."""
    return settings.pgdata.with_name(settings.pgdata.name + ".initialized")


def failed(settings: Settings) -> Path:
    """Where Patroni puts PGDATA when a bootstrap fails."""
    return settings.pgdata.with_name(settings.pgdata.name + ".failed")


def write(settings: Settings, unfinished: Unfinished) -> None:
    path(settings).write_text(unfinished.value)


def read(settings: Settings) -> Unfinished | None:
    try:
        return Unfinished(path(settings).read_text() or Unfinished.COPYING.value)
    except FileNotFoundError:
        return None


def remove(settings: Settings) -> None:
    path(settings).unlink(missing_ok=True)


def remove_tree(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
