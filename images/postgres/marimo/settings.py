"""The container's environment, read once and checked."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .wal import Choice


class SettingsError(Exception):
    """An environment variable is missing or malformed. The message names it, its value and what it should be."""


@dataclass(frozen=True)
class Settings:
    """`repositories` maps a repository's name to its number in pgbackrest.conf, in the configured order;
    `restore_timeline` is the operator's word where timelines forked, if one was given."""

    stanza: str
    repositories: dict[str, int]
    restore_from: str
    restore_timeline: Choice | None
    database: str
    pgdata: Path

    @property
    def volume(self) -> Path:
        """The mounted volume that holds PGDATA and pgBackRest's spool."""
        return self.pgdata.parent


def parse_repositories(text: str) -> dict[str, int]:
    """Parses "s3=1,gcs=2".

    Raises SettingsError if a part is malformed, or a name or a number comes twice, or there is none.
    """
    repositories: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        if not name or not number.isdigit() or name in repositories or int(number) in repositories.values():
            raise SettingsError(f'MARIMO_REPOSITORIES="{text}": "{part}" must be a new <name>=<number>')
        repositories[name] = int(number)
    if not repositories:
        raise SettingsError('MARIMO_REPOSITORIES is empty: it must name the repositories, like "s3=1,gcs=2"')
    return repositories


def parse_choice(text: str) -> Choice | None:
    """Parses "2:3": timeline 2, chosen when 3 was the newest. Raises SettingsError if it is malformed."""
    if not text:
        return None
    match = re.fullmatch(r"([1-9][0-9]*):([1-9][0-9]*)", text)
    if match is None:
        raise SettingsError(
            f'MARIMO_RESTORE_TIMELINE="{text}" must be TIMELINE:NEWEST, like "2:3": follow timeline 2, when 3 is the newest'
        )
    return Choice(int(match[1]), int(match[2]))


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError for the first variable that is missing or malformed."""

    def required(name: str) -> str:
        value = environment.get(name, "")
        if not value:
            raise SettingsError(f"{name} is not set: the pod's manifest must set it")
        return value

    return Settings(
        stanza=required("MARIMO_STANZA"),
        repositories=parse_repositories(required("MARIMO_REPOSITORIES")),
        restore_from=required("MARIMO_RESTORE_FROM"),
        restore_timeline=parse_choice(environment.get("MARIMO_RESTORE_TIMELINE", "")),
        database=required("MARIMO_DATABASE"),
        pgdata=Path(required("PGDATA")),
    )
