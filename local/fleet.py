"""The sample fleet: realistic desktops of several tenants, regions, sizes and pools, determined by a seed.

``python -m local.fleet`` prints what has been wrong with it in the last four weeks.

Each desktop has the habits of its people (local.habits), and what is wrong with some of them stands in local.truth. A
desktop's readings depend only on the seed, its name and the moment. So filling the past and running live give the same
samples, and filling twice changes nothing. Of the past beyond two hours, a window's own values stand for its readings:
what they would come to if each were read and reduced.
"""

import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.masking import mask_tenant, mask_vm
from domain.minutes import DAY, MINUTE, WINDOW, iso, window_of
from domain.samples import Dimensions
from domain.zones import ZONES
from edge.gathering import Identity
from edge.inputs import READ_EVERY
from local.habits import Habit, clock, episode, level, storm
from local.truth import (
    CYCLE,
    FULL_DISKS,
    HOLIDAY,
    NOISY,
    SILENT,
    SLOW_VM,
    STOPPED,
    THROWN_OUT,
    TROUBLES,
    Incident,
    Trouble,
    incidents,
)

KEY = b"the sample fleet's masking key is no secret"
SEED = 1
FLEET = 60
"""How many desktops there are unless somebody wants another number."""

REGIONS = ("centralindia", "westeurope", "eastus", "australiaeast", "westus", "uksouth")
TENANTS = ("Contoso", "Fabrikam", "Northwind", "Tailspin", "Adventure Works", "Wide World")
"""The tenants. Each has its first pool in the region of its number, its second in the next, and so on. So a region has
several tenants, and a tenant several regions."""

SIZES: tuple[tuple[str, int], ...] = (("Standard_D2s_v5", 8), ("Standard_D4s_v5", 16), ("Standard_D8s_v5", 32))
"""Machine sizes with their memory in GiB."""

VMS_PER_POOL = 5
GIB = 1024**3

READINGS = WINDOW // READ_EVERY
BURST, STOP = 420, 300
"""For how many seconds of each window the noisy neighbour is noisy, and the service stopped."""


class Load(NamedTuple):
    """What goes on in a VM before noise: ``cpu``, ``disk`` and ``used`` (memory) in percent, ``latency`` in seconds."""

    busy: float
    flow: float
    storm: float
    cpu: float
    disk: float
    used: float
    latency: float


