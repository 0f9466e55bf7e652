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
from domain.minutes import HOUR, WINDOW, window_of
from domain.zones import local_windows
from pipeline.concurrency import gather
from pipeline.queries.series import SeriesQuestion, series_asked, zone_of_series
from pipeline.queries.view import AT_ONCE, View
from storage.tables import Tables

NOT_LEARNED = "nothing is learned of it yet: baselines are learned twice a day, for today and the day that begins next"
TOO_SHORT = f"it has values of fewer than {FEWEST_DAYS} days"
NOT_AT_THESE_HOURS = "it never had values at these hours of the day"
NOT_OF_VMS = "of VMs, only counters that people look at first have baselines, and services"


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


async def get_baseline(tables: Tables, question: SeriesQuestion, view: View) -> Baseline | OwnBaseline:
    """Return what is normal. Raises NotFound, and Forbidden where a tenant's caller asks for the fleet."""
    asked = await series_asked(tables, question, view)
    newest = window_of(asked.newest)
    windows = range(newest - (question.hours * HOUR - WINDOW), newest + WINDOW, WINDOW)
    normal = await normal_of(tables, asked.tenant, asked.whose, asked.key, windows)
    reason = reason_of(asked.whose, asked.key, normal)
    told = (asked.key, asked.tenant, asked.vm, normal.days, normal.zone or "UTC", reason)
    if asked.tenant is not None and view.caller.tenant:
        items = [OwnBaselineItem(at, *normal.bands.get(at, (None, None, None))) for at in windows]
        return OwnBaseline(asked.key, asked.tenant, *told[2:], items)
    return Baseline(*told, [BaselineItem(at, *normal.bands.get(at, (None, None, None))) for at in windows])


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
    zone = await zone_of_series(tables, tenant, whose)
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
