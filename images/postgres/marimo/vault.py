"""Looks into one repository, without changing anything in it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from . import pgbackrest, wal
from .settings import Settings

# pgBackRest tries again to reach a silent or refusing store for this long (its default is a minute, for each command).
# Five seconds outlast a hiccup and hardly count in a recovery, which waits for a dead second repository as well: it may
# hold the newest WAL. A stop is no verdict for good; the container restarts and looks again.
IO_TIMEOUT_SECONDS = 5
# A bound on one whole command, should a store send its answer byte by byte.
COMMAND_SECONDS = 60

# Codes of `pgbackrest info`: https://github.com/pgbackrest/pgbackrest/blob/main/src/command/info/info.c
STATUS_OK = 0
STATUS_MISSING_STANZA_PATH = 1
STATUS_NO_BACKUP = 2
STATUS_MISSING_STANZA_DATA = 3


Answer = TypeVar("Answer")


class State(Enum):
    VALID = "holds a backup"
    EMPTY = "is empty"
    NO_BACKUP = "has a stanza but no backup"
    HALF_WRITTEN = "is half written"
    WRONG_PASSPHRASE = "cannot be decrypted"
    NO_BUCKET = "has no bucket"
    DENIED = "refuses our credentials"
    WRONG_CLOCK = "refuses our clock"
    UNTRUSTED = "shows a certificate that we do not trust"
    UNREACHABLE = "cannot be reached"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True)
class Backup:
    """The backup that a restore takes; `start` and `stop` bound the WAL that makes it consistent."""

    label: str
    start: wal.Segment
    stop: wal.Segment
    database_bytes: int


@dataclass(frozen=True)
class Observation:
    """`detail` is pgBackRest's own word on the state, in one line; backup, archive and system_id are there if VALID."""

    repository: str
    number: int
    state: State
    detail: str = ""
    backup: Backup | None = None
    archive: wal.Archive = field(default_factory=lambda: wal.Archive(frozenset(), {}))
    system_id: int | None = None


# In this order: the first pattern that is found in pgBackRest's error names the state.
ERRORS = [
    # A wrong passphrase decrypts to garbage, which fails as cipher text or as the text of an info file.
    (re.compile(r"CryptoError|FormatError|cipher", re.IGNORECASE), State.WRONG_PASSPHRASE),
    (re.compile(r"certificate", re.IGNORECASE), State.UNTRUSTED),
    (
        re.compile(r"HostConnectError|unable to connect|unable to get address|timeout|no answer within", re.IGNORECASE),
        State.UNREACHABLE,
    ),
    (re.compile(r"HTTP request failed with 5\d\d"), State.UNREACHABLE),
    # S3 answers 403 to what was signed more than 15 minutes off: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    (re.compile(r"RequestTimeTooSkewed|RequestExpired"), State.WRONG_CLOCK),
    # versitygw answers 404 to an unknown access key, so the code in the answer's body counts before the status.
    (re.compile(r"InvalidAccessKeyId|SignatureDoesNotMatch|UserNotFound|AccessDenied|ExpiredToken"), State.DENIED),
    (re.compile(r"HTTP request failed with 40[13]"), State.DENIED),
    (re.compile(r"NoSuchBucket|HTTP request failed with 404"), State.NO_BUCKET),
]


def state_of_error(message: str) -> State:
    return next((state for pattern, state in ERRORS if pattern.search(message)), State.UNREADABLE)


QUOTED_HTTP = re.compile(r"\*\*\* (?:Path/Query|Request Headers|Response Headers) \*\*\*:.*?(?=\*\*\* |\Z)", re.DOTALL)
STORE_ERROR = re.compile(r"\*\*\* Response Content \*\*\*:.*?<Code>(.*?)</Code><Message>(.*?)</Message>.*", re.DOTALL)
UNDECIPHERED = re.compile(r"(unable to load info file '[^']+').*", re.DOTALL)
RETRIES = re.compile(r"\s*\[\w+\] on \d+ retries from .*", re.DOTALL)


def shorten(message: str) -> str:
    """pgBackRest's message in one line, without the HTTP headers, the ciphertext and the repetitions that it quotes."""
    message = STORE_ERROR.sub(r"\1: \2", QUOTED_HTTP.sub("", message))
    message = message.replace("*** Response Content ***:", "")
    return pgbackrest.one_line(RETRIES.sub("", UNDECIPHERED.sub(r"\1", message)))


class Unreadable(Exception):
    """pgBackRest could not read the repository; the message is its error."""


def ask(settings: Settings, number: int, *command: str) -> str:
    """Runs a reading command on one repository; raises Unreadable with pgBackRest's error."""
    arguments = [f"--repo={number}", f"--io-timeout={IO_TIMEOUT_SECONDS}", *command]
    result = pgbackrest.run(arguments, COMMAND_SECONDS)
    if result.code != 0:
        raise Unreadable(result.error)
    return result.output


def list_folder(settings: Settings, number: int, path: str) -> list[str]:
    """Names in a folder of the repository; none if the folder is not there."""
    entries: dict[str, object] = json.loads(ask(settings, number, "repo-ls", "--output=json", path))
    return [name for name in entries if name != "."]


