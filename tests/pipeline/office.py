"""Four weeks of an office, as its standings: people from nine to five, a night shift, and one person in Tokyo.

Their VMs stop when they leave, and stopped VMs tell of nothing. All is drawn with a seed.
"""

import asyncio
import itertools
import math
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from domain.minutes import DAY, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.use_days import ACTIVE, LOGONS
from pipeline.learning import learn_tenant
from storage.tables import Tables
from storage.tables.catalogue import TENANTS, Entry, vms_of
from storage.tables.marks import Mark
from tests.pipeline.memory import MemoryDocuments

LONDON, TOKYO = "Europe/London", "Asia/Tokyo"
NOW = int(datetime(2026, 11, 19, 20, tzinfo=UTC).timestamp())
"""Thursday evening in London; in Tokyo, Friday has begun."""

TODAY = date(2026, 11, 19)
DAYS = 28
CPU = "win_cpu.percent_processor_time"

VMS: dict[str, tuple[str | None, str, str]] = {
    "a": ("desk", "uksouth", LONDON),
    "b": ("desk", "uksouth", LONDON),
    "c": ("desk", "uksouth", LONDON),
    "night": ("night", "uksouth", LONDON),
    "tokyo": (None, "japaneast", TOKYO),
}
"""Each VM's pool, region and zone."""


def shift(vm: str, day: date) -> tuple[int, int] | None:
    """When a VM's person comes and leaves on a local day, in windows' first seconds; None: not at all."""
    if day.weekday() >= 5:
        return None
    chance = random.Random(f"{vm} {day}")  # noqa: S311
    if vm != "night" and chance.random() < 0.05:
        return None
    begin, hours = (22 * 60, 8 * 60) if vm == "night" else (9 * 60, 8 * 60)
    zone = ZoneInfo(VMS[vm][2])
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    first = int((midnight + timedelta(minutes=begin + 15 * chance.randint(-1, 1))).timestamp())
    return first, first + hours * 60 + 900 * chance.randint(-2, 2)


def used(vm: str, window: int) -> bool:
    """Tell whether a VM's person is there in a window."""
    here = datetime.fromtimestamp(window, ZoneInfo(VMS[vm][2])).date()
    shifts = (shift(vm, day) for day in (here, here - timedelta(days=1)))
    return any(each[0] <= window < each[1] for each in shifts if each)


async def fill(tables: Tables, tenant: str = "t", days: int = DAYS, *, late: bool = False) -> None:
    """Write the office's standings of the last days, and mark these. ``late``: all come two hours later than usual."""
    for window in range(NOW - days * DAY, NOW, WINDOW):
        there = [vm for vm in VMS if used(vm, window - (7_200 if late else 0))]
        vms = [StandingVm(vm, window, Dimensions(None, VMS[vm][0], VMS[vm][1], "D4")) for vm in sorted(there)]
        came = [0.0 if used(vm.vm, window - WINDOW) else 1.0 for vm in vms]
        cpu = [random.Random(f"{vm.vm} {window}").gauss(30, 5) for vm in vms]  # noqa: S311
        columns = {ACTIVE: np.ones(len(vms)), LOGONS: np.array(came), CPU: np.array(cpu)}
        stored = await tables.standings.read(tenant, window)
        if vms:
            await tables.standings.write(tenant, window, Standings(vms, columns), stored.etag if stored else None)
        elif stored:
            await tables.standings.delete(window, stored.etag)
    for day in range(NOW - NOW % DAY - days * DAY, NOW, DAY):
        await tables.days.set(Mark(tenant, day))


async def know(tables: Tables, tenant: str = "t") -> None:
    """Let the catalogue know the tenant and its VMs."""
    for vm, (pool, region, _) in VMS.items():
        entry = Entry(vm, NOW - WINDOW, Dimensions(None, pool, region, "D4"))
        await tables.catalogue.write_entry(vms_of(tenant), entry, None)
    await tables.catalogue.write_entry(TENANTS, Entry(tenant, NOW), None)


def learned_office() -> MemoryDocuments:
    """Return a store in which the office has been learned."""

    async def made() -> MemoryDocuments:
        memory = MemoryDocuments()
        await fill(Tables(memory))
        await know(Tables(memory))
        await learn_tenant(Tables(memory), "t", NOW)
        return memory

    return asyncio.run(made())


def copied(memory: MemoryDocuments) -> MemoryDocuments:
    """Return a store with the same documents."""
    copy = MemoryDocuments()
    copy._documents = dict(memory._documents)
    copy._etags = itertools.count(10_000_000)
    return copy


def near(moment: int | None, shown: str, minutes: int = 30) -> bool:
    """Tell whether a moment is near what London's clocks show, day and time."""
    meant = datetime.fromisoformat(shown).replace(tzinfo=ZoneInfo(LONDON)).timestamp()
    return moment is not None and math.fabs(moment - meant) <= minutes * 60
