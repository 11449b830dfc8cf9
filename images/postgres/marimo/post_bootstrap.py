"""marimo-post-bootstrap: Patroni's post_bootstrap, run once as superuser when the new primary takes its first writes."""

import subprocess
import sys

from .events import emit
from .settings import read_settings


def psql(connection: str, statement: str, *variables: str) -> str:
    """Runs one statement; raises CalledProcessError if it fails."""
    command = [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
        *variables,
        connection,
    ]
    return subprocess.run(command, input=statement, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def create_database(connection: str, database: str) -> None:
    name = f"--set=name={database}"
    unless = "WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name')"
    psql(connection, f"SELECT format('CREATE DATABASE %I', :'name') {unless} \\gexec\n", name)


def main() -> int:
    settings = read_settings()
    connection = sys.argv[1]
    position = psql(connection, "SELECT timeline_id, redo_lsn FROM pg_control_checkpoint()\n").split("|")
    emit("promoted", timeline=int(position[0]), redo=position[1])
    create_database(connection, settings.database)
    emit("post-bootstrap-end")
    return 0
