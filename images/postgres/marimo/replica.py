"""marimo-replica: Patroni's way to build a replica from a repository instead of from the primary."""

import subprocess
import sys

from . import claim, marker
from .events import emit, warn
from .marker import Unfinished
from .settings import read_settings

# A dead repository should cost a new replica seconds: Patroni then copies from the primary (create_replica_methods).
IO_TIMEOUT_SECONDS = 10


def main() -> int:
    settings = read_settings()
    if claim.is_contested() and claim.read().initialize == "":
        # A standby region's first member: nobody may take Patroni's note away before it is done (see claim.py).
        try:
            claim.take()
        except claim.Held as error:
            warn(f"WARNING replica: {error}, so this member does not restore; Patroni goes on to copy from the leader.")
            return 1
    number = settings.repositories[settings.restore_from]
    settings.pgdata.mkdir(mode=0o700, exist_ok=True)
    marker.write(settings, Unfinished.COPYING)
    command = ["pgbackrest", f"--stanza={settings.stanza}", f"--repo={number}", f"--io-timeout={IO_TIMEOUT_SECONDS}"]
    # What an interrupted attempt left is kept and compared, so that only the rest is fetched.
    delta = "--delta" if (settings.pgdata / "PG_VERSION").exists() else "--no-delta"
    process = subprocess.run(
        [*command, "--type=standby", delta, "--log-level-console=warn", "restore"], stdout=sys.stderr
    )
    emit("replica-restore-end", repository=settings.restore_from, exitStatus=process.returncode)
    return process.returncode
