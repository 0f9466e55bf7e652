"""What is wrong with the sample fleet, and when: the truth that tests and benchmarks compare answers with.

Some things are wrong at any time (a slow VM, a noisy neighbour, a service that stops, a pool whose people are thrown
out, disks that run full). Others happen once in every four weeks, by the calendar: so four weeks of history have each
of them once, whenever they begin. Knows who is struck, when and how hard. Refuses to know how a VM's readings come
about (local.fleet).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from domain.minutes import DAY, HOUR, WINDOW, window_of
from local.habits import EPOCH, Clock, ahead

Kind = Literal[
    "slow VM",
    "noisy neighbour",
    "stopped service",
    "log-on storm",
    "bad region",
    "bad pool",
    "bad tenant",
    "bad size",
    "slow morning",
    "silent VM",
    "holiday",
    "full disk",
]

CYCLE = 28
"""After how many days everything happens again, but for disks. Its first day is a Monday."""

DISK_CYCLE = 4 * CYCLE
"""In so many days a disk runs full. Then somebody cleans it up."""

_EMPTIED, _FULL = 86.0, 4.0
"""The percent free after a clean-up, and before it."""


class Placed(Protocol):
    """A desktop's place in the fleet."""

    @property
    def number(self) -> int:
        """Its number in the fleet."""

    @property
    def tenant(self) -> int:
        """Its tenant's number."""

    @property
    def pool(self) -> int:
        """Its pool's number in the tenant."""

    @property
    def region(self) -> str | None:
        """Its region."""

    @property
    def size(self) -> str | None:
        """Its machine size."""

    @property
    def zone(self) -> str:
        """Its region's zone."""


@dataclass(frozen=True, slots=True, eq=False)
class Trouble:
    """What strikes some desktops. ``day`` is that of the cycle, None: at any time; ``begins`` and ``lasts`` are hours.

    ``clock`` says by whose clocks it begins: those of each desktop, or everywhere at the same moment (UTC). ``tenant``,
    ``pool``, ``number``, ``region`` and ``size`` say whom it strikes; None: all. ``counters`` are those that show it.
    The others say how hard: processor and disk in percent, input delay in milliseconds, and by how many seconds log-ons
    take longer. ``emptied``: on which day of DISK_CYCLE a disk that runs full is cleaned up.
    """

    kind: Kind
    counters: Sequence[str]
    day: int | None = None
    begins: float = 0
    lasts: float = 24
    clock: Literal["its own", "UTC"] = "its own"
    tenant: int | None = None
    pool: int | None = None
    number: int | None = None
    region: str | None = None
    size: str | None = None
    cpu: float = 0
    disk: float = 0
    delay: float = 0
    logon: float = 0
    emptied: int = 0

    def strikes(self, placed: Placed) -> bool:
        """Tell whether it strikes a desktop at all."""
        pairs = (
            (self.tenant, placed.tenant),
            (self.pool, placed.pool),
            (self.number, placed.number),
            (self.region, placed.region),
            (self.size, placed.size),
        )
        return all(wanted is None or wanted == has for wanted, has in pairs)

    def lasts_at(self, own: Clock, utc: Clock) -> bool:
        """Tell whether it lasts at a moment, given what clocks show then: the desktop's own, and in UTC."""
        if self.day is None:
            return True
        now = own if self.clock == "its own" else utc
        hours = ((now.day - 1 - self.day) % CYCLE) * 24 + now.hour - self.begins
        return 0 <= hours < self.lasts

    def free_space(self, timestamp: int) -> float:
        """Return the percent that a disk that runs full has free. It falls from clean-up to clean-up."""
        days = (timestamp / DAY - self.emptied) % DISK_CYCLE
        return _EMPTIED - (_EMPTIED - _FULL) * days / DISK_CYCLE


INPUT, LOGON = "win_session.input_delay_ms", "win_session.logon_seconds"
LATENCY = ("win_disk.latency_read_seconds", "win_disk.latency_write_seconds")
CPU, DISK_IDLE, SERVICE = "win_cpu.percent_processor_time", "win_disk.percent_idle_time", "win_service.WinDefend"

