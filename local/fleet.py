"""The sample fleet: realistic desktops of several tenants, regions, sizes and pools, determined by a seed.

Each desktop has working hours in its region, a log-on storm in the morning and a lunch break. At any hour one is slow,
one disturbs its pool, one loses a service, and one pool has a log-on storm that does not end, since its people are
thrown out and log on again. A desktop's readings depend only on the seed, its name and the moment. So filling the past
and running live give the same samples, and filling twice changes nothing.
"""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.masking import mask_tenant, mask_vm
from domain.minutes import MINUTE, WINDOW
from domain.samples import Dimensions
from edge.gathering import Identity
from edge.inputs import READ_EVERY

KEY = b"the sample fleet's masking key is no secret"
SEED = 1

REGIONS: tuple[tuple[str, float], ...] = (
    ("centralindia", 5.5),
    ("westeurope", 1),
    ("eastus", -5),
    ("australiaeast", 10),
    ("westus", -8),
    ("uksouth", 0),
)
"""Regions, and how many hours their clocks are ahead of UTC."""

TENANTS = ("Contoso", "Fabrikam", "Northwind", "Tailspin", "Adventure Works", "Wide World")
SIZES: tuple[tuple[str, int], ...] = (("Standard_D2s_v5", 8), ("Standard_D4s_v5", 16), ("Standard_D8s_v5", 32))
"""Machine sizes with their memory in GiB."""

VMS_PER_POOL = 8
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Desktop:
    """One VM of the fleet. ``hours`` is how many hours its region's clock is ahead of UTC."""

    name: str
    identity: Identity
    hours: float
    memory: int
    slow: bool
    disturbed: bool
    noisy: bool
    loses_service: bool
    thrown_out: bool
    seed: int

    def readings(self, timestamp: int) -> Mapping[str, float]:
        """Return the readings of a moment by counter."""
        minute = timestamp - timestamp % MINUTE
        chance = random.Random(f"{self.seed}/{self.name}/{minute}/{(timestamp - minute) // READ_EVERY}")  # noqa: S311
        steady = random.Random(f"{self.seed}/{self.name}")  # noqa: S311
        busy = _activity(timestamp + self.hours * 3600, steady.uniform(-0.4, 0.4)) * steady.uniform(0.6, 1.2)
        storm = _storm(timestamp + self.hours * 3600)
        # Load changes slowly over some minutes and does not jump between readings.
        phase = steady.uniform(0, 6.28)
        wander = 1 + 0.25 * math.sin(timestamp / 400 + phase) + 0.15 * math.sin(timestamp / 97 + phase * 2)
        burst = 1.0 if (self.noisy or self.disturbed) and timestamp % WINDOW < 420 else 0.0  # noqa: PLR2004
        cpu = 3 + 38 * busy * wander + 25 * storm + (60 * burst if self.noisy else 8 * burst) + (35 if self.slow else 0)
        cpu = min(100.0, max(0.3, cpu + chance.gauss(0, 4)))
        disk = min(99.0, 2 + 14 * busy * wander + 40 * storm + (80 if self.noisy else 30) * burst + 30 * self.slow)
        used = min(97.0, 34 + 40 * busy + 6 * math.sin(timestamp / 3000 + phase) + 12 * self.slow)
        sessions = round(busy * (2 + self.memory / 4))
        stopped = self.loses_service and timestamp % WINDOW < 300  # noqa: PLR2004
        again = 0.3 * self.thrown_out
        values = {
            "win_cpu.percent_processor_time": cpu,
            "win_cpu.percent_privileged_time": cpu * 0.3,
            "win_system.processor_queue_length": max(0, round((cpu - 55) / 9)),
            "win_system.processes": 95 + 14 * sessions + chance.randrange(6),
            "win_mem.percent_used": used,
            "win_mem.available_bytes": round(self.memory * GIB * (1 - used / 100)),
            "win_swap.percent_usage": max(1.0, (used - 40) * 0.7 + chance.gauss(0, 0.4)),
            "win_disk.percent_idle_time": min(100.0, max(0.0, 100 - disk + chance.gauss(0, 2))),
            "win_disk.percent_free_space": 25 + steady.uniform(0, 50) - (timestamp % 86_400) / 40_000,
            "win_disk.read_bytes_persec": max(0, 9e4 * disk * chance.uniform(0.7, 1.3)),
            "win_disk.write_bytes_persec": max(0, 6e4 * disk * chance.uniform(0.7, 1.3)),
            "win_disk.current_disk_queue_length": max(0, round((disk - 45) / 12)),
            "win_net.bytes_received_persec": (2e4 + 9e5 * busy * wander) * chance.uniform(0.6, 1.4),
            "win_net.bytes_sent_persec": (1e4 + 2e5 * busy * wander) * chance.uniform(0.6, 1.4),
            "win_session.active_sessions": sessions,
            "win_session.logons": 1 if chance.random() < storm * 0.25 + busy * 0.004 + again else 0,
            "win_session.input_delay_ms": 8 + (cpu / 10) ** 2 * (4 if self.slow else 0.6) + chance.uniform(0, 8),
            "win_service.WinDefend": 0 if stopped else 1,
            "win_service.TermService": 1,
        }
        values |= {
            "win_session.disconnected_sessions": round(sessions * steady.uniform(0.1, 0.4)),
            "win_session.logoffs": 1 if chance.random() < busy * 0.004 + again else 0,
        }
        if values["win_session.logons"]:
            seconds = 11 + 14 * storm + (18 if self.slow else 0)
            values["win_session.logon_seconds"] = seconds * chance.uniform(0.7, 1.5)
        rounded = {key: round(float(value), 2) for key, value in values.items()}
        for what, least in (("read", 0.0006), ("write", 0.0009)):
            seconds = least + disk / 30_000 + max(0.0, disk - 60) / 5_000
            rounded[f"win_disk.latency_{what}_seconds"] = round(seconds * chance.uniform(0.8, 1.2), 5)
        return rounded


