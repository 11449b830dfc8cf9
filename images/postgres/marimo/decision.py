"""What a cluster with an empty volume does, decided by what the vaults hold: a pure function."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from . import wal
from .vault import Observation, State


class Action(Enum):
    RESTORE = "restore"
    INITIALIZE = "initialize"
    STOP = "stop"


@dataclass(frozen=True)
class Decision:
    """RESTORE takes the backup from `source` and WAL from `wal_sources` (source first), up to `end`, along `timeline` if an
    operator chose one.

    `message` says why; on STOP it names repository, cause and remedy. `warnings` say what else is wrong.
    """

    action: Action
    message: str
    source: Observation | None = None
    wal_sources: Sequence[Observation] = ()
    end: wal.Segment | None = None
    timeline: int | None = None
    warnings: Sequence[str] = field(default_factory=list)


def setting(key: str, value: str) -> str:
    return f"`pulumi config set marimo-dr:{key} {value}`"


def only(repository: str) -> str:
    """The command that leaves every repository but this one out of the configuration."""
    return setting("repositories", repository)


# What to do about a repository in each state that keeps it from being read. {name} is the repository's.
REMEDIES = {
    State.NO_BACKUP: "if it never held data that matters, empty the folder or choose a new one with "
    "`pulumi config set marimo-dr:repositoryPath PATH`",
    State.HALF_WRITTEN: "if nothing in it matters, empty the folder or choose a new one with "
    "`pulumi config set marimo-dr:repositoryPath PATH`",
    State.WRONG_PASSPHRASE: "set the passphrase it was written with: "
    "`pulumi config set --secret marimo-dr:repositoryCipher PASSPHRASE`",
    State.NO_BUCKET: "name the bucket that exists: `pulumi config set marimo-dr:{name}Bucket BUCKET`",
    State.DENIED: "mend the credentials: {credentials}",
    State.WRONG_CLOCK: "set the clock of this pod's node (NTP): it is more than 15 minutes off",
    State.UNTRUSTED: 'trust its certificate authority: `pulumi config set marimo-dr:storeCa "$(cat ca.crt)"`',
    State.UNREACHABLE: "bring it back, or mend its address: `pulumi config set marimo-dr:{name}Endpoint HOST`",
    State.UNREADABLE: "mend it, as the error says",
}
CREDENTIALS = {
    "s3": "`pulumi config set --secret marimo-dr:s3AccessKey KEY` and `pulumi config set --secret marimo-dr:s3SecretKey KEY`",
    "gcs": "`pulumi config set --secret marimo-dr:gcsKey KEY`",
}


def describe(observation: Observation) -> str:
    detail = f" ({observation.detail})" if observation.detail else ""
    return f"repository {observation.repository} {observation.state.value}{detail}"


def remedy(observation: Observation) -> str:
    name = observation.repository
    return REMEDIES[observation.state].format(name=name, credentials=CREDENTIALS.get(name, "its key"))


def decide(observations: Sequence[Observation], restore_from: str, choice: wal.Choice | None = None) -> Decision:
    """Valid stanza where `restore_from` points -> restore; every repository provably empty -> initialize; else stop."""
    source = next((o for o in observations if o.repository == restore_from), None)
    if source is None:
        names = ", ".join(o.repository for o in observations)
        return stop(
            f"marimo-dr:restoreFrom is {restore_from}, which is not among the configured repositories ({names})",
            [setting("restoreFrom", observations[0].repository)],
        )
    if source.state is State.VALID:
        return restore(source, [o for o in observations if o is not source], choice)
    if all(o.state is State.EMPTY for o in observations):
        names = " and ".join(o.repository for o in observations)
        return Decision(Action.INITIALIZE, f"nothing to restore: {names} can be read and hold nothing")
    return stop("; ".join(map(describe, observations)), remedies(source, observations))


def remedies(source: Observation, observations: Sequence[Observation]) -> list[str]:
    """Ways out when the source holds no backup, the least harmful first."""
    others = [o for o in observations if o is not source]
    ways = [
        f"to restore from {o.repository}: {setting('restoreFrom', o.repository)}"
        for o in others
        if o.state is State.VALID
    ]
    ways += [f"{o.repository}: {remedy(o)}" for o in observations if o.state not in (State.EMPTY, State.VALID)]
    if source.state is State.EMPTY and not any(o.state is State.VALID for o in others):
        ways.append(f"to begin a new database without what {others[0].repository} may hold: {only(source.repository)}")
    return ways


def stop(cause: str, ways: Sequence[str]) -> Decision:
    text = f"{cause}. The database is not started, and nothing has been written anywhere. What to do: " + "; or ".join(
        ways
    )
    return Decision(Action.STOP, text + ". Then `pulumi up`.")


def restore(source: Observation, others: Sequence[Observation], choice: wal.Choice | None) -> Decision:
    """Restores a backup of `source`, with the WAL of every repository that holds the same history."""
    helpers = [o for o in others if helps(source, o)]
    archive = source.archive
    for helper in helpers:
        archive = wal.merge(archive, helper.archive)
    if source.backup is None:
        raise ValueError(f"{source.repository} is valid but has no backup: {source}")
    start = source.backup.start
    # Timeline 1 has no history, and needs none.
    if choice is not None and choice.timeline not in (1, start.timeline, *archive.switches):
        return stop(*unknown(source, choice))
    target = wal.target_timeline(start.timeline, archive, choice)
    left = wal.abandoned(start.number, target, archive, choice)
    open_forks = [a for a in left if a.count > wal.EXPLAINED_SEGMENTS and not a.decided]
    if choice is not None and not wal.honours(target, archive, choice):
        return stop(*overtaken(target, archive, choice))
    if open_forks or not wal.ancestry(start.timeline, target, archive):
        return stop(*forked(source, target, archive, open_forks))
    reach = wal.reach(start, source.backup.stop, archive, target)
    if reach.missing is not None:
        return stop(*gap(source, others, reach))
    if reach.stray is not None:
        return stop(*strayed(source, others, reach.stray))
    return Decision(
        Action.RESTORE,
        f"{source.repository} holds backup {source.backup.label} and its WAL up to {reach.end.name}",
        source,
        [source, *helpers],
        reach.end,
        target if choice is not None else None,
        [*map(left_behind, left), *(warning(source, o) for o in others if o not in helpers)],
    )


def unknown(source: Observation, choice: wal.Choice) -> tuple[str, list[str]]:
    """The cause and the remedy of a choice that the archive does not have."""
    cause = (
        f"marimo-dr:restoreTimeline is {choice.timeline}:{choice.newest}, but repository {source.repository} has no history "
        f"of timeline {choice.timeline}"
    )
    return cause, ["to restore along the newest timeline: `pulumi config rm marimo-dr:restoreTimeline`"]


def forked(
    source: Observation, target: int, archive: wal.Archive, forks: Sequence[wal.Abandoned]
) -> tuple[str, list[str]]:
    """The cause and the remedies of histories that were both written on, so that a restore loses one of them."""
    start = source.backup.start.timeline if source.backup else target
    timelines = {target, *(fork.timeline for fork in forks)} | ({start} if not forks else set())
    pieces = [
        f"timeline {fork.timeline} has {fork.count} segments, {fork.first.name} to {fork.last.name}, after timeline "
        f"{target} parted from it"
        for fork in forks
    ] or [f"backup {source.detail} is of timeline {start}, from which timeline {target}, the newest, does not come"]
    cause = (
        f"the histories in the repositories have forked: {'; '.join(pieces)}. Two databases were written on at the same "
        "time, as when both regions are primary, and a restore follows one: what only the others hold stays in the "
        "archive, untouched and not restored"
    )
    return cause, to_follow(timelines, archive)


def overtaken(target: int, archive: wal.Archive, choice: wal.Choice) -> tuple[str, list[str]]:
    """The cause and the remedies of a choice against which the database has gone on."""
    cause = (
        f"marimo-dr:restoreTimeline says to follow timeline {choice.timeline}, as decided when {choice.newest} was the newest, "
        f"but timeline {target}, which began since, comes from another"
    )
    return cause, to_follow({target, choice.timeline}, archive)


def to_follow(timelines: set[int], archive: wal.Archive) -> list[str]:
    """The choices between timelines, without those that another one continues."""
    newest = wal.newest_timeline(max(timelines), archive)
    tips = [t for t in sorted(timelines, reverse=True) if not any(continues(t, u, archive) for u in timelines)]
    return [
        f"to follow timeline {tip}, up to {last_segment(tip, archive)}: {setting('restoreTimeline', f'{tip}:{newest}')}"
        for tip in tips
    ]


def continues(timeline: int, later: int, archive: wal.Archive) -> bool:
    """Whether `later` comes from `timeline` and leaves nothing of it behind."""
    branch = wal.lineage(later, archive).get(timeline)
    return branch is not None and all(s.number <= branch for s in archive.segments if s.timeline == timeline)


def last_segment(timeline: int, archive: wal.Archive) -> str:
    return max((s.name for s in archive.segments if s.timeline == timeline), default="its beginning")


def left_behind(what: wal.Abandoned) -> str:
    segments = what.first.name if what.count == 1 else f"{what.first.name} to {what.last.name}"
    why = "as marimo-dr:restoreTimeline says" if what.decided else "as a demotion leaves one"
    return (
        f"{what.count} archived segments of timeline {what.timeline} ({segments}) are not restored, {why}. They stay in the "
        "archive"
    )


def helps(source: Observation, other: Observation) -> bool:
    same_database = other.state is State.VALID and other.system_id == source.system_id
    return same_database and wal.agree(source.archive, other.archive)


def gap(source: Observation, others: Sequence[Observation], reach: wal.Reach) -> tuple[str, list[str]]:
    """The cause and the remedies of a segment that no readable repository has."""
    if reach.missing is None:
        raise ValueError("there is no gap")
    asked = " and ".join(o.repository for o in [source, *others] if o is source or helps(source, o))
    cause = (
        f"WAL segment {reach.missing.name} is missing in {asked}: backup {source.detail} could be replayed only to just "
        "before it"
    )
    lost = (
        f", losing the {reach.later} segments archived after it" if reach.later else ", where it is not yet consistent"
    )
    ways = [
        f"to restore from {o.repository}: {setting('restoreFrom', o.repository)}"
        for o in others
        if o.state is State.VALID
    ]
    ways += [
        f"{o.repository} may hold the segment: {remedy(o)}" for o in others if o.state not in (State.EMPTY, State.VALID)
    ]
    ways.append(f"put the segment back into {source.repository} from the bucket's older versions")
    return cause + lost, ways


def strayed(source: Observation, others: Sequence[Observation], stray: wal.Segment) -> tuple[str, list[str]]:
    """The cause and the remedies of WAL on a timeline whose history file is missing."""
    history = f"{stray.timeline:08X}.history"
    cause = (
        f"repository {source.repository} holds WAL of timeline {stray.timeline} (from {stray.name} on), but no {history} that "
        "leads there: a restore would lose that timeline's writes and write a second one of its number"
    )
    ways = [f"to restore from {o.repository}: {setting('restoreFrom', o.repository)}" for o in others if o.state is State.VALID]
    ways += [f"{o.repository} may hold it: {remedy(o)}" for o in others if o.state not in (State.EMPTY, State.VALID)]
    ways.append(f"put {history} back into {source.repository} from the bucket's older versions")
    return cause, ways


def warning(source: Observation, other: Observation) -> str:
    """What it means that `other` does not help; archiving to it may fail from now on."""
    if other.state is State.VALID and other.system_id != source.system_id:
        return (
            f"repository {other.repository} holds another database (system identifier {other.system_id}, not "
            f"{source.system_id}): archiving to it will fail until it is emptied or left out with {only(source.repository)}"
        )
    if other.state is State.VALID:
        return (
            f"repository {other.repository} holds another history of this database: archiving to it will fail where they "
            f"collide, until it is emptied or left out with {only(source.repository)}"
        )
    if other.state is State.EMPTY:
        return (
            f"repository {other.repository} is empty: it gets its stanza after the restore, and its first backup from the "
            "next job"
        )
    return (
        f"{describe(other)}: only {source.repository} is read, and WAL that only {other.repository} may hold is not "
        f"seen. WAL piles up on the volume until it takes WAL again. {other.repository}: {remedy(other)}, or leave it out: "
        f"{only(source.repository)}"
    )
