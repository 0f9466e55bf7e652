"""Histograms: how the values of all VMs are spread in a group of minutes, for heatmaps and percentiles.

Knows the stored histograms of minutes. Never reads a VM window.
"""

from dataclasses import dataclass
from typing import TypeVar

from domain.disclosure import ForTenants
from domain.errors import Forbidden
from domain.percentiles import ByWindow, by_group
from domain.spans import Span
from pipeline.queries.names import known_counters, tenant_named
from pipeline.queries.spread import fleet_histograms, tenant_histograms
from pipeline.queries.view import View, progress_of
from storage.tables import Tables


@dataclass(frozen=True, slots=True)
class HistogramQuestion:
    """What a histogram asks: a counter over the latest ``minutes``, ``interval`` of them in a group."""

    key: str
    minutes: int
    interval: int = 1
    tenant: str | None = None


Bucket = dict[str, float | int]
"""A bucket: ``from`` and ``to`` are its ends, and ``count`` is how many values lie between them."""


@dataclass(slots=True)
class HistogramItem:
    """The values of all VMs in a group of minutes."""

    timestamp: int
    """Unix seconds: the identifier timestamp (second 30) of the group's first minute."""
    count: int
    """VM samples in the group (for one minute: VMs)."""
    min: float
    max: float
    buckets: list[Bucket]
    """The buckets that hold values, in ascending order. Each is at most 1.6 % wide; from
    and to are its ends."""


@dataclass(slots=True)
class OwnHistogramItem(HistogramItem, ForTenants):
    """The values of a tenant's VMs in a group of minutes, as that tenant's caller sees them."""


AnItem = TypeVar("AnItem", bound=HistogramItem)


@dataclass(frozen=True, slots=True)
class HistogramAnswer:
    """A counter's histograms, oldest first: what was asked, resolved."""

    key: str
    tenant: str | None
    """The tenant; null: the fleet."""
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    aggregationInterval: int
    data: list[HistogramItem]


@dataclass(frozen=True, slots=True)
class OwnHistogramAnswer(ForTenants):
    """A counter's histograms of a tenant, as that tenant's caller sees them."""

    key: str
    tenant: str
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    aggregationInterval: int
    data: list[OwnHistogramItem]


async def get_histogram(
    tables: Tables, question: HistogramQuestion, view: View
) -> HistogramAnswer | OwnHistogramAnswer:
    """Return a counter's histograms. Raises NotFound, and Forbidden where a tenant's caller asks for the fleet."""
    if question.tenant is None and view.caller.tenant:
        raise Forbidden("histograms of the fleet are not for tenants: give the parameter tenant")
    counters, progress = await known_counters(tables, [question.key], view), await progress_of(tables)
    (key, seen), *_ = counters.items()
    span = Span.latest(question.minutes, seen if progress.newest is None else min(seen, progress.newest))
    if question.tenant is None:
        items = _items(HistogramItem, await fleet_histograms(tables, key, span), span, question.interval)
        return HistogramAnswer(key, None, span.first, span.last, question.interval, items)
    tenant = await tenant_named(tables, question.tenant, view)
    found = (await tenant_histograms(tables, tenant, [key], span))[key]
    if view.caller.tenant:
        own = _items(OwnHistogramItem, found, span, question.interval)
        return OwnHistogramAnswer(key, tenant, span.first, span.last, question.interval, own)
    items = _items(HistogramItem, found, span, question.interval)
    return HistogramAnswer(key, tenant, span.first, span.last, question.interval, items)


def _items(kind: type[AnItem], windows: ByWindow, span: Span, interval: int) -> list[AnItem]:
    """Return an item for each group of minutes that has values."""
    groups = list(span.groups(interval))
    merged = by_group(windows, groups)
    columns = zip(groups, *(column.tolist() for column in (merged.totals, merged.mins, merged.maxs)), strict=False)
    return [
        kind(group.first, count, low, high, [_bucket(*each) for each in merged.buckets(number)])
        for number, (group, count, low, high) in enumerate(columns)
        if count
    ]


def _bucket(low: float, high: float, count: int) -> Bucket:
    return {"from": low, "to": high, "count": count}
