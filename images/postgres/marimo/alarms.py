"""When a member calls for help: pure functions from measurements to alarms."""

from collections.abc import Mapping
from dataclasses import dataclass

MIB = 1024 * 1024
GIB = 1024 * MIB

# Below a fifth a person should come. On a large volume 8 GiB are enough: half an hour of WAL at 4 MiB/s.
SPACE_WARNING_SHARE, SPACE_WARNING_BYTES = 0.20, 8 * GIB
# PostgreSQL stops with a PANIC when it can't write WAL; this much lasts for minutes.
SPACE_CRITICAL_SHARE, SPACE_CRITICAL_BYTES = 0.08, 2 * GIB
# A quarter of the volume in pg_wal is far above what max_wal_size keeps: something holds WAL back.
WAL_SHARE = 0.25
# archive_timeout is 60 s: an archiver that has failed for two of them has lost its recovery point objective's margin.
ARCHIVE_FAILING_SECONDS = 120.0
# A leader is elected within seconds, and a member that copies from it has begun well before.
DATABASE_MISSING_SECONDS = 60.0
# A crash recovery between two checkpoints takes less; a start with nothing to recover, seconds.
SILENT_SECONDS = 120.0
STARTING_SECONDS = 900.0
# A change of the configuration makes one or two restarts within the time over which they are counted.
RESTARTS = 3
# A follower hears from its leader every 30 s, and an archive that is written gets a segment every 60 s.
STUCK_SECONDS = 180.0
REMINDER_SECONDS = 300.0


def critical_space(volume_bytes: int) -> float:
    """Free space below which PostgreSQL may soon stop."""
    return min(SPACE_CRITICAL_SHARE * volume_bytes, SPACE_CRITICAL_BYTES)


@dataclass(frozen=True)
class Measurement:
    """`archive_failing_seconds`: for how long the archiver has been seen failing, 0 if it does not fail;
    `last_failed_wal`: the segment that it can't archive; `database_missing_seconds`: for how long this member has waited for
    a database in vain, 0 if it does not; `namespace`: the pods', for commands; `silent_seconds`, `starting_seconds`: for how
    long PostgreSQL has not answered, or has said that it recovers, though its database is there; `restarts`: of the last ten
    minutes; `stuck_seconds`: for how long this standby has not got on, 0 if it does, `streams` whether it is connected;
    `aside`: what was kept of writes that left the database, in words; `may_archive`: whether this region may archive at all, by the
    writer's lease."""

    volume_bytes: int
    free_bytes: int
    wal_bytes: int
    archive_failing_seconds: float
    last_failed_wal: str
    database_missing_seconds: float
    namespace: str
    silent_seconds: float = 0.0
    starting_seconds: float = 0.0
    restarts: int = 0
    stuck_seconds: float = 0.0
    streams: bool = False
    aside: tuple[str, ...] = ()
    may_archive: bool = True


@dataclass(frozen=True)
class Raised:
    since: float
    last_said: float


def percent(part: int, whole: int) -> str:
    return f"{part // MIB} MiB, {100 * part / whole:.0f} % of the volume's {whole // MIB} MiB"


