"""marimo-scratch restore|serve: a database beside production, for restores that are tried or looked into.

`restore` runs where the repositories' keys are, and ends: it restores a backup, replays WAL up to the target and promotes.
`serve` has no keys: it serves what `restore` left, or makes an empty database for a dump. Neither archives anything.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .bootstrap import INITDB
from .events import emit, warn
from .settings import SettingsError

USAGE = "usage: marimo-scratch restore|serve"

SOCKET = "/run/postgresql"
# Recycled segments, those that are fetched ahead, and what a promotion writes.
SLACK_BYTES = 2 * 1024**3
LOOK_AGAIN_SECONDS = 0.2
LOG_LINES = 20

# Whatever the restored database's own files say: it archives nothing, follows nobody, waits for no gate, and needs no
# certificates. Without hot standby PostgreSQL doesn't ask for the primary's limits.
FIXED = {
    "archive_mode": "off",
    "archive_command": "",
    "hot_standby": "off",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "synchronous_standby_names": "",
    "ssl": "off",
    "shared_buffers": "128MB",
    "unix_socket_directories": SOCKET,
    "password_encryption": "scram-sha-256",
}
HBA = "local all all peer\nhost all all all scram-sha-256\n"

NOT_REACHED = "recovery ended before configured recovery target was reached"
KINDS = {"time": "recovery_target_time", "lsn": "recovery_target_lsn", "name": "recovery_target_name", "end": None}


@dataclass(frozen=True)
class Order:
    """What is to be restored: the backup `backup` of repository `repository`, along `timeline`, up to the target."""

    repository: int
    backup: str
    timeline: int
    kind: str
    value: str
    bytes: int


@dataclass(frozen=True)
class Place:
    """A scratch database's files; all of them lie on its volume."""

    pgdata: Path
    database: str

    @property
    def volume(self) -> Path:
        return self.pgdata.parent

    @property
    def result(self) -> Path:
        """What `restore` found, in JSON; there when it is over."""
        return self.volume / "restored.json"

    @property
    def password(self) -> Path:
        return self.volume / "password"

    @property
    def log(self) -> Path:
        return self.volume / "recovery.log"


class Failed(Exception):
    """The message says what failed and what to do."""


def read_place(environment: Mapping[str, str] = os.environ) -> Place:
    for name in ("PGDATA", "MARIMO_DATABASE"):
        if not environment.get(name):
            raise SettingsError(f"{name} is not set: the pod's manifest must set it")
    return Place(Path(environment["PGDATA"]), environment["MARIMO_DATABASE"])


