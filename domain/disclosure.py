"""Disclosure control: which fleet figures a tenant's caller may see, and which answer types they may get.

A figure over the fleet can reveal a single tenant's data. A minimum is one VM's value. The average times the count,
before and after a tenant arrived, gives that tenant's sum. So a counter has only one figure for each minute: its
average, or the reason why the average is suppressed. The figure is decided once, when the minute's window closes, by
two rules that statistical offices use: the minimum frequency rule and the dominance rule (Hundepool and others,
"Handbook on Statistical Disclosure Control"). It is the same for every tenant and never changes.

Knows the rules, and how charts are made from such figures. Does not know where the figures are kept, or any other
figure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from domain.charts import By, aggregate, own_figures
from domain.counters import Reduction
from domain.minutes import minutes_of
from domain.names import split_key
from domain.partials import Partial
from domain.rollups import Series
from domain.spans import Span, grouped

MIN_TENANTS = 5
"""How many enrolled tenants besides the caller's must contribute to an average, if no setting says otherwise."""

DOMINATED = "one tenant brought more than half of the others' VMs"
NOT_FINAL = "the minute is not final yet"
NEVER_DISCLOSED = "nothing was disclosed of this counter when the minute's window closed"

Figure = float | str | None
"""What is disclosed of a counter and a minute: its average over all VMs, or why it is suppressed. None: no VM had a
sample."""


class ForTenants:
    """An answer that a tenant's caller may get: its only figures of others' VMs are disclosed ones.

    Answers of any other type are refused to tenants' callers (blueprints.http.endpoints). Where an answer is made,
    domain.access decides which names and samples it contains.
    """

    __slots__ = ()


def reason_to_suppress(fleet: Partial, min_tenants: int) -> str | None:
    """Return why a minute's average over the fleet is suppressed, or None: every tenant's caller may see it.

    Only enrolled tenants count, since others can be made up. A caller knows their own part and can subtract it. So
    ``min_tenants`` must remain without the caller's tenant, and no tenant may hold more than half of the rest. If the
    largest tenant asks, the second is the greatest of the others. If the second or any other asks, the largest is.
    """
    if fleet.enrolled - 1 < min_tenants:
        return f"fewer than {min_tenants} other tenants took part"
    largest, second, proven = fleet.largest, fleet.second, fleet.proven
    if 2 * second > proven - largest or 2 * largest > proven - second:
        return DOMINATED
    return None


def figures(series: Series, min_tenants: int) -> list[Figure]:
    """Return what is disclosed of a counter's window, minute by minute, computed from the fleet's partials."""
    return [part and (reason_to_suppress(part, min_tenants) or part.mean) for part in series]


@dataclass(frozen=True, slots=True)
class DisclosedMinute:
    """A minute of a counter as every tenant's caller sees it: an average, or why there is none."""

    timestamp: int
    average: float | None
    suppressed: str | None
    final: bool = True


def disclosed_minutes(window: int, disclosed: Sequence[Figure]) -> Iterator[DisclosedMinute]:
    """Yield the disclosed minutes of a window, oldest first."""
    for at, figure in zip(minutes_of(window), disclosed, strict=True):
        if isinstance(figure, str):
            yield DisclosedMinute(at, None, figure)
        elif figure is not None:
            yield DisclosedMinute(at, figure, None)


# The two classes below are not frozen, for the same reason as domain.charts.FleetItem. A field whose type allows only
# null is a field of FleetItem that is not disclosed. So both classes have the same names.


@dataclass(slots=True)
class DisclosedItem(ForTenants):
    """One point of a fleet chart as a tenant's caller sees it: the disclosed average of a group of minutes.

    Fields that are always null are not disclosed. The coverage would reveal what a late tenant added. A mean weighted
    by counts, beside an unweighted mean, would reveal the counts.
    """

    timestamp: int
    """Unix seconds: the identifier timestamp (second 30) of the group's first minute."""
    PerfType: str
    PerfName: str
    average: float | None
    """The mean, min or max (as asked) of the averages over all VMs, of those minutes that are not suppressed."""
    PerfValue: float | None
    """The same as average."""
    count: None = None
    sum: None = None
    tenants: None = None
    min: None = None
    max: None = None
    stddev: None = None
    sampleMean: None = None
    coverage: None = None
    final: bool = False
    """Whether the windows of all minutes of the group are closed."""
    suppressed: str | None = None
    """Why the average is suppressed, or made from only part of the group's minutes; null: it is not."""
    percentiles: dict[str, float] | None = None


@dataclass(slots=True)
class DisclosedTenantItem(DisclosedItem):
    """One point of a tenant's chart as its caller sees it: a VM's value (PerfValue) and the tenant's figures.

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
    """The sum over the tenant's VMs: the mean of the minutes' sums; of a counter that is reduced by its sum, their
    total."""
    tenantPercentiles: dict[str, float] | None = None
    """The percentiles asked for, of all samples of the tenant's VMs in the group, by name (p50); null: not asked for,
    or not known (yet)."""


_fleets_part: Callable[[DisclosedItem], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(DisclosedItem)))
"""Reads the fields of a fleet point, in their order."""


NEVER_SHOWN = tuple(each.name for each in fields(DisclosedItem) if each.type is None)
"""The names of the fields that a tenant's caller never gets."""


def disclosed_items(
    key: str, minutes: Sequence[DisclosedMinute], span: Span, interval: int, by: By
) -> list[DisclosedItem]:
    """Return the points of a counter's fleet chart, oldest first; a group's figures leave out suppressed minutes."""
    perf_type, perf_name = split_key(key)
    items = []
    for group, members in grouped(minutes, span, interval):
        averages = [minute.average for minute in members if minute.average is not None]
        why = "; ".join(dict.fromkeys(minute.suppressed for minute in members if minute.suppressed))
        average = aggregate(by, averages) if averages else None
        items.append(
            DisclosedItem(
                timestamp=group.first,
                PerfType=perf_type,
                PerfName=perf_name,
                average=average,
                PerfValue=average,
                final=all(minute.final for minute in members),
                suppressed=f"in part: {why}" if why and averages else why or None,
            )
        )
    return items


def disclosed_tenant_items(
    fleet: Sequence[DisclosedItem],
    vm: Mapping[int, float],
    tenant: Mapping[int, Partial],
    span: Span,
    interval: int,
    by: By,
    reduction: Reduction = "avg",
) -> list[DisclosedTenantItem]:
    """Return the fleet's points, adding a VM's values and its tenant's partials (both by identifier timestamp)."""
    lasts = {group.first: group.last for group in span.groups(interval)}
    items = []
    for point in fleet:
        value, summary = own_figures(point.timestamp, lasts[point.timestamp], vm, tenant, by, reduction)
        item = DisclosedTenantItem(*_fleets_part(point) + summary)
        item.PerfValue = value
        items.append(item)
    return items
