"""Makes a repository ready to take WAL and backups."""

from . import pgbackrest
from .settings import Settings

# stanza-create reads and writes a few small files; this outlasts a slow store, and a dead one costs it only once.
SECONDS = 60
IO_TIMEOUT_SECONDS = 10


def create(settings: Settings, number: int) -> pgbackrest.Result:
    """Creates the stanza in one repository; changes nothing where it is."""
    with pgbackrest.only_repository(number) as environment:
        arguments = [f"--stanza={settings.stanza}", f"--io-timeout={IO_TIMEOUT_SECONDS}", "stanza-create"]
        return pgbackrest.run(arguments, SECONDS, environment)
