"""Charts: from minute rows to the points of a chart.

Knows what each group of minutes shows, but not where rows come from.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from operator import attrgetter
from typing import Any, Literal

import msgspec

from domain import exact
from domain.counters import Reduction
from domain.minutes import HOUR, MINUTE
from domain.partials import Partial, merge
from domain.report import ReportRow, coverages
from domain.spans import Span, grouped

Aggregation = Literal["avg", "min", "max"]
AGGREGATIONS: tuple[Aggregation, ...] = ("avg", "min", "max")

By = Aggregation | float
"""How minutes make a point: the mean, min or max of their averages; or, a number, that percentile of all samples."""


class Minute(msgspec.Struct, frozen=True, gc=False):
    """A report row as a reader sees it: with its coverage (0 to 1) and whether it is final.

    It is a msgspec struct and not a dataclass, for the same reason as a report row.
    """

    row: ReportRow
    coverage: float
    final: bool

    @property
    def timestamp(self) -> int:
        """The minute's identifier timestamp."""
        return self.row.timestamp


def judge(rows: Sequence[ReportRow], span: Span, is_final: Callable[[int], bool]) -> list[Minute]:
    """Return the rows of a span with their coverage and finality.

    ``rows``, oldest first, must begin an hour before the span, since coverage looks back an hour. ``is_final`` returns
    whether a minute is final.
    """
    covered = coverages([(row.timestamp, row.count) for row in rows])
    return [
        Minute(row, share, is_final(row.timestamp))
        for row, share in zip(rows, covered, strict=True)
        if span.first <= row.timestamp <= span.last
    ]


def lookback(span: Span) -> Span:
    """Return the span of rows that :func:`judge` needs."""
    return Span(span.first - HOUR + MINUTE, span.last)


# Unlike other values, the two classes below are not frozen: creating a frozen one takes ten times as long, and a chart
# of a day has 1,440 of them.


@dataclass(slots=True)
class FleetItem:
    """One point of a fleet chart: the report record of a group of minutes (of one minute, if the interval is 1).

    It holds the fleet's full figures. A tenant's caller gets a domain.disclosed_charts.DisclosedItem instead.
    """

    timestamp: int
    """Unix seconds: the identifier timestamp (second 30) of the group's first minute."""
    PerfType: str
    PerfName: str
    average: float | None
    """The mean, min or max (as asked) of the minutes' averages over all VMs; or the percentile asked for, of all VM
    samples of the group (null: not known yet)."""
    PerfValue: float | None
    """The same as average, so that a report record can be read wherever a sample record can."""
    count: int | None = None
    """VM samples in the group (for one minute: VMs)."""
    sum: float | None = None
    """The sum over all VMs: the mean of the minutes' sums; of a counter that is reduced by its sum, their total."""
    tenants: int | None = None
    """The most tenants in any of the group's minutes."""
    min: float | None = None
    """The min of all VM samples of the group."""
    max: float | None = None
    """The max of all VM samples of the group."""
    stddev: float | None = None
    """The population standard deviation of all VM samples of the group."""
    sampleMean: float | None = None
    """The mean of all VM samples of the group."""
    coverage: float | None = None
    """A minute's count divided by the greatest count of the hour up to it, 0 to 1; for a group, the least of its
    minutes."""
    final: bool = False
    """Whether the windows of all minutes of the group are closed."""
    suppressed: str | None = None
    """Why the average is suppressed, or made from only part of the group's minutes; null: it is not."""
    percentiles: dict[str, float] | None = None
    """The percentiles asked for, of all VM samples of the group, by name (p50); null: not asked for, or not known
    (yet)."""


@dataclass(slots=True)
class TenantItem(FleetItem):
    """One point of a tenant's chart: the fleet's, with a VM's value (PerfValue) and the tenant's figures.

    PerfValue is the VM's minutes, combined as asked; null if it has none, or if no VM was asked for.
    """

    tenantAverage: float | None = None
    """The same as average, but over the VMs of the tenant; null if the tenant has no samples."""
    tenantMin: float | None = None
    """The min of all samples of the tenant's VMs."""
    tenantMax: float | None = None
    """The max of all samples of the tenant's VMs."""
    tenantCount: int = 0
    """Samples of the tenant's VMs in the group (for one minute: VMs)."""
    tenantSum: float | None = None
    """The same as sum, but over the VMs of the tenant."""
    tenantPercentiles: dict[str, float] | None = None
    """The same as percentiles, but over the VMs of the tenant."""


_fleets_part: Callable[[FleetItem], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(FleetItem)))
"""Reads the fields of a fleet point, in their order."""


def aggregate(by: By, values: Sequence[float]) -> float:
    """Return the mean, the min, the max or a percentile (domain.histogram.Histograms) of at least one value."""
    if len(values) == 1:
        return values[0]
    if isinstance(by, float):
        return sorted(values)[min(len(values), max(1, math.ceil(len(values) * by / 100))) - 1]
    return _AGGREGATE[by](values)


def _mean(values: Sequence[float]) -> float:
    return exact.mean(values, len(values))


