"""Query windows and grouping: from minute rows to the points of a chart.

Knows how a range of minutes is divided into groups and what each group shows, but not where rows come from.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from domain import exact
from domain.minutes import HOUR, IDENTIFIER_SECOND, MINUTE
from domain.partials import Partial, merge
from domain.report import ReportRow, coverages

Aggregation = Literal["avg", "min", "max"]
AGGREGATIONS: tuple[Aggregation, ...] = ("avg", "min", "max")


@dataclass(frozen=True, slots=True)
class Span:
    """The minutes from ``first`` to ``last``, both included, as identifier timestamps. Empty if ``last < first``."""

    first: int
    last: int

    @classmethod
    def latest(cls, minutes: int, newest: int) -> "Span":
        """Return the latest ``minutes`` minutes, counted back from ``newest``."""
        return cls(newest - (minutes - 1) * MINUTE, newest)

    @classmethod
    def fixed(cls, start: int, end: int) -> "Span":
        """Return the minutes whose identifier timestamp lies from ``start`` to ``end`` (Unix seconds, both included).

        There are 60 such minutes from one full hour to the next.
        """
        first = start + (IDENTIFIER_SECOND - start) % MINUTE
        last = end - (end - IDENTIFIER_SECOND) % MINUTE
        return cls(first, last)

    @property
    def minutes(self) -> int:
        """The number of minutes."""
        return max(0, (self.last - self.first) // MINUTE + 1)

    def groups(self, interval: int) -> Iterator["Span"]:
        """Yield consecutive groups of ``interval`` minutes, oldest first. The last group ends at ``last``.

        If the interval does not divide the span, the first group is shorter: it never starts before ``first``.
        """
        if not self.minutes:
            return
        step = interval * MINUTE
        end = self.last - (self.minutes - 1) // interval * step
        for last in range(end, self.last + 1, step):
            yield Span(max(self.first, last - step + MINUTE), last)


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

    It holds the fleet's full figures. A tenant's caller gets a domain.disclosure.DisclosedItem instead.
    """

    timestamp: int
    """Unix seconds: the identifier timestamp (second 30) of the group's first minute."""
    PerfType: str
    PerfName: str
    average: float | None
    """The mean, min or max (as asked) of the minutes' averages over all VMs."""
    PerfValue: float | None
    """The same as average, so that a report record can be read wherever a sample record can."""
    count: int | None = None
    """VM samples in the group (for one minute: VMs)."""
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


@dataclass(slots=True)
class TenantItem(FleetItem):
    """One point of a tenant's chart: the fleet's, with a VM's value (PerfValue) and the tenant's figures.

    PerfValue is the mean, min or max (as asked) of the VM's minutes; null if it has none, or if no VM was asked for.
    """

    tenantAverage: float | None = None
    """The same as average, but over the VMs of the tenant; null if the tenant has no samples."""
    tenantMin: float | None = None
    """The min of all samples of the tenant's VMs."""
    tenantMax: float | None = None
    """The max of all samples of the tenant's VMs."""
    tenantCount: int = 0
    """Samples of the tenant's VMs in the group (for one minute: VMs)."""


_fleets_part: Callable[[FleetItem], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(FleetItem)))
"""Reads the fields of a fleet point, in their order."""


def aggregate(by: Aggregation, values: Sequence[float]) -> float:
    """Return the mean, the min or the max of at least one value."""
    return values[0] if len(values) == 1 else _AGGREGATE[by](values)


def _mean(values: Sequence[float]) -> float:
    return exact.mean(values, len(values))


_AGGREGATE: Mapping[Aggregation, Callable[[Sequence[float]], float]] = {"avg": _mean, "min": min, "max": max}


class Timed(Protocol):
    """A value of a minute."""

    @property
    def timestamp(self) -> int:
        """The minute's identifier timestamp."""


ATime = TypeVar("ATime", bound=Timed)