def read_switches(settings: Settings, number: int, root: str, entries: list[str]) -> dict[int, tuple[int, int]]:
    """Reads the histories of all timelines."""
    switches: dict[int, tuple[int, int]] = {}
    for match in filter(None, map(wal.HISTORY.fullmatch, entries)):
        switch = wal.parse_history(ask(settings, number, "repo-get", f"{root}/{match[0]}"))
        if switch is None:
            raise Unreadable(f"{match[0]} in {root} names no timeline before it")
        switches[int(match[1], 16)] = switch
    return switches


def read_segments(
    settings: Settings, number: int, root: str, entries: list[str], first: wal.Segment
) -> frozenset[wal.Segment]:
    """Lists the archive from segment `first` on, on every timeline."""
    folders = [name for name in entries if len(name) == 16 and name[8:] >= first.name[8:16]]
    names = [name for folder in folders for name in list_folder(settings, number, f"{root}/{folder}")]
    return frozenset(segment for name in names if (segment := wal.parse_segment(name)) is not None)


def archive_folder(settings: Settings, database: dict) -> str:
    """The archive of one element of `db` in the output of `pgbackrest info --output=json`."""
    return f"archive/{settings.stanza}/{database['version']}-{database['id']}"


def archive_root(settings: Settings, number: int) -> str:
    """The archive of the database that the repository takes WAL of now. Raises Unreadable."""
    info = json.loads(ask(settings, number, f"--stanza={settings.stanza}", "info", "--output=json"), strict=False)[0]
    databases = [database for database in info.get("db", []) if database.get("repo-key") == number]
    if not databases:
        raise Unreadable(next(repo["status"]["message"] for repo in info["repo"] if repo["key"] == number))
    return archive_folder(settings, max(databases, key=lambda database: database["id"]))


def choose_backup(
    backups: Sequence[Backup], switches: Mapping[int, tuple[int, int]], choice: wal.Choice | None
) -> Backup:
    """The newest backup; where an operator chose a timeline, the newest that leads there, if there is one."""
    if choice is None:
        return backups[-1]
    archive = wal.Archive(frozenset(), switches)
    target = wal.target_timeline(choice.timeline, archive, choice)
    return next((backup for backup in reversed(backups) if wal.leads_to(target, backup.stop, archive)), backups[-1])


def parse_backup(entry: dict) -> Backup:
    """Reads an element of `backup` in the output of `pgbackrest info --output=json`."""
    start, stop = (wal.parse_segment(entry["archive"][end]) for end in ("start", "stop"))
    if start is None or stop is None:
        raise Unreadable(f"backup {entry['label']} names no WAL: {entry['archive']}")
    return Backup(entry["label"], start, stop, entry["info"]["size"])


def observe(settings: Settings, repository: str, number: int) -> Observation:
    """Says what the repository holds; every failure to read it is a state, never an exception."""
    try:
        return observe_or_raise(settings, repository, number)
    except Unreadable as error:
        return Observation(repository, number, state_of_error(str(error)), shorten(str(error)))


def observe_or_raise(settings: Settings, repository: str, number: int) -> Observation:
    # strict=False: with a wrong passphrase the message quotes raw bytes.
    output = ask(settings, number, f"--stanza={settings.stanza}", "info", "--output=json")
    info = json.loads(output, strict=False)[0]
    status = next(repo["status"] for repo in info["repo"] if repo["key"] == number)
    if status["code"] == STATUS_OK:
        newest = info["backup"][-1]["database"]["id"]
        database = next(db for db in info["db"] if db["id"] == newest)
        root = archive_folder(settings, database)
        entries = list_folder(settings, number, root)
        switches = read_switches(settings, number, root, entries)
        backups = [parse_backup(entry) for entry in info["backup"] if entry["database"]["id"] == newest]
        backup = choose_backup(backups, switches, settings.restore_timeline)
        archive = wal.Archive(read_segments(settings, number, root, entries, backup.start), switches)
        return Observation(repository, number, State.VALID, backup.label, backup, archive, database["system-id"])
    if status["code"] == STATUS_NO_BACKUP:
        return Observation(repository, number, State.NO_BACKUP, status["message"])
    if status["code"] not in (STATUS_MISSING_STANZA_PATH, STATUS_MISSING_STANZA_DATA):
        raise Unreadable(status["message"])
    # "missing stanza path" looks at backup/ alone; what is left under archive/ is somebody's WAL all the same.
    left = [
        f"{kind}/{name}"
        for kind in ("archive", "backup")
        for name in list_folder(settings, number, f"{kind}/{settings.stanza}")
    ]
    if left:
        return Observation(repository, number, State.HALF_WRITTEN, f"{status['message']}, yet there is {left[0]}")
    return Observation(repository, number, State.EMPTY, status["message"])


def each(settings: Settings, question: Callable[[str, int], Answer]) -> dict[str, Answer]:
    """Asks all repositories at once, by name and number, so that a dead one costs its timeout only once."""
    with ThreadPoolExecutor(len(settings.repositories)) as pool:
        answers = pool.map(lambda item: question(*item), settings.repositories.items())
        return dict(zip(settings.repositories, answers))


def observe_all(settings: Settings) -> list[Observation]:
    """Looks into all repositories."""
    return list(each(settings, lambda name, number: observe(settings, name, number)).values())