_AGGREGATE: Mapping[Aggregation, Callable[[Sequence[float]], float]] = {"avg": _mean, "min": min, "max": max}


def _total(row: ReportRow) -> float:
    """Return the sum of a row's samples, from its average, which is rounded. A sum of whole numbers is exact."""
    total = max(-exact.LARGEST, min(row.average * row.count, exact.LARGEST))
    if abs(total) >= _WHOLE:
        return total
    nearest = float(round(total))
    return nearest if abs(total - nearest) <= 2 * math.ulp(total) else total


_WHOLE = 2.0**52
"""From here on, every double is a whole number."""


def _as_partial(row: ReportRow) -> Partial:
    # The total is rounded, so this partial is not exact. It is used only for figures over groups, which are derived.
    return Partial(row.count, row.tenants, (_total(row),), row.min, row.max, row.stddev * math.sqrt(row.count))


def _item(
    of: Minute,
    timestamp: int,
    average: float,
    samples: ReportRow | Partial,
    mean: float,
    total: float,
    tenants: int,
) -> FleetItem:
    """Return the point of a group, with the coverage and finality of ``of``.

    ``samples`` are all samples of the group, merged, ``mean`` is their mean, and ``total`` the point's ``sum``. To add
    a statistic, add a line here and a field above.
    """
    return FleetItem(
        timestamp=timestamp,
        PerfType=of.row.PerfType,
        PerfName=of.row.PerfName,
        average=average,
        PerfValue=average,
        count=samples.count,
        sum=total,
        tenants=tenants,
        min=samples.min,
        max=samples.max,
        stddev=samples.stddev,
        sampleMean=mean,
        coverage=of.coverage,
        final=of.final,
    )


def fleet_items(
    minutes: Sequence[Minute], span: Span, interval: int, by: By, reduction: Reduction = "avg"
) -> list[FleetItem]:
    """Return the points of a fleet chart, oldest first. Groups without any data are left out.

    ``reduction`` is the counter's own. With a percentile as ``by``, domain.percentiles has the averages of the points.
    """
    if interval == 1:
        return [
            _item(minute, row.timestamp, row.average, row, row.average, _total(row), row.tenants)
            for minute in minutes
            if (row := minute.row)
        ]
    items = []
    for group, members in grouped(minutes, span, interval):
        rows = [member.row for member in members]
        judged = Minute(rows[0], min(each.coverage for each in members), all(each.final for each in members))
        merged = merge([_as_partial(row) for row in rows])
        average = aggregate(by, [row.average for row in rows])
        total = combined_sum([merged.total], len(rows), reduction)
        tenants = max(row.tenants for row in rows)
        items.append(_item(judged, group.first, average, merged, merged.mean, total, tenants))
    return items


def combined_sum(totals: Iterable[Sequence[float]], minutes: int, reduction: Reduction) -> float:
    """Return the sum of a group of minutes, given the exact totals of its minutes: their mean, or their total."""
    terms = list(chain.from_iterable(totals))
    return exact.limited_sum(terms) if reduction == "sum" else exact.mean(terms, minutes)


def tenant_items(
    fleet: Sequence[FleetItem],
    vm: Mapping[int, float],
    tenant: Mapping[int, Partial],
    span: Span,
    interval: int,
    by: By,
    reduction: Reduction = "avg",
) -> list[TenantItem]:
    """Return the fleet's points, adding a VM's values and its tenant's partials (both by identifier timestamp)."""
    lasts = {} if interval == 1 else {group.first: group.last for group in span.groups(interval)}
    items = []
    for point in fleet:
        first = point.timestamp
        value, summary = own_figures(first, lasts.get(first, first), vm, tenant, by, reduction)
        item = TenantItem(*_fleets_part(point) + summary)
        item.PerfValue = value
        items.append(item)
    return items


def own_figures(
    first: int,
    last: int,
    vm: Mapping[int, float],
    tenant: Mapping[int, Partial],
    by: By,
    reduction: Reduction,
) -> tuple[float | None, tuple[Any, ...]]:
    """Return a VM's value over a range of minutes, and the tenant's figures for a TenantItem, but no percentiles."""
    if first == last:
        part = tenant.get(first)
        return vm.get(first), _summary([part] if part else [], by, reduction)
    stamps = range(first, last + 1, MINUTE)
    own = [vm[stamp] for stamp in stamps if stamp in vm]
    parts = [tenant[stamp] for stamp in stamps if stamp in tenant]
    return aggregate(by, own) if own else None, _summary(parts, by, reduction)


def _summary(parts: Sequence[Partial], by: By, reduction: Reduction) -> tuple[Any, ...]:
    """Return a TenantItem's tenant figures: the parts' means combined as asked, and figures of all their samples."""
    if not parts:
        return None, None, None, 0, None
    if len(parts) == 1:  # the usual case
        part = parts[0]
        return part.mean, part.min, part.max, part.count, exact.limited_sum(part.total)
    return (
        aggregate(by, [part.mean for part in parts]),
        min(part.min for part in parts),
        max(part.max for part in parts),
        sum(part.count for part in parts),
        combined_sum((part.total for part in parts), len(parts), reduction),
    )
