"""Which WAL a recovery needs, from the names of the files in an archive: pure functions.

A segment's name is 24 hexadecimal digits: timeline, then the segment's number in two halves of which the second counts
to 256 (segments of 16 MiB, PostgreSQL's default, which we never change).
https://www.postgresql.org/docs/17/wal-internals.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENTS_PER_FOLDER = 0x1_0000_0000 // SEGMENT_BYTES

SEGMENT = re.compile(r"([0-9A-F]{24})(-[0-9a-f]{40}.*)?")
HISTORY = re.compile(r"([0-9A-F]{8})\.history")


@dataclass(frozen=True, order=True)
class Segment:
    timeline: int
    number: int

    @property
    def name(self) -> str:
        high, low = divmod(self.number, SEGMENTS_PER_FOLDER)
        return f"{self.timeline:08X}{high:08X}{low:08X}"


@dataclass(frozen=True)
class Archive:
    """What one or several repositories hold: `switches` has for each timeline the one before it, and the number of the
    segment in which it branched off."""

    segments: frozenset[Segment]
    switches: Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Choice:
    """An operator's word at a fork: go on along `timeline`, given when `newest` was the newest one. What began later is a
    new matter."""

    timeline: int
    newest: int


@dataclass(frozen=True)
class Abandoned:
    """WAL that a restore leaves behind: `count` segments of `timeline`, from `first` to `last`, all after the segment in
    which the restored history parts from it. `decided`: an operator has chosen so."""

    timeline: int
    first: Segment
    last: Segment
    count: int
    decided: bool


# How many whole segments after the fork's own a clean end explains: a demotion archives one more by hand, with nothing but
# the shutdown's checkpoint in it.
EXPLAINED_SEGMENTS = 1


@dataclass(frozen=True)
class Reach:
    """How far a recovery gets: up to `end`, or only to just before `missing`, which leaves out `later` segments that the
    archive does hold. `stray` is a segment of a timeline that no history file leads to."""

    end: Segment
    missing: Segment | None
    later: int
    stray: Segment | None = None


def parse_segment(name: str) -> Segment | None:
    """Reads the name of a segment as PostgreSQL or as pgBackRest's archive has it; None for any other file."""
    match = SEGMENT.fullmatch(name)
    if match is None:
        return None
    digits = match[1]
    return Segment(int(digits[:8], 16), int(digits[8:16], 16) * SEGMENTS_PER_FOLDER + int(digits[16:], 16))


def position(text: str) -> int:
    """A position in the WAL as PostgreSQL writes it, "high/low"."""
    high, low = (int(part, 16) for part in text.split("/"))
    return high * 0x1_0000_0000 + low


def written(number: int) -> str:
    high, low = divmod(number, 0x1_0000_0000)
    return f"{high:X}/{low:X}"


