"""The note on the volume that PGDATA is not whole yet: written before the first byte, removed when the member runs.

Without it a member killed in the middle of a restore is stuck for ever: Patroni sees a data directory that is neither
empty nor a database, and in the cluster's ConfigMap that somebody is already initializing.
"""

import shutil
from pathlib import Path

from .settings import Settings


def path(settings: Settings) -> Path:
    return settings.volume / "bootstrap-unfinished"


def write(settings: Settings) -> None:
    path(settings).touch()


def remove(settings: Settings) -> None:
    path(settings).unlink(missing_ok=True)


def exists(settings: Settings) -> bool:
    return path(settings).exists()


def empty(folder: Path) -> None:
    """Removes what is in a folder, but not the folder."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
