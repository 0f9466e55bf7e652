"""Charts as a tenant's caller sees them: points made only of what is disclosed of the fleet (domain.disclosure).

Knows how minutes make a point, and which fields of a point are never shown. Does not know the rules of disclosure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from domain.charts import By, aggregate, own_figures
from domain.coarse_histogram import LEFT_OUT, CoarseHistograms, merge_coarse
from domain.counters import Reduction
from domain.disclosure import MIN_VMS, PERCENTILES, SLOTS, DisclosedWindow, ForTenants
from domain.minutes import MINUTE, WINDOW, minutes_of
from domain.names import split_key
from domain.partials import Partial
from domain.percentiles import Named, name_of
from domain.spans import Span, grouped

NAMES = [name_of(each) for each in PERCENTILES]
"""The names of the percentiles that tenants may see of the fleet."""

NO_PERCENTILES = f"percentiles need {MIN_VMS} VMs of others, known when the minute's window closed"
NOT_FOR_TENANTS = f"of the fleet a tenant sees no percentiles but {', '.join(NAMES)}"


@dataclass(frozen=True, slots=True)
class DisclosedMinute:
    """A minute of a counter as every tenant's caller sees it: an average, or why there is none.

    ``histograms`` are its window's, if they have this minute.
    """

    timestamp: int
    average: float | None
    suppressed: str | None
    final: bool = True
    histograms: CoarseHistograms | None = None


def disclosed_minutes(window: int, disclosed: DisclosedWindow) -> Iterator[DisclosedMinute]:
    """Yield the disclosed minutes of a window, oldest first."""
    histograms = disclosed.histograms
    totals = histograms.totals.tolist() if histograms else [0] * SLOTS
    for at, figure, total in zip(minutes_of(window), disclosed.figures, totals, strict=False):
        if isinstance(figure, str):
            yield DisclosedMinute(at, None, figure)
        elif figure is not None:
            yield DisclosedMinute(at, figure, None, histograms=histograms if total else None)


def percentiles_of(groups: Sequence[Sequence[DisclosedMinute]]) -> list[Named | None]:
    """Return the PERCENTILES of each group of minutes, of all their samples together; None: they are not disclosed."""
    parts: dict[int, tuple[CoarseHistograms, list[int]]] = {}
    for number, minutes in enumerate(groups):
        for minute in minutes:
            if minute.histograms is not None:
                _, moved = parts.setdefault(id(minute.histograms), (minute.histograms, [LEFT_OUT] * SLOTS))
                moved[minute.timestamp % WINDOW // MINUTE] = number
    if not parts:
        return [None] * len(groups)
    merged = merge_coarse(parts.values(), len(groups))
    return [
        dict(zip(NAMES, found, strict=True)) if total else None
        for total, found in zip(merged.totals.tolist(), merged.percentiles(PERCENTILES).tolist(), strict=True)
    ]


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
    """The mean, min or max (as asked) of the averages over all VMs, of those minutes that are not suppressed; or, if a
    percentile is asked for, that percentile (see percentiles)."""
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
    """Why figures are suppressed, or made from only part of the group's minutes; null: they are not."""
    percentiles: dict[str, float] | None = None
    """Of p10, p50 and p90 those asked for, of all samples of all VMs in the group's minutes, rounded to five binary
    digits (at most 3.1 % away); null: none was asked for, or they are not disclosed."""


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
    key: str,
    minutes: Sequence[DisclosedMinute],
    span: Span,
    interval: int,
    by: By,
    percentiles: Sequence[float] = (),
) -> list[DisclosedItem]:
    """Return the points of a counter's fleet chart, oldest first; a group's figures leave out suppressed minutes.

    ``percentiles`` are those asked for; only PERCENTILES are shown. If ``by`` is one, it stands as the average.
    """
    perf_type, perf_name = split_key(key)
    groups = list(grouped(minutes, span, interval))
    percentile = name_of(by) if isinstance(by, float) else None
    asked = [name for name in map(name_of, percentiles) if name in NAMES]
    ranked = bool(asked) or percentile in NAMES
    found = percentiles_of([members for _, members in groups]) if ranked else [None] * len(groups)
    items = []
    for (group, members), of in zip(groups, found, strict=True):
        if percentile is None:
            averages = [minute.average for minute in members if minute.average is not None]
            average = aggregate(by, averages) if averages else None
        else:
            average = of.get(percentile) if of else None
        items.append(
            DisclosedItem(
                timestamp=group.first,
                PerfType=perf_type,
                PerfName=perf_name,
                average=average,
                PerfValue=average,
                final=all(minute.final for minute in members),
                suppressed=_why(members, percentile, ranked=ranked, shown=average is not None),
                percentiles={name: of[name] for name in asked} if of and asked else None,
            )
        )
    return items


def _why(members: Sequence[DisclosedMinute], percentile: str | None, *, ranked: bool, shown: bool) -> str | None:
    """Return why a point shows nothing, or only part of its minutes; None: it shows all that was asked for."""
    if percentile not in (None, *NAMES):
        return NOT_FOR_TENANTS
    reasons = {minute.suppressed: None for minute in members if minute.suppressed}
    if ranked and any(minute.average is not None and minute.histograms is None for minute in members):
        reasons[NO_PERCENTILES] = None
    why = "; ".join(reasons)
    return f"in part: {why}" if why and shown else why or None


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
