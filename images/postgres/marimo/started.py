"""marimo-started: Patroni's callback on_start. The member runs, so its volume is whole; a primary readies its vaults."""

import sys

from . import claim, marker, stanza, vault
from .settings import Settings, read_settings


def lacks_stanza(settings: Settings, repository: str) -> bool:
    """False if it can't be read either: what can't be told now is the next backup job's to mend."""
    try:
        return stanza.status(settings, settings.repositories[repository]).code == vault.STATUS_MISSING_STANZA_PATH
    except vault.Unreadable:
        return False


def main() -> int:
    """Patroni's arguments are the action, the role and the scope."""
    settings = read_settings()
    marker.remove(settings)
    if claim.is_contested():
        claim.give_up()
    if sys.argv[2] == "primary":
        # A repository that was added to the configuration. Asked first, because stanza-create holds the archive's lock,
        # and an archive-push that meets it waits for a minute.
        stanza.create_all(settings, [name for name in settings.repositories if lacks_stanza(settings, name)])
    return 0