def desktops(count: int, seed: int = SEED) -> list[Desktop]:
    """Return the first ``count`` desktops of the fleet with this seed."""
    return [_desktop(number, seed) for number in range(count)]


def _desktop(number: int, seed: int) -> Desktop:
    tenant_number = number % len(TENANTS)
    tenant, (region, hours) = TENANTS[tenant_number], REGIONS[tenant_number]
    within = number // len(TENANTS)
    pool = within // VMS_PER_POOL
    size, memory = SIZES[(tenant_number + pool) % len(SIZES)]
    name = f"{tenant.split()[0].upper()}-{within + 1:03d}"
    masked = mask_tenant(tenant, KEY)
    dimensions = Dimensions(f"Site {tenant_number + 1}", f"{tenant.split()[0]}-pool-{pool + 1}", region, size)
    return Desktop(
        name,
        Identity(masked, mask_vm(masked, name, KEY), dimensions),
        hours,
        memory,
        slow=number == 8,  # noqa: PLR2004
        disturbed=tenant_number == 1 and pool == 0,
        noisy=number == 1,
        loses_service=number == 3,  # noqa: PLR2004
        thrown_out=tenant_number == 0 and pool == 1,
        seed=seed,
    )


def moments(start: int, end: int) -> Iterator[int]:
    """Yield the moments of readings from ``start`` up to but excluding ``end``."""
    yield from range(start - start % -READ_EVERY, end, READ_EVERY)


def _activity(local: float, shift: float) -> float:
    """Return how busy people are at a local time, 0 to 1: a working day with a lunch break, and quiet weekends."""
    moment = datetime.fromtimestamp(local, UTC)
    hour = moment.hour + moment.minute / 60 + shift
    day = _ramp(hour, 8, 9.5) * (1 - _ramp(hour, 16.5, 18.5))
    lunch = 0.45 * math.exp(-(((hour - 12.6) / 0.5) ** 2))
    weekend = 0.15 if moment.weekday() >= 5 else 1.0  # noqa: PLR2004
    return 0.04 + 0.9 * day * (1 - lunch) * weekend


def _storm(local: float) -> float:
    """Return the strength of the log-on storm in the morning of working days, 0 to 1."""
    moment = datetime.fromtimestamp(local, UTC)
    hour = moment.hour + moment.minute / 60
    return 0.0 if moment.weekday() >= 5 else math.exp(-(((hour - 8.75) / 0.25) ** 2))  # noqa: PLR2004


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
