"""marimo-replica: Patroni's way to build a replica from a repository instead of from the primary."""

from . import claim, marker, pgbackrest, vault
from .decision import remedy
from .events import emit, warn
from .marker import Unfinished
from .settings import Settings, read_settings

# A dead repository should cost a new replica seconds: Patroni then copies from the primary (create_replica_methods).
IO_TIMEOUT_SECONDS = 10


def backup_set(settings: Settings, number: int) -> list[str]:
    """The backup to take where an operator chose a timeline: the newest may be of the one that was left."""
    if settings.restore_timeline is None:
        return []
    observed = vault.observe(settings, settings.restore_from, number)
    return [f"--set={observed.backup.label}"] if observed.backup is not None else []


def unreadable(repository: str, message: str) -> str:
    """What it means that a replica can't be built from the repository."""
    observed = vault.Observation(repository, 0, vault.state_of_error(message))
    return (
        f"ALARM replica: repository {repository} could not be read ({vault.shorten(message)}), so this member is copied from the "
        "one that it follows instead; in a region that follows the other, all of the database crosses between the regions. "
        "And this member could not go on from that repository if its connection broke. What to do: "
        f"{remedy(observed)}. Then `pulumi up`."
    )


def main() -> int:
    settings = read_settings()
    if claim.is_contested() and claim.read().initialize == "":
        # A standby region's first member: nobody may take Patroni's note away before it is done (see claim.py). While another
        # one copies this one waits, for Patroni would take a failure as a reason to copy from the other region.
        claim.take_in_turn()
    number = settings.repositories[settings.restore_from]
    chosen = backup_set(settings, number)
    settings.pgdata.mkdir(mode=0o700, exist_ok=True)
    marker.write(settings, Unfinished.COPYING)
    # What an interrupted attempt left is kept and compared, so that only the rest is fetched.
    delta = "--delta" if (settings.pgdata / "PG_VERSION").exists() else "--no-delta"
    options = [f"--stanza={settings.stanza}", f"--repo={number}", f"--io-timeout={IO_TIMEOUT_SECONDS}", *chosen, delta]
    result = pgbackrest.run_aloud([*options, "--type=standby", "--log-level-console=warn", "restore"])
    emit("replica-restore-end", repository=settings.restore_from, exitStatus=result.code)
    if result.code != 0:
        warn(unreadable(settings.restore_from, result.error or f"pgbackrest ended with status {result.code}"))
    return result.code