def grouped(minutes: Sequence[ATime], span: Span, interval: int) -> Iterator[tuple[Span, list[ATime]]]:
    """Yield each group that has data, with its minutes. The minutes must be given oldest first."""
    position = 0
    for group in span.groups(interval):
        members = []
        while position < len(minutes) and minutes[position].timestamp <= group.last:
            members.append(minutes[position])
            position += 1
        if members:
            yield group, members


def _as_partial(row: ReportRow) -> Partial:
    # The row's average is rounded, so this partial is not exact. It is used only for figures over groups, which are
    # derived.
    total = max(-exact.LARGEST, min(row.average * row.count, exact.LARGEST))
    return Partial(row.count, row.tenants, (total,), row.min, row.max, row.stddev * math.sqrt(row.count))


def _item(
    of: Minute, timestamp: int, average: float, samples: ReportRow | Partial, mean: float, tenants: int
) -> FleetItem:
    """Return the point of a group, with the coverage and finality of ``of``.

    ``samples`` are all samples of the group, merged, and ``mean`` is their mean. To add a statistic, add a line here
    and a field above.
    """
    return FleetItem(
        timestamp=timestamp,
        PerfType=of.row.PerfType,
        PerfName=of.row.PerfName,
        average=average,
        PerfValue=average,
        count=samples.count,
        tenants=tenants,
        min=samples.min,
        max=samples.max,
        stddev=samples.stddev,
        sampleMean=mean,
        coverage=of.coverage,
        final=of.final,
    )


def fleet_items(minutes: Sequence[Minute], span: Span, interval: int, by: Aggregation) -> list[FleetItem]:
    """Return the points of a fleet chart, oldest first. Groups without any data are left out."""
    if interval == 1:
        return [
            _item(minute, row.timestamp, row.average, row, row.average, row.tenants)
            for minute in minutes
            if (row := minute.row)
        ]
    items = []
    for group, members in grouped(minutes, span, interval):
        rows = [member.row for member in members]
        judged = Minute(rows[0], min(each.coverage for each in members), all(each.final for each in members))
        merged = merge([_as_partial(row) for row in rows])
        average = aggregate(by, [row.average for row in rows])
        items.append(_item(judged, group.first, average, merged, merged.mean, max(row.tenants for row in rows)))
    return items


def tenant_items(
    fleet: Sequence[FleetItem],
    vm: Mapping[int, float],
    tenant: Mapping[int, Partial],
    span: Span,
    interval: int,
    by: Aggregation,
) -> list[TenantItem]:
    """Return the fleet's points, adding a VM's values and its tenant's partials (both by identifier timestamp)."""
    lasts = {} if interval == 1 else {group.first: group.last for group in span.groups(interval)}
    items = []
    for point in fleet:
        first = point.timestamp
        value, summary = own_figures(first, lasts.get(first, first), vm, tenant, by)
        item = TenantItem(*_fleets_part(point) + summary)
        item.PerfValue = value
        items.append(item)
    return items


def own_figures(
    first: int, last: int, vm: Mapping[int, float], tenant: Mapping[int, Partial], by: Aggregation
) -> tuple[float | None, tuple[Any, ...]]:
    """Return a VM's value over a range of minutes, and the tenant's figures for a TenantItem."""
    if first == last:
        part = tenant.get(first)
        return vm.get(first), _summary([part] if part else [], by)
    stamps = range(first, last + 1, MINUTE)
    own = [vm[stamp] for stamp in stamps if stamp in vm]
    return aggregate(by, own) if own else None, _summary([tenant[stamp] for stamp in stamps if stamp in tenant], by)


def _summary(parts: Sequence[Partial], by: Aggregation) -> tuple[Any, ...]:
    """Return a TenantItem's tenant figures: the parts' means combined as asked, and figures of all their samples."""
    if not parts:
        return None, None, None, 0
    if len(parts) == 1:  # the usual case
        part = parts[0]
        return part.mean, part.min, part.max, part.count
    return (
        aggregate(by, [part.mean for part in parts]),
        min(part.min for part in parts),
        max(part.max for part in parts),
        sum(part.count for part in parts),
    )
