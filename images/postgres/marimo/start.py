"""marimo-postgres: readies the volume, then becomes Patroni."""

import os
import subprocess
from enum import Enum

from . import aside, claim, marker
from .events import emit
from .marker import Unfinished
from .settings import Settings, read_settings

PATRONI = ["patroni", str(claim.PATRONI_CONFIGURATION)]


class Remains(Enum):
    """What a killed predecessor of this container left on the volume."""

    WHOLE = "nothing unfinished"
    UNFINISHED_REPLICA = "a replica that is not whole"
    UNFINISHED_RESTORE = "a restore that was not over"
    UNFINISHED_INITIALIZATION = "a new database that was not up yet"


def judge(unfinished: Unfinished | None, initialize: str | None, control_file: bool) -> Remains:
    """`initialize` is the annotation of Patroni's ConfigMap: the database's system identifier; empty while a member
    bootstraps the cluster; None before. `control_file`: whether PGDATA has pg_control, which every copy writes last."""
    if unfinished is None:
        return Remains.WHOLE
    if initialize:
        # The cluster has its database: either this member brought it up and was killed before it could remove the marker,
        # or it was on the way to become a replica.
        return Remains.WHOLE if control_file else Remains.UNFINISHED_REPLICA
    if unfinished is Unfinished.INITIALIZED:
        return Remains.UNFINISHED_INITIALIZATION
    # Even with pg_control there: it may be replaying, and Patroni would promote it before the end of the archive.
    return Remains.UNFINISHED_RESTORE


def clean_up(settings: Settings, unfinished: Unfinished) -> None:
    """Makes a volume whose member was ended half-way usable again. Killed in the middle, the next start does the rest."""
    remains = judge(unfinished, claim.read().initialize, (settings.pgdata / "global" / "pg_control").exists())
    emit("remains", found=remains.value)
    if remains is Remains.UNFINISHED_INITIALIZATION:
        left = next(
            (place for place in (settings.pgdata, marker.failed(settings)) if (place / "PG_VERSION").exists()), None
        )
        if left is not None:
            marker.remove_tree(marker.set_aside(settings))
            left.rename(marker.set_aside(settings))
        return
    if remains is not Remains.WHOLE:
        marker.remove_tree(settings.pgdata)
    marker.remove(settings)


def ready_volume(settings: Settings) -> None:
    unfinished = marker.read(settings)
    if unfinished is not None:
        clean_up(settings, unfinished)
    # Patroni keeps what a failed bootstrap left; the next attempt needs its space, and the vaults hold the original.
    marker.remove_tree(marker.failed(settings))
    aside.prepare(settings)
    (settings.volume / "spool").mkdir(mode=0o700, exist_ok=True)
    # Last: whoever bootstraps next must find this volume in order.
    claim.take_back()


def main() -> int:
    ready_volume(read_settings())
    emit("start")
    if os.environ.get("MARIMO_FENCING") == "lease":
        # Not waited for: it lives as long as the container does.
        subprocess.Popen(["marimo-archive-guard"])
    os.execvp(PATRONI[0], PATRONI)