def alarms(measured: Measurement) -> dict[str, str]:
    """What is wrong now: name of the alarm -> what, value, what follows, what to do."""
    found: dict[str, str] = {}
    free = percent(measured.free_bytes, measured.volume_bytes)
    critical = critical_space(measured.volume_bytes)
    if measured.free_bytes < critical:
        found["volume-full"] = (
            f"free space is {free}: when it ends, PostgreSQL stops (no data is lost, and it recovers when space returns). "
            "Enlarge the volume, or mend what holds WAL back (see other alarms); never delete files in pg_wal by hand"
        )
    elif measured.free_bytes < min(SPACE_WARNING_SHARE * measured.volume_bytes, SPACE_WARNING_BYTES):
        found["volume-filling"] = (
            f"free space is {free}: below {critical / MIB:.0f} MiB it is critical. Enlarge the volume "
            "(where its storage class can: `kubectl edit pvc`), or mend what holds WAL back (see other alarms)"
        )
    if measured.wal_bytes > WAL_SHARE * measured.volume_bytes:
        found["wal-piling-up"] = (
            f"pg_wal holds {percent(measured.wal_bytes, measured.volume_bytes)}: it fills the volume. Look for a repository "
            "that takes no WAL (alarm archiving-failing) or a replication slot that nobody reads (pg_replication_slots)"
        )
    failing = measured.archive_failing_seconds
    if failing > ARCHIVE_FAILING_SECONDS and not measured.may_archive:
        found["archiving-withheld"] = (
            f"this region does not hold the writer's lease, so for {failing:.0f} s its WAL has not been archived, and must not be "
            f"({measured.last_failed_wal} waits). The repositories are not at fault. The log of container fence says what is: "
            "alarm not-the-writer, where another region has taken over (what only this one has is kept aside when it is made to "
            "follow), or lease-vaults-silent, where no vault renews the lease. WAL stays on the volume until then"
        )
    elif failing > ARCHIVE_FAILING_SECONDS:
        found["archiving-failing"] = (
            f"no WAL could be archived for {failing:.0f} s, {measured.last_failed_wal} waits: what is written now would be "
            "lost with this cluster, and WAL piles up on the volume, because every configured repository must take it. Bring "
            "the repository back (the archiver's error is in the log of container postgres; if it is RequestTimeTooSkewed, set the clock of "
            "the pod's node), or leave it out: "
            "`pulumi config set marimo-dr:repositories REPOSITORY_THAT_WORKS` and `pulumi up`"
        )
    missing = measured.database_missing_seconds
    if missing > DATABASE_MISSING_SECONDS:
        found["database-missing"] = (
            f"for {missing:.0f} s this member has had no database, no member leads from which it could be built, and none "
            "bootstraps. If another member's volume is whole, bring that pod back, and this one follows by itself. Only if "
            f"all volumes are lost: `kubectl -n {measured.namespace} annotate configmap postgres-config initialize- "
            "marimo-erp.com/bootstrapped-by-` makes Patroni forget the database that was there, and a member restores it "
            "from the repositories"
        )
    look = f"see its log: `kubectl -n {measured.namespace} logs POD -c postgres`"
    if measured.silent_seconds > SILENT_SECONDS:
        found["postgres-down"] = (
            f"PostgreSQL has not answered for {measured.silent_seconds:.0f} s, though its database is on the volume: {look}. "
            "Another member leads if there is one. If this database is damaged, another has all that it has, and nothing "
            f"is kept aside here that you need: `kubectl -n {measured.namespace} exec POD -c postgres -- patronictl -c "
            "/etc/patroni/patroni.yml reinit postgres POD` builds it anew"
        )
    if measured.starting_seconds > STARTING_SECONDS:
        found["postgres-starting"] = (
            f"PostgreSQL has been recovering for {measured.starting_seconds:.0f} s and takes no connections yet: {look}. It "
            "names the position that it replays; if that moves on, wait"
        )
    if measured.restarts >= RESTARTS:
        found["postgres-restarts"] = (
            f"PostgreSQL was started {measured.restarts} times again within ten minutes: {look}; `kubectl describe pod` says "
            "whether it ran out of memory"
        )
    if measured.stuck_seconds > STUCK_SECONDS:
        why = (
            "it is connected to the one that it follows, but what it receives is not replayed: a query in its way or a paused "
            "recovery (pg_is_wal_replay_paused())"
            if measured.streams
            else "it is not connected to the one that it follows, and the archive gives it nothing new: the other one is down or "
            "out of reach (network, certificate, password, slot), or parted from this history, and the repository has no "
            "newer WAL or can't be read"
        )
        found["standby-stuck"] = (
            f"this standby has not got on for {measured.stuck_seconds:.0f} s: {why}. What is written now would be lost if this "
            f"member had to take over. The reason stands in its log: {look}"
        )
    if measured.aside:
        found["writes-kept-aside"] = (
            f"{'; '.join(measured.aside)}. When they have been looked at, `touch` a file `seen` in the folder, or remove it"
        )
    return found


def announce(found: Mapping[str, str], raised: Mapping[str, Raised], now: float) -> tuple[list[str], dict[str, Raised]]:
    """Lines to log, and what is raised from now on: each alarm once when it comes, again every REMINDER_SECONDS while it
    stays, and once when it goes. `now` and the times in `raised` are seconds on the same clock."""
    lines: list[str] = []
    still: dict[str, Raised] = {}
    for name, text in found.items():
        known = raised.get(name)
        if known is None:
            lines.append(f"ALARM {name}: {text}.")
            still[name] = Raised(now, now)
        elif now - known.last_said >= REMINDER_SECONDS:
            lines.append(f"ALARM {name}: (for {now - known.since:.0f} s) {text}.")
            still[name] = Raised(known.since, now)
        else:
            still[name] = known
    lines += [f"CLEAR {name}: after {now - known.since:.0f} s." for name, known in raised.items() if name not in found]
    return lines, still