def read_order(text: str) -> Order:
    """Reads MARIMO_SCRATCH. Raises SettingsError if it is missing or malformed."""
    try:
        given = json.loads(text)
        target = given["target"]
        order = Order(
            given["repository"], given["backup"], given["timeline"], target["kind"], target["value"], given["bytes"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f'MARIMO_SCRATCH="{text}" is not what is to be restored: {error!r}') from error
    sound = (
        all(type(number) is int and number > 0 for number in (order.repository, order.timeline, order.bytes))
        and re.fullmatch(r"[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?", str(order.backup))
        and order.kind in KINDS
        and isinstance(order.value, str)
    )
    if not sound:
        raise SettingsError(f'MARIMO_SCRATCH="{text}" is not what is to be restored')
    return order


def quoted(value: str) -> str:
    """A value as postgresql.conf takes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def restore_command(place: Place, stanza: str, order: Order) -> str:
    """As in the recovery of a region (bootstrap.py): only "not found" is the end of the archive."""
    get = (
        f"pgbackrest --stanza={stanza} --repo={order.repository} --pg1-path={place.pgdata} --log-level-console=error "
        'archive-get %f "%p"'
    )
    return f"{get}; status=$?; test $status -gt 1 && exit 255; exit $status"


def recovery_settings(order: Order) -> dict[str, str]:
    parameter = KINDS[order.kind]
    target = {} if parameter is None else {parameter: order.value}
    return {"recovery_target_timeline": str(order.timeline), "recovery_target_action": "promote", **target}


def write_configuration(place: Place, settings: Mapping[str, str]) -> None:
    """Beside PGDATA, for the restored one has Patroni's files in it."""
    (place.volume / "pg_hba.conf").write_text(HBA)
    lines = {"hba_file": str(place.volume / "pg_hba.conf"), "log_timezone": "UTC", "timezone": "UTC", **settings}
    (place.volume / "scratch.conf").write_text("".join(f"{name} = {quoted(value)}\n" for name, value in lines.items()))


def options(place: Place, addresses: str) -> list[str]:
    """On the command line, for what the database was told by ALTER SYSTEM goes before any file."""
    fixed = {**FIXED, "listen_addresses": addresses, "config_file": str(place.volume / "scratch.conf")}
    return [part for name, value in fixed.items() for part in ("-c", f"{name}={value}")]


def choose_password(place: Place, environment: Mapping[str, str] = os.environ) -> str:
    """The scratch database's own: production's must not open it, nor the other way round."""
    given = environment.get("MARIMO_SCRATCH_PASSWORD")
    if not given and place.password.exists():
        return place.password.read_text()
    password = given or secrets.token_urlsafe(24)
    place.password.touch(mode=0o600)
    place.password.write_text(password)
    return password


def check_space(place: Place, order: Order) -> None:
    free = shutil.disk_usage(place.volume).free
    needed = order.bytes + SLACK_BYTES
    if free < needed:
        raise Failed(
            f"backup {order.backup} takes {order.bytes / 1024**3:.1f} GiB and its recovery up to "
            f"{SLACK_BYTES / 1024**3:.0f} GiB more, but the volume has {free / 1024**3:.1f} GiB free. Nothing was restored. "
            "Give the scratch database a larger volume (--storage)"
        )


def restore_backup(place: Place, stanza: str, order: Order) -> None:
    place.pgdata.mkdir(mode=0o700)
    code = subprocess.run(
        [
            *["pgbackrest", f"--stanza={stanza}", f"--repo={order.repository}", f"--pg1-path={place.pgdata}"],
            *[f"--set={order.backup}", "--no-delta", "--archive-mode=off", "--log-level-console=warn"],
            *[f"--recovery-option=restore_command={restore_command(place, stanza, order)}", "restore"],
        ],
        stdout=sys.stderr,
    ).returncode
    if code != 0:
        raise Failed(f"restoring backup {order.backup} failed with pgBackRest's status {code}, see its error above")


def answers() -> bool:
    return subprocess.run(["pg_isready", "--quiet", f"--host={SOCKET}"]).returncode == 0


def recover(place: Place, settings: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """Replays to the end that `settings` name and promotes; the server then runs. None if it failed: the log says why."""
    write_configuration(place, settings)
    with place.log.open("wb") as log:
        server = subprocess.Popen(["postgres", "-D", str(place.pgdata), *options(place, "")], stdout=log, stderr=log)
    # Without hot standby it answers nobody before the end of the recovery, which pg_ctl would not wait for.
    while not answers():
        try:
            server.wait(LOOK_AGAIN_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return None
    return server


def tail(place: Place) -> str:
    return "\n".join(place.log.read_text(errors="replace").splitlines()[-LOG_LINES:]) if place.log.exists() else ""


def ask(statement: str) -> str:
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", f"--host={SOCKET}", "postgres"]
    return subprocess.run(command, input=statement, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def set_password(password: str) -> None:
    ask(f"SET log_statement = 'none'; ALTER ROLE postgres PASSWORD '{password.replace(chr(39), chr(39) * 2)}';")


FACTS = """
SELECT json_build_object(
    'timeline', (SELECT timeline_id FROM pg_control_checkpoint()),
    'replayedTo', pg_last_wal_replay_lsn(),
    'lastCommit', to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
"""


def restore(place: Place, stanza: str, order: Order) -> None:
    if place.result.exists():
        return
    started = time.monotonic()
    # What an attempt left that was ended.
    if place.pgdata.exists():
        shutil.rmtree(place.pgdata)
    (place.volume / "spool").mkdir(mode=0o700, exist_ok=True)
    check_space(place, order)
    emit("restore-start", repository=order.repository, backup=order.backup, bytes=order.bytes)
    restore_backup(place, stanza, order)
    copied = time.monotonic()
    emit("restore-end", seconds=round(copied - started, 2))
    server = recover(place, recovery_settings(order))
    reached = server is not None
    if not reached and order.kind == "time" and NOT_REACHED in tail(place):
        # No commit in the archive is later than the target. Then its end is all that there is to have.
        server = recover(place, recovery_settings(replace(order, kind="end")))
    if server is None:
        raise Failed(f"the recovery failed: {hint(place, order)}{tail(place)}")
    set_password(choose_password(place))
    facts = json.loads(ask(FACTS))
    server.send_signal(signal.SIGINT)
    if server.wait() != 0:
        raise Failed(f"the restored database did not shut down cleanly:\n{tail(place)}")
    result = {
        **{"backup": order.backup, "repository": order.repository, "target": {"kind": order.kind, "value": order.value}},
        **{"reached": reached, **facts},
        "seconds": {"copy": round(copied - started, 2), "recovery": round(time.monotonic() - copied, 2)},
    }
    partial = place.result.with_suffix(".partial")
    partial.write_text(json.dumps(result))
    partial.rename(place.result)
    emit("recovered", **result)


def hint(place: Place, order: Order) -> str:
    if NOT_REACHED not in tail(place):
        return ""
    return (
        f"the archive has no {order.kind} {order.value} after backup {order.backup}; if it lies before it, name an older "
        "backup (--set)\n"
    )


def make_empty(place: Place) -> None:
    """A new database with nothing in it; killed half-way, it is made anew."""
    unfinished = place.pgdata.with_name("pgdata.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    choose_password(place)
    subprocess.run([*INITDB, f"--pwfile={place.password}", "--pgdata", str(unfinished)], check=True, stdout=sys.stderr)
    single = ["postgres", "--single", "-D", str(unfinished), "postgres"]
    subprocess.run(single, input=f'CREATE DATABASE "{place.database}"\n', text=True, check=True, stdout=sys.stderr)
    unfinished.rename(place.pgdata)


def serve(place: Place) -> None:
    if not (place.pgdata / "PG_VERSION").exists():
        make_empty(place)
    write_configuration(place, {})
    os.execvp("postgres", ["postgres", "-D", str(place.pgdata), *options(place, "*")])


def main() -> int:
    try:
        place = read_place()
        if sys.argv[1:] == ["restore"]:
            restore(place, os.environ.get("MARIMO_STANZA", ""), read_order(os.environ.get("MARIMO_SCRATCH", "")))
        elif sys.argv[1:] == ["serve"]:
            serve(place)
        else:
            warn(USAGE)
            return 2
    except (Failed, SettingsError) as error:
        warn(f"marimo-scratch: {error}.")
        return 1
    return 0