def history_lines(text: str) -> list[tuple[int, int]]:
    """[(timeline, the position where it was left)…] from a history file."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(int(line[0]), position(line[1])) for line in lines]


def parse_history(text: str) -> tuple[int, int] | None:
    """The last line of a timeline's history file: (timeline before it, segment number of the switch)."""
    lines = history_lines(text)
    return (lines[-1][0], lines[-1][1] // SEGMENT_BYTES) if lines else None


def agree(one: Archive, other: Archive) -> bool:
    """Whether no timeline branched off at two places: rebuilt twice, each time without sight of the other archive."""
    return all(other.switches.get(timeline, switch) == switch for timeline, switch in one.switches.items())


def merge(one: Archive, other: Archive) -> Archive:
    """What is found when both are asked."""
    return Archive(one.segments | other.segments, {**one.switches, **other.switches})


def newest_timeline(start: int, archive: Archive) -> int:
    """The timeline that PostgreSQL aims for: it asks for the next history file until there is none."""
    timeline = start
    while timeline + 1 in archive.switches:
        timeline += 1
    return timeline


def target_timeline(start: int, archive: Archive, choice: Choice | None) -> int:
    """The timeline that a restore from timeline `start` follows: the newest, unless the operator chose another when that was
    the newest already."""
    if choice is None:
        return newest_timeline(start, archive)
    newest = newest_timeline(choice.timeline, archive)
    return newest if newest > choice.newest else choice.timeline


def lineage(timeline: int, archive: Archive) -> dict[int, int | None]:
    """{timeline: the segment in which its successor branched off…} from the oldest known one to `timeline`, which has none."""
    path: dict[int, int | None] = {timeline: None}
    while (switch := archive.switches.get(timeline)) is not None and switch[0] not in path:
        timeline, path[switch[0]] = switch
    return dict(sorted(path.items()))


def honours(target: int, archive: Archive, choice: Choice | None) -> bool:
    """Whether `target` is the chosen timeline, or comes from it by nothing that was there when it was chosen."""
    if choice is None or choice.timeline == target:
        return True
    path = list(lineage(target, archive))
    return choice.timeline in path and path[path.index(choice.timeline) + 1] > choice.newest


def leads_to(target: int, stop: Segment, archive: Archive) -> bool:
    """Whether a backup that ended in segment `stop` can be replayed along to timeline `target`. In the very segment of a
    branch it can't be told from names."""
    path = lineage(target, archive)
    if stop.timeline not in path:
        return False
    branch = path[stop.timeline]
    return branch is None or stop.number < branch


def abandoned(first: int, target: int, archive: Archive, choice: Choice | None) -> list[Abandoned]:
    """What a restore along `target` leaves behind, as far as it comes after number `first`, the oldest timeline first.

    A crash leaves behind the segment of the fork and nothing after it. More means that somebody went on writing there.
    """
    path = lineage(target, archive)
    found: list[Abandoned] = []
    for timeline in sorted({segment.timeline for segment in archive.segments}):
        parting = path[timeline] if timeline in path else archive.switches.get(timeline, (0, None))[1]
        # Without one it is the restored timeline itself, one of which no history tells (see `Reach.stray`), or one so old
        # that its history has expired.
        if parting is None:
            continue
        after = [
            number
            for number in sorted(segment.number for segment in archive.segments if segment.timeline == timeline)
            if number > parting and number >= first
        ]
        if after:
            decided = choice is not None and timeline <= choice.newest and timeline != choice.timeline
            ends = Segment(timeline, after[0]), Segment(timeline, after[-1])
            found.append(Abandoned(timeline, *ends, len(after), decided))
    return found


def ancestry(start: int, newest: int, archive: Archive) -> list[tuple[int, int | None]]:
    """[(timeline, the segment in which its successor branched off)…] from `start` to `newest`, which has no successor.

    Empty if `newest` does not descend from `start`.
    """
    path: list[tuple[int, int | None]] = [(newest, None)]
    while path[0][0] != start:
        switch = archive.switches.get(path[0][0])
        if switch is None:
            return []
        path.insert(0, switch)
    return path


def reach(start: Segment, stop: Segment, archive: Archive, target: int | None = None) -> Reach:
    """Follows the archive from `start` to the end of timeline `target`, by default the newest.

    `start` and `stop` are the first and the last segment that the backup needs to be consistent.
    """
    newest = newest_timeline(start.timeline if target is None else target, archive)
    path = ancestry(start.timeline, newest if target is None else target, archive)
    if not path:
        return Reach(end=start, missing=start, later=0)
    needed = needed_segments(start.number, path, archive)
    following = needed[-1].number + 1 if needed else start.number
    needed.extend(Segment(path[-1][0], number) for number in range(following, stop.number + 1))
    for index, segment in enumerate(needed):
        if segment not in archive.segments:
            return Reach(end=needed[-1], missing=segment, later=sum(s in archive.segments for s in needed[index:]))
    # PostgreSQL would take the number of such a timeline once more, and its WAL would collide with what is there.
    stray = min((segment for segment in archive.segments if segment.timeline > newest), default=None)
    return Reach(end=needed[-1], missing=None, later=0, stray=stray)


def needed_segments(first: int, path: list[tuple[int, int | None]], archive: Archive) -> list[Segment]:
    """Every segment from number `first` to the last one that the archive holds, each on the timeline it is read from."""
    segments: list[Segment] = []
    for timeline, branch in path:
        # The segment of the branch is read from the successor, to which PostgreSQL copies its beginning.
        held = [segment.number for segment in archive.segments if segment.timeline == timeline]
        last = branch - 1 if branch is not None else max(held, default=first - 1)
        segments.extend(Segment(timeline, number) for number in range(first, last + 1))
        first = max(first, last + 1)
    return segments