SLOW_VM = Trouble("slow VM", (INPUT, CPU), number=8, cpu=35, disk=30, delay=60, logon=18)
NOISY = Trouble("noisy neighbour", (CPU, DISK_IDLE), number=1)
STOPPED = Trouble("stopped service", (SERVICE,), number=3)
THROWN_OUT = Trouble("log-on storm", ("win_session.logons",), tenant=0, pool=1)
HOLIDAY = Trouble("holiday", (CPU, "win_session.active_sessions"), day=9)
SILENT = Trouble("silent VM", (), day=22, begins=10, lasts=48, number=10)
FREE = "win_disk.percent_free_space"
FULL_DISKS = tuple(
    Trouble("full disk", (FREE,), number=number, emptied=emptied) for number, emptied in ((20, 0), (22, 2 * CYCLE))
)
"""Two, so that at any time one was not cleaned up for the last four weeks."""
TROUBLES = (
    SLOW_VM,
    NOISY,
    STOPPED,
    THROWN_OUT,
    HOLIDAY,
    SILENT,
    *FULL_DISKS,
    Trouble("bad region", (INPUT, *LATENCY), day=1, begins=12, lasts=4, region="uksouth", disk=25, delay=40),
    Trouble("bad size", (INPUT, CPU), 3, 8, 4, "UTC", size="Standard_D2s_v5", cpu=30, delay=25),
    Trouble("slow morning", (INPUT, LOGON), day=14, begins=7, lasts=4, clock="UTC", delay=30, logon=25),
    Trouble("bad pool", (INPUT, CPU), day=17, begins=10, lasts=5, tenant=3, pool=0, cpu=30, delay=25),
    Trouble("bad tenant", (INPUT, LOGON), day=25, begins=6, lasts=5, clock="UTC", tenant=5, delay=35, logon=20),
)
"""Of each kind of population that a verdict may name, one is struck. No two of these are the same VMs."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What was wrong with some desktops from ``start`` up to but excluding ``end`` (Unix seconds, whole windows)."""

    kind: Kind
    counters: Sequence[str]
    start: int
    end: int
    numbers: Sequence[int]
    """The desktops that were struck, by their numbers in the fleet."""


def incidents(fleet: Sequence[Placed], start: int, end: int) -> list[Incident]:
    """Return what is wrong with a fleet in a span of Unix seconds, oldest first. What is cut by the span ends there."""
    found = [incident for trouble in TROUBLES for incident in _of(trouble, fleet, start, end)]
    return sorted(found, key=lambda each: (each.start, each.kind))


def _of(trouble: Trouble, fleet: Sequence[Placed], start: int, end: int) -> Iterator[Incident]:
    by_zone: dict[str | None, list[int]] = {}
    for placed in fleet:
        if trouble.strikes(placed):
            zone = placed.zone if trouble.clock == "its own" and trouble.day is not None else None
            by_zone.setdefault(zone, []).append(placed.number)
    for zone, numbers in by_zone.items():
        for first, last in _spans(trouble, zone, start, end):
            if max(first, start) < min(last, end):
                yield Incident(trouble.kind, trouble.counters, max(first, start), min(last, end), numbers)


def _spans(trouble: Trouble, zone: str | None, start: int, end: int) -> Iterator[tuple[int, int]]:
    if trouble.day is None:
        yield start, end
        return
    first = EPOCH + start // DAY - trouble.day - 1
    for cycle in range(first // CYCLE - 1, (EPOCH + end // DAY) // CYCLE + 1):
        midnight = cycle * CYCLE + 1 + trouble.day
        begins = _moment(midnight, trouble.begins, zone)
        yield begins, _moment(midnight, trouble.begins + trouble.lasts, zone)


def _moment(day: int, hour: float, zone: str | None) -> int:
    """Return the window that begins at a local hour of a day. No trouble begins or ends in the night of a change."""
    wanted = (day - EPOCH) * DAY + round(hour * HOUR)
    return window_of(wanted - ahead(wanted // WINDOW, zone))
