"""Makes repositories ready to take WAL and backups."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from . import pgbackrest, vault
from .events import emit, warn
from .settings import Settings

# stanza-create reads and writes a few small files; this outlasts a slow store, and a dead one costs it only once.
SECONDS = 60


def create(settings: Settings, number: int, *options: str) -> pgbackrest.Result:
    """Creates the stanza in one repository; changes nothing where it is. With --no-online PostgreSQL need not run."""
    with pgbackrest.only_repository(number) as environment:
        arguments = [
            f"--stanza={settings.stanza}",
            f"--io-timeout={vault.IO_TIMEOUT_SECONDS}",
            *options,
            "stanza-create",
        ]
        return pgbackrest.run(arguments, SECONDS, environment)


def create_all(settings: Settings, repositories: Iterable[str], *options: str) -> None:
    """Creates the stanza where it can; where not, says so.

    Not a reason to keep the database down: WAL waits on the volume, and every backup job tries this again.
    """
    for repository in repositories:
        result = create(settings, settings.repositories[repository], *options)
        emit("stanza", repository=repository, exitStatus=result.code)
        if result.code != 0:
            warn(
                f"ALARM stanza: repository {repository} takes no WAL: stanza-create failed ({vault.shorten(result.error)}). "
                "The database runs and WAL waits on its volume. Mend the repository; the next backup job creates the stanza, "
                "or at once: kubectl create job --from=cronjob/postgres-basebackup-full full-now"
            )


@dataclass(frozen=True)
class Status:
    """`code` is pgBackRest's for the stanza; `newest` the end of the newest backup, in seconds since 1970."""

    code: int
    newest: int | None


def status(settings: Settings, number: int) -> Status:
    """How the stanza is in one repository; raises Unreadable if the repository can't be read."""
    output = vault.ask(settings, number, f"--stanza={settings.stanza}", "info", "--output=json")
    info = json.loads(output, strict=False)[0]
    found = next(repo["status"] for repo in info["repo"] if repo["key"] == number)
    if found["code"] not in (vault.STATUS_OK, vault.STATUS_MISSING_STANZA_PATH, vault.STATUS_NO_BACKUP):
        raise vault.Unreadable(found["message"])
    newest = info["backup"][-1]["timestamp"]["stop"] if found["code"] == vault.STATUS_OK else None
    return Status(found["code"], newest)
