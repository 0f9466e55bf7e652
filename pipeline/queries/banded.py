"""Charts with what is normal: takes a chart's answer and adds baselines to its points.

Reads only baselines that were learned. A tenant's caller gets those of its own tenant, and never the fleet's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter

from domain.banded_charts import (
    Band,
    BandedDisclosedTenantItem,
    BandedFleetItem,
    BandedTenantItem,
    scale_of,
    with_bands,
)
from domain.counters import reduction_of
from domain.digests import Whose
from domain.disclosure import ForTenants
from domain.minutes import windows_between
from domain.spans import Span
from pipeline.queries.answers import DisclosedTenantAnswer, FleetAnswer, Resolved, TenantAnswer
from pipeline.queries.baselines import normals_of, reason_of
from pipeline.queries.view import View
from storage.tables import Tables


@dataclass(frozen=True, slots=True)
class ChartBaseline:
    """What the baseline of a counter is learned from."""

    key: str
    history: int
    """The days from which it was learned; 0: nothing was learned."""
    timeZone: str
    """The clocks by which it was learned: of a VM those of its region, of others those of most VMs. UTC, if no region
    is known."""
    reason: str | None
    """Why the points do not say what is normal; null: they do."""


@dataclass(frozen=True, slots=True)
class OwnChartBaseline(ChartBaseline, ForTenants):
    """What the baseline of a tenant or its VM is learned from, as that tenant's caller sees it."""


@dataclass(frozen=True, slots=True)
class BandedFleetAnswer(Resolved):
    """Counters over the fleet, with what is normal."""

    baselines: list[ChartBaseline]
    """One for each counter, as asked."""
    data: list[BandedFleetItem]
    """The points, counter after counter as asked, each oldest first."""
    nextPage: str | None = field(default=None, kw_only=True)
    """If all counters were asked for: the value for the parameter page; null: there is no further page."""


@dataclass(frozen=True, slots=True)
class BandedTenantAnswer(Resolved):
    """Counters of a tenant and perhaps a VM beside the fleet, with what is normal for the VM, or for the tenant."""

    tenant: str
    vm: str | None
    """null: no VM was asked for."""
    baselines: list[ChartBaseline]
    """One for each counter, as asked: of the VM, or of the tenant if no VM was asked for."""
    data: list[BandedTenantItem]
    """The points, counter after counter as asked, each oldest first."""


@dataclass(frozen=True, slots=True)
class BandedDisclosedTenantAnswer(Resolved, ForTenants):
    """The same as the tenant's caller sees them."""

    tenant: str
    vm: str | None
    """null: no VM was asked for."""
    baselines: list[OwnChartBaseline]
    """One for each counter, as asked: of the VM, or of the tenant if no VM was asked for."""
    data: list[BandedDisclosedTenantItem]
    """The points, counter after counter as asked, each oldest first."""


_resolved: Callable[[Resolved], tuple[str | Sequence[str], int, int, int, str, Sequence[str], str | None]]
_resolved = attrgetter(*(each.name for each in fields(Resolved)))
"""Reads the fields that all answers of charts have, in their order."""


async def fleet_with_bands(tables: Tables, answer: FleetAnswer, view: View) -> BandedFleetAnswer:
    """Add what is normal for the fleet."""
    baselines, bands = await _bands(tables, answer, None, Whose("fleet"), view)
    items = with_bands(answer.data, BandedFleetItem, _span(answer), answer.aggregationInterval, bands)
    return BandedFleetAnswer(*_resolved(answer), baselines, items, nextPage=answer.nextPage)


async def tenant_with_bands(
    tables: Tables, answer: TenantAnswer | DisclosedTenantAnswer, view: View
) -> BandedTenantAnswer | BandedDisclosedTenantAnswer:
    """Add what is normal for the VM, or for the tenant if the answer is of no VM."""
    whose = Whose("tenant") if answer.vm is None else Whose("vm", answer.vm)
    baselines, bands = await _bands(tables, answer, answer.tenant, whose, view)
    first = (*_resolved(answer), answer.tenant, answer.vm)
    span, interval = _span(answer), answer.aggregationInterval
    if isinstance(answer, TenantAnswer):
        return BandedTenantAnswer(*first, baselines, with_bands(answer.data, BandedTenantItem, span, interval, bands))
    own = [OwnChartBaseline(each.key, each.history, each.timeZone, each.reason) for each in baselines]
    items = with_bands(answer.data, BandedDisclosedTenantItem, span, interval, bands)
    return BandedDisclosedTenantAnswer(*first, own, items)


def _span(answer: Resolved) -> Span:
    return Span(answer.start, answer.end)


async def _bands(
    tables: Tables, answer: Resolved, tenant: str | None, whose: Whose, view: View
) -> tuple[list[ChartBaseline], Mapping[str, Mapping[int, Band]]]:
    """Return, for each counter of an answer, what its baseline is learned from, and what is normal, by window."""
    keys: Sequence[str] = [answer.key] if isinstance(answer.key, str) else answer.key
    windows = windows_between(answer.start, answer.end) if _span(answer).minutes else range(0)
    normals = await normals_of(tables, tenant, whose, keys, windows)
    by, interval = answer.aggregationBy, answer.aggregationInterval
    baselines: list[ChartBaseline] = []
    bands: dict[str, Mapping[int, Band]] = {}
    for key, normal in normals.items():
        reduction = reduction_of(key, view.reductions)
        scale = scale_of(reduction, by, interval, of_vm=whose.kind == "vm")
        reason = reason_of(whose, key, normal)
        if scale is None and reason is None:
            reason = (
                f"what is normal is known of windows, whose value is the {reduction} of each VM's minutes; points with "
                f"aggregationBy={by} and aggregationInterval={interval} show something else: ask get-baseline"
            )
        baselines.append(ChartBaseline(key, normal.days, normal.zone or "UTC", reason))
        bands[key] = {
            window: band if scale == 1 else Band(*(line * scale for line in band))
            for window, band in normal.bands.items()
            if scale is not None
        }
    return baselines, bands