@dataclass(frozen=True, slots=True)
class Desktop:
    """One VM of the fleet. ``number`` is its place in it, ``tenant`` and ``pool`` are numbers too."""

    number: int
    tenant: int
    pool: int
    name: str
    identity: Identity
    zone: str
    memory: int
    seed: int
    space: float = field(init=False)
    disconnects: float = field(init=False)
    habit: Habit = field(init=False)
    troubles: tuple[Trouble, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Draw what is steady about it."""
        steady = random.Random(f"{self.seed}/{self.name}")  # noqa: S311
        drawn = {
            "habit": Habit.of(steady),
            "space": steady.uniform(25, 75),
            "disconnects": steady.uniform(0.1, 0.4),
            "troubles": tuple(trouble for trouble in TROUBLES if trouble.strikes(self)),
        }
        for name, value in drawn.items():
            object.__setattr__(self, name, value)

    @property
    def region(self) -> str | None:
        """Its region."""
        return self.identity.dimensions.Region

    @property
    def size(self) -> str | None:
        """Its machine size."""
        return self.identity.dimensions.MachineSize

    @property
    def noisy(self) -> bool:
        """Whether it disturbs its pool."""
        return NOISY in self.troubles

    @property
    def disturbed(self) -> bool:
        """Whether it is of the pool that is disturbed."""
        return (self.tenant, self.pool) == (1, 0)

    def readings(self, timestamp: int) -> Mapping[str, float]:
        """Return the readings of a moment by counter; nothing while the VM is silent."""
        minute = timestamp - timestamp % MINUTE
        chance = random.Random(f"{self.seed}/{self.name}/{minute}/{(timestamp - minute) // READ_EVERY}")  # noqa: S311
        at = timestamp % WINDOW
        troubles = self._troubles(timestamp)
        if SILENT in troubles:
            return {}
        load = self._load(timestamp, troubles, self._wander(timestamp, 0.25, 0.15), float(at < BURST))
        return self._values(timestamp, troubles, chance, load, load, 1, stopped=at < STOP)

    def of_window(self, window: int) -> Mapping[str, float]:
        """Return a window's values by counter: its readings, each reduced by the counter's own rule."""
        chance = random.Random(f"{self.seed}/{self.name}/{window}")  # noqa: S311
        middle = window + WINDOW // 2
        troubles = self._troubles(middle)
        if SILENT in troubles:
            return {}
        wander = self._wander(middle, 0.2, -0.03)  # the two waves' means over a window
        quiet, loud = (self._load(middle, troubles, wander, burst) for burst in (0.0, 1.0))
        mean = Load(*((a * (WINDOW - BURST) + b * BURST) / WINDOW for a, b in zip(quiet, loud, strict=True)))
        peak = self._load(middle, troubles, wander + 0.22, 1.0)
        return self._values(middle, troubles, chance, mean, peak, READINGS, stopped=True)

    def _wander(self, timestamp: int, slow: float, fast: float) -> float:
        """Return a factor around 1: load changes slowly over some minutes and does not jump between readings."""
        phase = self.habit.phase
        return 1 + slow * math.sin(timestamp / 400 + phase) + fast * math.sin(timestamp / 97 + phase * 2)

    def _troubles(self, timestamp: int) -> list[Trouble]:
        own, utc = clock(timestamp, self.zone), clock(timestamp, "UTC")
        return [each for each in self.troubles if each.lasts_at(own, utc)]

    def _space(self, timestamp: int) -> float:
        """Return the percent of the disk that is free, without what each day adds and each night cleans up."""
        full = next((each for each in FULL_DISKS if each in self.troubles), None)
        return full.free_space(timestamp) if full else self.space

    def _load(self, timestamp: int, troubles: list[Trouble], wander: float, burst: float) -> Load:
        now = clock(timestamp, self.zone)
        holiday = HOLIDAY in troubles
        busy = self.habit.busy(now, holiday=holiday)
        name = f"{self.seed}/{self.name}"
        flow = busy * wander * level(name, timestamp)
        rush = storm(now, holiday=holiday)
        other = episode(name, timestamp)
        job = 1.0 if self.habit.runs_job(now) else 0.0
        burst = burst if self.noisy or self.disturbed else 0.0
        cpu = 3 + 38 * flow + 25 * rush + (60 if self.noisy else 8) * burst + 9 * other + 6 * job
        disk = 2 + 14 * flow + 40 * rush + (90 if self.noisy else 30) * burst + 4 * other + 12 * job
        used = 34 + 40 * busy + 6 * math.sin(timestamp / 3000 + self.habit.phase) + 12 * (SLOW_VM in troubles)
        cpu += sum(each.cpu for each in troubles)
        disk += sum(each.disk for each in troubles)
        disk = min(99.0, disk)
        latency = disk / 30_000 + max(0.0, disk - 60) / 5_000
        return Load(busy, flow, rush, min(100.0, cpu), disk, min(97.0, used), latency)

    def _values(
        self,
        timestamp: int,
        troubles: list[Trouble],
        chance: random.Random,
        mean: Load,
        peak: Load,
        readings: int,
        *,
        stopped: bool,
    ) -> dict[str, float]:
        """Return the values by counter that so many readings come to, given the mean load and the highest."""
        noise = 1 / math.sqrt(readings)
        cpu = min(100.0, max(0.3, mean.cpu + chance.gauss(0, 4) * noise))
        most = cpu if readings == 1 else min(100.0, peak.cpu + 4 * 2.2)  # 2.2: about the highest of so many
        sessions = round(mean.busy * (2 + self.memory / 4))
        again = 0.3 * (THROWN_OUT in troubles)
        logons = _times(chance, mean.storm * 0.25 + mean.busy * 0.004 + again, readings)
        delay = 8 + (most / 10) ** 2 * (2 if SLOW_VM in troubles else 0.6) + 8 * chance.random() ** (1 / readings)
        values = {
            "win_cpu.percent_processor_time": cpu,
            "win_cpu.percent_privileged_time": cpu * 0.3,
            "win_system.processor_queue_length": max(0, round((most - 55) / 9)),
            "win_system.processes": 95 + 14 * sessions + (chance.randrange(6) if readings == 1 else 5),
            "win_mem.percent_used": mean.used,
            "win_mem.available_bytes": round(self.memory * GIB * (1 - mean.used / 100)),
            "win_swap.percent_usage": max(1.0, (mean.used - 40) * 0.7 + chance.gauss(0, 0.4) * noise),
            "win_disk.percent_idle_time": min(100.0, max(0.0, 100 - mean.disk + chance.gauss(0, 2) * noise)),
            "win_disk.percent_free_space": self._space(timestamp) - (timestamp % DAY) / 40_000,
            "win_disk.read_bytes_persec": 9e4 * mean.disk * _around(chance, 0.3, noise),
            "win_disk.write_bytes_persec": 6e4 * mean.disk * _around(chance, 0.3, noise),
            "win_disk.current_disk_queue_length": max(0, round((peak.disk - 45) / 12)),
            "win_net.bytes_received_persec": (2e4 + 9e5 * mean.flow) * _around(chance, 0.4, noise),
            "win_net.bytes_sent_persec": (1e4 + 2e5 * mean.flow) * _around(chance, 0.4, noise),
            "win_session.active_sessions": sessions,
            "win_session.disconnected_sessions": round(sessions * self.disconnects),
            "win_session.logons": logons,
            "win_session.logoffs": _times(chance, mean.busy * 0.004 + again, readings),
            "win_session.input_delay_ms": delay + sum(each.delay for each in troubles),
            "win_service.WinDefend": 0 if stopped and STOPPED in troubles else 1,
            "win_service.TermService": 1,
        }
        if logons:
            seconds = 11 + 14 * mean.storm + sum(each.logon for each in troubles)
            values["win_session.logon_seconds"] = seconds * max(chance.uniform(0.7, 1.5) for _ in range(min(logons, 9)))
        rounded = {key: round(float(value), 2) for key, value in values.items()}
        for what, least in (("read", 0.0006), ("write", 0.0009)):
            rounded[f"win_disk.latency_{what}_seconds"] = round((least + mean.latency) * _around(chance, 0.2, noise), 5)
        return rounded


def desktops(count: int, seed: int = SEED) -> list[Desktop]:
    """Return the first ``count`` desktops of the fleet with this seed."""
    return [_desktop(number, seed) for number in range(count)]


def _desktop(number: int, seed: int) -> Desktop:
    within, at = divmod(number, len(TENANTS))
    pool = within // VMS_PER_POOL
    tenant, region = TENANTS[at], REGIONS[(at + pool) % len(REGIONS)]
    size, memory = SIZES[(at + 2 * pool) % len(SIZES)]
    name = f"{tenant.split()[0].upper()}-{within + 1:03d}"
    masked = mask_tenant(tenant, KEY)
    dimensions = Dimensions(f"Site {at + 1}", f"{tenant.split()[0]}-pool-{pool + 1}", region, size)
    identity = Identity(masked, mask_vm(masked, name, KEY), dimensions)
    return Desktop(number, at, pool, name, identity, ZONES[region], memory, seed)


def moments(start: int, end: int) -> Iterator[int]:
    """Yield the moments of readings from ``start`` up to but excluding ``end``."""
    yield from range(start - start % -READ_EVERY, end, READ_EVERY)


def told(incident: Incident, fleet: Sequence[Desktop]) -> str:
    """Return an incident in words."""
    struck = [fleet[number].identity for number in incident.numbers]
    whom = [struck[0].vm] if len(struck) == 1 else sorted({str(each.dimensions.ResourcePoolName) for each in struck})
    counters = ", ".join(incident.counters) or "all counters"
    return f"{iso(incident.start)} to {iso(incident.end)}  {incident.kind}: {' '.join(whom)}  ({counters})"


def _around(chance: random.Random, width: float, noise: float) -> float:
    """Return a factor around 1, at most ``width`` away for a single reading, and nearer for the mean of many."""
    return 1 + chance.uniform(-width, width) * noise


def _times(chance: random.Random, probability: float, readings: int) -> int:
    """Return in how many of some readings something happens. Draws only how long it takes each time."""
    if probability <= 0:
        return 0
    rate = math.log1p(-min(probability, 0.99))
    found, at = 0, _waits(chance, rate)
    while at < readings:
        found, at = found + 1, at + 1 + _waits(chance, rate)
    return found


def _waits(chance: random.Random, rate: float) -> int:
    return int(math.log(1 - chance.random()) / rate)


def main() -> None:
    """Print the incidents."""
    fleet = desktops(FLEET)
    now = window_of(int(time.time()))
    for incident in incidents(fleet, now - CYCLE * DAY, now):
        print(told(incident, fleet))


if __name__ == "__main__":
    main()
