"""Runs pgBackRest, one repository at a time."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = Path("/etc/pgbackrest/pgbackrest.conf")

# The code of a command that was ended because it took too long, as coreutils' timeout has it.
TIMED_OUT = 124

REPOSITORY_LINE = re.compile(r"repo(\d+)-")
REPOSITORY_VARIABLE = re.compile(r"PGBACKREST_REPO(\d+)_")


@dataclass(frozen=True)
class Result:
    """`error` is what pgBackRest logged as error; empty if it logged none."""

    code: int
    output: str
    error: str


def one_line(text: str, limit: int = 400) -> str:
    """Joins lines, drops what a terminal can't show (a wrong passphrase makes pgBackRest print ciphertext)."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    printable = " ".join(printable.replace("\N{REPLACEMENT CHARACTER}", "").split())
    return printable if len(printable) <= limit else printable[:limit] + "…"


def run(arguments: list[str], seconds: float, environment: dict[str, str] | None = None) -> Result:
    """Runs `pgbackrest <arguments>` quietly, for at most `seconds`."""
    command = ["pgbackrest", "--log-level-console=off", "--log-level-stderr=error", "--log-level-file=off", *arguments]
    try:
        process = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired:
        return Result(TIMED_OUT, "", f"no answer within {seconds:.0f} s")
    return Result(process.returncode, process.stdout, process.stderr)


def run_aloud(arguments: list[str]) -> Result:
    """Runs `pgbackrest <arguments>` for as long as it takes. What it says is passed on to stderr as it comes, and its errors
    are remembered."""
    command = ["pgbackrest", "--log-level-stderr=error", *arguments]
    process = subprocess.Popen(command, stdout=sys.stderr, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    errors: list[str] = []
    for line in process.stderr or ():
        sys.stderr.write(line)
        errors.append(line)
    return Result(process.wait(), "", "".join(errors))


def without_other_repositories(configuration: str, number: int) -> str:
    """The same configuration with only repository `number` in it."""
    lines = configuration.splitlines()
    return "\n".join(line for line in lines if (m := REPOSITORY_LINE.match(line)) is None or int(m[1]) == number) + "\n"


@contextmanager
def only_repository(number: int) -> Iterator[dict[str, str]]:
    """Yields an environment in which pgBackRest knows only repository `number`.

    For stanza-create and check, which have no --repo: with one repository down they would fail for the other as well.
    """
    others = {name for name in os.environ if (m := REPOSITORY_VARIABLE.match(name)) is not None and int(m[1]) != number}
    environment = {name: value for name, value in os.environ.items() if name not in others}
    with tempfile.NamedTemporaryFile("w", prefix="pgbackrest-", suffix=".conf") as file:
        file.write(without_other_repositories(CONFIGURATION.read_text(), number))
        file.flush()
        yield {**environment, "PGBACKREST_CONFIG": file.name}
