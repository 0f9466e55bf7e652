"""How the values of all VMs are spread: the stored histograms of minutes, and the percentiles of charts from them.

Never reads a VM window.
"""

from collections.abc import Collection, Mapping, Sequence

from domain.charts import FleetItem, TenantItem
from domain.disclosed_charts import DisclosedTenantItem
from domain.minutes import windows_between
from domain.percentiles import ByWindow, Named, name_of, percentiles_by_group
from domain.rollups import Node
from domain.spans import Span
from pipeline.concurrency import gather
from pipeline.queries.view import AT_ONCE
from storage.tables import Tables

ByTime = Mapping[int, Named]
"""The percentiles of groups of minutes, by the timestamp of the first."""


async def fleet_histograms(tables: Tables, key: str, span: Span) -> ByWindow:
    """Return the fleet's histograms of a counter, by window."""
    windows = windows_between(span.first, span.last)
    return await tables.histograms.of_fleet_between(key, windows[0], windows[-1])


async def tenant_histograms(tables: Tables, tenant: str, keys: Collection[str], span: Span) -> Mapping[str, ByWindow]:
    """Return a tenant's histograms by counter and window."""
    windows = windows_between(span.first, span.last)
    read = await gather((tables.histograms.read(Node.of(tenant), each, keys) for each in windows), AT_ONCE)
    found = [(window, stored.value) for window, stored in zip(windows, read, strict=True) if stored]
    return {key: {window: of[key] for window, of in found if key in of} for key in keys}


async def fleet_percentiles(
    tables: Tables, keys: Collection[str], span: Span, interval: int, wanted: Sequence[float]
) -> Mapping[str, ByTime]:
    """Return the wanted percentiles of the fleet's groups of minutes, by counter. Reads nothing if none is wanted."""
    if not wanted or not span.minutes:
        return {key: {} for key in keys}
    groups = list(span.groups(interval))
    read = await gather((fleet_histograms(tables, key, span) for key in keys), AT_ONCE)
    return {key: percentiles_by_group(found, groups, wanted) for key, found in zip(keys, read, strict=True)}


async def tenant_percentiles(
    tables: Tables, tenant: str, keys: Collection[str], span: Span, interval: int, wanted: Sequence[float]
) -> Mapping[str, ByTime]:
    """Return the same of a tenant's groups of minutes."""
    if not wanted or not span.minutes:
        return {key: {} for key in keys}
    groups = list(span.groups(interval))
    found = await tenant_histograms(tables, tenant, keys, span)
    return {key: percentiles_by_group(found[key], groups, wanted) for key in keys}


def show_fleet(items: Sequence[FleetItem], found: ByTime, percentiles: Sequence[float], by: float | None) -> None:
    """Put percentiles into the points of a fleet chart; and the one that is asked for as the average, if any is."""
    names = [name_of(each) for each in percentiles]
    for item in items:
        of = found.get(item.timestamp)
        item.percentiles = _shown(of, names)
        if by is not None:
            item.average = of[name_of(by)] if of else None


def show_tenant(
    items: Sequence[TenantItem] | Sequence[DisclosedTenantItem],
    found: ByTime,
    percentiles: Sequence[float],
    by: float | None,
) -> None:
    """Put a tenant's percentiles into the points of its chart; and the one asked for as its average, if any is."""
    names = [name_of(each) for each in percentiles]
    for item in items:
        of = found.get(item.timestamp)
        item.tenantPercentiles = _shown(of, names)
        if by is not None:
            item.tenantAverage = of[name_of(by)] if of else None


def _shown(of: Named | None, names: Sequence[str]) -> Named | None:
    return {name: of[name] for name in names} if of and names else None
