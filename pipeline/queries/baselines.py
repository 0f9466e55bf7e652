"""Baselines as answers: what is normal in each window of a range, for the fleet, a group, a tenant, a pool or a VM.

Reads the baselines that were learned (pipeline.learning). Never reads a VM window, and nothing whose size grows with
the fleet. A tenant's caller gets those of its own tenant: what is normal for the fleet tells of others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.baselines import FEWEST_DAYS
from domain.digests import Series, Whose, kept_of_vms
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
    """What is normal for a series in windows: by window the expected value, and the band's low and high end."""

    zone: str | None
    days: int
    bands: dict[int, tuple[float, float, float]]


async def get_baseline(tables: Tables, question: BaselineQuestion, view: View) -> Baseline | OwnBaseline:
    """Return what is normal. Raises NotFound, and Forbidden where a tenant's caller asks for the fleet."""
    ((key, seen),) = (await known_counters(tables, [question.key], view)).items()
    if question.tenant is None and view.caller.tenant:
        raise Forbidden("what is normal for the fleet is not for tenants: give the parameter tenant")
    tenant = None if question.tenant is None else await tenant_named(tables, question.tenant, view)
    vm = None if tenant is None or question.vm is None else await vm_named(tables, tenant, question.vm)
    progress = await progress_of(tables)
    newest = window_of(seen if progress.newest is None else min(seen, progress.newest))
    windows = range(newest - (question.hours * HOUR - WINDOW), newest + WINDOW, WINDOW)
    whose = _whose(question, vm)
    normal = await normal_of(tables, tenant, whose, key, windows)
    reason = None if normal.bands else _reason(whose, key, normal.days)
    told = (key, tenant, vm, normal.days, normal.zone or "UTC", reason)
    if tenant is not None and view.caller.tenant:
        items = [OwnBaselineItem(at, *normal.bands.get(at, (None, None, None))) for at in windows]
        return OwnBaseline(key, tenant, *told[2:], items)
    return Baseline(*told, [BaselineItem(at, *normal.bands.get(at, (None, None, None))) for at in windows])


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


def _reason(whose: Whose, key: str, days: int) -> str:
    if whose.kind in ("vm", "pool") and not kept_of_vms(key):
        return NOT_OF_VMS
    return TOO_SHORT if days else NOT_LEARNED


async def normal_of(tables: Tables, tenant: str | None, whose: Whose, key: str, windows: Sequence[int]) -> Normal:
    """Return what is normal for a series in some windows."""
    zone = await _zone(tables, tenant, whose)
    clocks = dict(zip(windows, local_windows(windows, zone), strict=True))
    hours = sorted({(clock.day, clock.hour) for clock in clocks.values()})
    read = await gather((tables.baselines.read(tenant, zone, day, hour) for day, hour in hours), AT_ONCE)
    series = Series(whose, key)
    found = {}
    days = 0
    for at, of in zip(hours, read, strict=True):
        if of and series in of.series:
            row = of.series.index(series)
            days = int(of.bands.days[row])
            expected, low, high = of.bands.lines[:3, row, 0].tolist()
            if expected == expected:  # noqa: PLR0124  (NaN is unlike itself)
                found[at] = expected, low, high
    bands = {
        window: found[clock.day, clock.hour] for window, clock in clocks.items() if (clock.day, clock.hour) in found
    }
    return Normal(zone, days, bands)


async def _zone(tables: Tables, tenant: str | None, whose: Whose) -> str | None:
    """Return the zone by whose clocks a series was learned."""
    if whose.kind == "Region":
        return zone_of(whose.name)
    if whose.kind == "vm" and tenant is not None and whose.name is not None:
        entry = await tables.catalogue.entry(vms_of(tenant), whose.name)
        return zone_of(entry.value.dimensions.Region) if entry and entry.value.dimensions else None
    stored = await tables.baselines.zone(tenant)
    return stored.value if stored else None
