"""marimo-aside FOLDER BACKUP: a scratch copy of the database that has the writes which were kept aside, to look at them."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import aside, wal
from .events import warn
from .settings import Settings, read_settings

USAGE = "usage: marimo-aside FOLDER BACKUP (names from `ls aside` and `pgbackrest info`), or marimo-aside --remove"

PORT = 5499
SOCKET = "/tmp"
LOG = Path("/tmp/marimo-aside.log")
LOOK_AGAIN_SECONDS = 0.5

# Beside the member: little memory, no network, nothing archived, and nobody followed.
PARAMETERS = {
    "port": str(PORT),
    "unix_socket_directories": SOCKET,
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "archive_mode": "off",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "hot_standby": "on",
}


def scratch(settings: Settings) -> Path:
    return settings.volume / "scratch"


def remove(settings: Settings) -> None:
    folder = scratch(settings)
    if (folder / "postmaster.pid").exists():
        subprocess.run(["pg_ctl", "stop", "--mode=immediate", "--silent", f"--pgdata={folder}"], check=False)
    if folder.exists():
        shutil.rmtree(folder)


def restore(settings: Settings, place: Path, timeline: int, backup: str) -> None:
    folder = scratch(settings)
    folder.mkdir(mode=0o700)
    # Not by the spool, which is the member's.
    get = f"pgbackrest --stanza={settings.stanza} --pg1-path={folder} --no-archive-async --log-level-console=error"
    command = f'cp {place}/%f "%p" 2> /dev/null || {get} archive-get %f "%p"'
    subprocess.run(
        [
            *["pgbackrest", f"--stanza={settings.stanza}", f"--pg1-path={folder}", f"--set={backup}", "--type=standby"],
            *["--archive-mode=off", f"--target-timeline={timeline}", f"--recovery-option=restore_command={command}"],
            *["--log-level-console=warn", "restore"],
        ],
        check=True,
    )


def start(settings: Settings) -> None:
    options = " ".join(f"-c {name}='{value}'" for name, value in PARAMETERS.items())
    subprocess.run(
        ["pg_ctl", "start", "--wait", "--silent", f"--pgdata={scratch(settings)}", f"--log={LOG}", f"--options={options}"],
        check=True,
    )


def replayed() -> int:
    command = ["psql", f"--host={SOCKET}", f"--port={PORT}", "--no-psqlrc", "--tuples-only", "--no-align", "postgres"]
    query = ["--command=SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')"]
    return wal.position(subprocess.run([*command, *query], stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> int:
    settings = read_settings()
    if sys.argv[1:] == ["--remove"]:
        remove(settings)
        return 0
    if len(sys.argv) != 3:
        warn(USAGE)
        return 2
    place = aside.folder(settings) / sys.argv[1]
    record = aside.read_record(place)
    if record is None:
        warn(f"{place} has no {aside.RECORD}: `ls {place.parent}` says what is kept. {USAGE}")
        return 2
    remove(settings)
    try:
        restore(settings, place, max(int(name[:8], 16) for name in record["segments"]), sys.argv[2])
        start(settings)
    except subprocess.CalledProcessError as error:
        warn(f"{error.cmd[0]} failed with status {error.returncode}: see above, and {LOG}. Is the backup from before the fork?")
        return 1
    # The last commit's record begins there, so what is replayed must be past it.
    end = wal.position(record["last"]["lsn"]) if record["last"] else 0
    while replayed() <= end:
        time.sleep(LOOK_AGAIN_SECONDS)
    warn(f"Ready, and read-only: psql --host={SOCKET} --port={PORT} {settings.database}. Then: marimo-aside --remove")
    return 0
