"""marimo-started: Patroni's callback on_start. The member runs, so its volume is whole; a primary readies the repositories."""

import sys

from . import marker, stanza
from .events import emit, warn
from .pgbackrest import one_line
from .settings import read_settings


def main() -> int:
    """Patroni's arguments are the action, the role and the scope."""
    settings = read_settings()
    marker.remove(settings)
    if sys.argv[2] != "primary":
        return 0
    for repository, number in settings.repositories.items():
        result = stanza.create(settings, number)
        emit("stanza", repository=repository, exitStatus=result.code)
        if result.code != 0:
            # Not a reason to keep the database down: WAL waits on the volume, and every backup job tries this again.
            warn(
                f"ALARM stanza: repository {repository} takes no WAL: stanza-create failed ({one_line(result.error)}). The database "
                "runs and WAL waits on its volume; mend the repository, then the next backup job creates the stanza, or "
                f"now: kubectl create job --from=cronjob/postgres-basebackup-full ready-{repository}"
            )
    return 0
