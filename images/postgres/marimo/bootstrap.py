"""marimo-bootstrap: Patroni's custom bootstrap. Restores, initializes, or stops, as decision.py says."""

import os
import subprocess
import sys
import time
from pathlib import Path

from . import claim, marker, stanza
from .decision import Action, Decision, decide
from .events import emit, warn
from .marker import Unfinished
from .settings import Settings, SettingsError, read_settings
from .vault import Observation, State, observe_all

TERMINATION_LOG = Path("/dev/termination-log")

INITDB = [
    "initdb",
    "--data-checksums",
    "--encoding=UTF8",
    # PostgreSQL's own collation: it never changes with the image's C library, so no index ever has to be rebuilt for it.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C.UTF-8",
    "--auth-local=peer",
    "--auth-host=scram-sha-256",
    "--username=postgres",
]


def restore_command(settings: Settings, sources: list[Observation]) -> str:
    """PostgreSQL's restore_command during the recovery.

    PostgreSQL takes any exit status up to 125 for "no such file, so this is the end of the archive" and promotes. Only
    pgBackRest's 1 means that; everything else (a store that dies in the middle) must end the recovery, not the WAL.
    https://www.postgresql.org/docs/17/continuous-archiving.html#BACKUP-PITR-RECOVERY
    """
    repository = f" --repo={sources[0].number}" if len(sources) == 1 < len(settings.repositories) else ""
    get = f'pgbackrest --stanza={settings.stanza}{repository} --log-level-console=error archive-get %f "%p"'
    return f"{get}; status=$?; test $status -gt 1 && exit 255; exit $status"


def run(command: list[str]) -> int:
    return subprocess.run(command, stdout=sys.stderr).returncode


def restore(settings: Settings, decision: Decision) -> int:
    source = decision.source
    if source is None or source.backup is None or decision.end is None:
        raise ValueError(f"a restore without a source: {decision}")
    started = time.monotonic()
    emit("restore-start", repository=source.repository, backup=source.backup.label, bytes=source.backup.database_bytes)
    code = run(
        [
            "pgbackrest",
            f"--stanza={settings.stanza}",
            f"--repo={source.number}",
            "--no-delta",
            "--log-level-console=warn",
            f"--set={source.backup.label}",
            *([f"--target-timeline={decision.timeline}"] if decision.timeline is not None else []),
            f"--recovery-option=restore_command={restore_command(settings, list(decision.wal_sources))}",
            "restore",
        ]
    )
    emit("restore-end", repository=source.repository, seconds=round(time.monotonic() - started, 2), exitStatus=code)
    if code != 0:
        report(
            f"repository {source.repository}: restoring backup {source.backup.label} failed with pgBackRest's status {code}, "
            "see its error above. Nothing has been written to any repository. It is tried again when the container restarts; "
            "if it is not a passing fault, name the other repository with `pulumi config set marimo-dr:restoreFrom NAME` and "
            "`pulumi up`."
        )
        return 1
    # A lost cluster's cache of Patroni's configuration; its ConfigMap is the only truth.
    (settings.pgdata / "patroni.dynamic.json").unlink(missing_ok=True)
    return 0


def initialize(settings: Settings) -> int:
    emit("initialize-start")
    code = run([*INITDB, "--pgdata", str(settings.pgdata)])
    emit("initialize-end", exitStatus=code)
    if code != 0:
        return 1
    # From here on the vaults know this database; if it does not come up at once, the next attempt must not make another.
    marker.write(settings, Unfinished.INITIALIZED)
    return 0


def resume(settings: Settings) -> int:
    """Goes on with the database that an ended attempt had initialized."""
    emit("initialize-resumed")
    if settings.pgdata.exists():
        settings.pgdata.rmdir()
    marker.set_aside(settings).rename(settings.pgdata)
    stanza.create_all(settings, settings.repositories, "--no-online")
    return 0


def report(message: str) -> None:
    """Says it where `kubectl logs` and `kubectl describe pod` show it."""
    warn(f"ALARM bootstrap: {message}")
    # Only Kubernetes makes this file; elsewhere the log is enough.
    if TERMINATION_LOG.exists() and os.access(TERMINATION_LOG, os.W_OK):
        TERMINATION_LOG.write_text(message)


def main() -> int:
    try:
        settings = read_settings()
    except SettingsError as error:
        report(str(error))
        return 1
    if not claim.is_contested():
        return bootstrap(settings)
    try:
        claim.take()
    except claim.Held as error:
        warn(f"WARNING bootstrap: {error}, so this member does not; it has written nothing.")
        return 1
    code = bootstrap(settings)
    if code != 0:
        claim.give_up()
    return code


def may_write() -> bool:
    """Whether this region may have a database that takes writes, by the writer's lease; if not, says why."""
    if os.environ.get("MARIMO_FENCING") != "lease":
        return True
    # This member has no copy of the settings yet, so what an operator declared lost is asked of Kubernetes.
    words = claim.shared_settings().get("marimo_confirm_lost", "") if claim.is_contested() else ""
    reason = ""
    with subprocess.Popen(["marimo-fence", "may-start", words], stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            reason = line.strip()
            warn(reason)
    if process.returncode == 0:
        return True
    report(
        f"this region may not become the writer: {reason}. Nothing has been written anywhere. If the other region is the "
        "writer now, make this one follow it: `pulumi config set marimo-dr:role standby`. Then `pulumi up`."
    )
    return False


def bootstrap(settings: Settings) -> int:
    if not may_write():
        return 1
    if marker.read(settings) is Unfinished.INITIALIZED and marker.set_aside(settings).exists():
        return resume(settings)
    started = time.monotonic()
    observations = observe_all(settings)
    decision = decide(observations, settings.restore_from, settings.restore_timeline)
    emit(
        "decision",
        action=decision.action.value,
        message=decision.message,
        seconds=round(time.monotonic() - started, 2),
        repository=decision.source.repository if decision.source else None,
        walFrom=[source.repository for source in decision.wal_sources],
        walEnd=decision.end.name if decision.end else None,
    )
    for text in decision.warnings:
        warn(f"WARNING bootstrap: {text}")
    if decision.action is Action.STOP:
        report(decision.message)
        return 1
    settings.pgdata.mkdir(mode=0o700, exist_ok=True)
    marker.write(settings, Unfinished.COPYING)
    code = restore(settings, decision) if decision.action is Action.RESTORE else initialize(settings)
    if code == 0:
        # Before PostgreSQL runs: its first archive-push would meet stanza-create's lock and wait for a minute.
        empty = [observed.repository for observed in observations if observed.state is State.EMPTY]
        stanza.create_all(settings, empty, "--no-online")
    return code
