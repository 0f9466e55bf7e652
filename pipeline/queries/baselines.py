"""Baselines as answers: what is normal in each window of a range, for the fleet, a group, a tenant, a pool or a VM.

Reads the baselines that were learned (pipeline.learning). Never reads a VM window, and nothing whose size grows with
the fleet. A tenant's caller gets those of its own tenant: what is normal for the fleet tells of others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from domain.banded_charts import Band
from domain.baselines import FEWEST_DAYS
from domain.digests import Whose, kept_of_vms
from domain.disclosure import ForTenants
from domain.errors import Forbidden
from domain.minutes import HOUR, WINDOW, window_of
from domain.zones import local_windows, zone_of
from pipeline.concurrency import gather
from pipeline.queries.names import known_counters, tenant_named, vm_named
from pipeline.queries.view import AT_ONCE, View, progress_of
from storage.tables import Tables
from storage.tables.catalogue import vms_of

NOT_LEARNED = "nothing is learned of it yet: baselines are learned twice a day, for today and the day that begins next"
TOO_SHORT = f"it has values of fewer than {FEWEST_DAYS} days"
NOT_AT_THESE_HOURS = "it never had values at these hours of the day"
NOT_OF_VMS = "of VMs, only counters that people look at first have baselines, and services"


@dataclass(frozen=True, slots=True)
class BaselineQuestion:
    """What is asked: a counter over the newest ``hours``, of one population or VM."""

    key: str
    hours: int
    tenant: str | None = None
    vm: str | None = None
    pool: str | None = None
    region: str | None = None
    size: str | None = None


@dataclass(slots=True)
class BaselineItem:
    """What is normal in a window."""

    window: int
    """The window's first second."""
    expected: float | None
    """The usual value; null: unknown."""
    low: float | None
    """The low end of a band that holds four values of five."""
    high: float | None
    """The high end of the band."""


@dataclass(slots=True)
class OwnBaselineItem(BaselineItem, ForTenants):
    """What is normal in a window for a tenant or its VM, as that tenant's caller sees it."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is normal: what was asked, resolved, and the windows, oldest first."""

    key: str
    tenant: str | None
    """The tenant; null: the fleet, or a group of it."""
    vm: str | None
    history: int
    """The days from which it was learned; 0: nothing was learned."""
    timeZone: str
    """The clocks by which it was learned: of a VM those of its region, of others those of most VMs. UTC, if no region
    is known."""
    reason: str | None
    """Why nothing is known; null: something is."""
    data: list[BaselineItem]


@dataclass(frozen=True, slots=True)
class OwnBaseline(ForTenants):
    """What is normal for a tenant or its VM, as that tenant's caller sees it."""

    key: str
    tenant: str
    vm: str | None
    history: int
    """The days from which it was learned; 0: nothing was learned."""
    timeZone: str
    """The clocks by which it was learned: of a VM those of its region, of others those of most VMs. UTC, if no region
    is known."""
    reason: str | None
    """Why nothing is known; null: something is."""
    data: list[OwnBaselineItem]


@dataclass(frozen=True, slots=True)
class Normal:
    """What is normal for a series in windows, by the clocks of a zone; learned from so many days."""

    zone: str | None
    days: int
    bands: dict[int, Band]


async def get_baseline(tables: Tables, question: BaselineQuestion, view: View) -> Baseline | OwnBaseline:
    """Return what is normal. Raises NotFound, and Forbidden where a tenant's caller asks for the fleet."""
    ((key, seen),) = (await known_counters(tables, [question.key], view)).items()
    if question.tenant is None:
        refuse_tenants(view, "give the parameter tenant")
    tenant = None if question.tenant is None else await tenant_named(tables, question.tenant, view)
    vm = None if tenant is None or question.vm is None else await vm_named(tables, tenant, question.vm)
    progress = await progress_of(tables)
    newest = window_of(seen if progress.newest is None else min(seen, progress.newest))
    windows = range(newest - (question.hours * HOUR - WINDOW), newest + WINDOW, WINDOW)
    whose = _whose(question, vm)
    normal = await normal_of(tables, tenant, whose, key, windows)
    told = (key, tenant, vm, normal.days, normal.zone or "UTC", reason_of(whose, key, normal))
    if tenant is not None and view.caller.tenant:
        items = [OwnBaselineItem(at, *normal.bands.get(at, (None, None, None))) for at in windows]
        return OwnBaseline(key, tenant, *told[2:], items)
    return Baseline(*told, [BaselineItem(at, *normal.bands.get(at, (None, None, None))) for at in windows])


def refuse_tenants(view: View, instead: str) -> None:
    """Raise Forbidden for a tenant's caller who asks what is normal for the fleet. ``instead``: what to do."""
    if view.caller.tenant:
        raise Forbidden(f"what is normal for the fleet is not for tenants: {instead}")


def _whose(question: BaselineQuestion, vm: str | None) -> Whose:
    if vm is not None:
        return Whose("vm", vm)
    if question.pool is not None:
        return Whose("pool", question.pool)
    if question.region is not None:
        return Whose("Region", question.region)
    if question.size is not None:
        return Whose("MachineSize", question.size)
    return Whose("fleet" if question.tenant is None else "tenant")


def reason_of(whose: Whose, key: str, normal: Normal) -> str | None:
    """Return why nothing is known; None: something is."""
    if normal.bands:
        return None
    if whose.kind in ("vm", "pool") and not kept_of_vms(key):
        return NOT_OF_VMS
    if not normal.days:
        return NOT_LEARNED
    return TOO_SHORT if normal.days < FEWEST_DAYS else NOT_AT_THESE_HOURS


async def normal_of(tables: Tables, tenant: str | None, whose: Whose, key: str, windows: Sequence[int]) -> Normal:
    """Return what is normal for a series in some windows."""
    return (await normals_of(tables, tenant, whose, [key], windows))[key]


async def normals_of(
    tables: Tables, tenant: str | None, whose: Whose, keys: Sequence[str], windows: Sequence[int]
) -> dict[str, Normal]:
    """Return the same by counter, reading each hour once."""
    zone = await _zone(tables, tenant, whose)
    hours: dict[tuple[date, int], list[int]] = {}
    for window, clock in zip(windows, local_windows(windows, zone), strict=True):
        hours.setdefault((clock.day, clock.hour), []).append(window)
    days = dict.fromkeys(keys, 0)
    bands: dict[str, dict[int, Band]] = {key: {} for key in keys}

    async def read(day: date, hour: int) -> None:
        of = await tables.baselines.read(tenant, zone, day, hour)
        if of is None:
            return
        for key in keys:
            row = int(of.series.rows([whose], key)[0])
            if row >= 0:
                days[key] = max(days[key], int(of.bands.days[row]))
                band = Band(*of.bands.lines[:3, row, 0].tolist())
                if not math.isnan(band.expected):
                    bands[key].update(dict.fromkeys(hours[day, hour], band))

    await gather((read(day, hour) for day, hour in hours), AT_ONCE)
    return {key: Normal(zone, days[key], bands[key]) for key in keys}


async def _zone(tables: Tables, tenant: str | None, whose: Whose) -> str | None:
    """Return the zone by whose clocks a series was learned."""
    if whose.kind == "Region":
        return zone_of(whose.name)
    if whose.kind == "vm" and tenant is not None and whose.name is not None:
        entry = await tables.catalogue.entry(vms_of(tenant), whose.name)
        return zone_of(entry.value.dimensions.Region) if entry and entry.value.dimensions else None
    stored = await tables.baselines.zone(tenant)
    return stored.value if stored else None
