"""Charts: counters over the fleet, and a VM beside its tenant and the fleet. Never scans the fleet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from domain.charts import By, FleetItem, Minute, TenantItem, fleet_items, judge, lookback, tenant_items
from domain.closing import Progress
from domain.counters import reduction_of
from domain.disclosed_charts import DisclosedItem, DisclosedTenantItem, disclosed_items, disclosed_tenant_items
from domain.gaps import Gaps, with_gaps
from domain.minutes import DAY, HOUR, MINUTE, WINDOW, minutes_of, window_of, windows_between
from domain.partials import Partial
from domain.percentiles import name_of
from domain.rollups import Node
from domain.spans import Span
from pipeline.concurrency import gather
from pipeline.queries.answers import (
    CAREFULLY,
    DisclosedAnswer,
    DisclosedTenantAnswer,
    FleetAnswer,
    TenantAnswer,
)
from pipeline.queries.disclosed import disclosed_to
from pipeline.queries.names import known_counters, tenant_named, vm_named
from pipeline.queries.spread import fleet_percentiles, show_fleet, show_tenant, tenant_percentiles
from pipeline.queries.view import AT_ONCE, ATime, Read, View, progress_of
from storage.tables import Tables


@dataclass(frozen=True, slots=True)
class Question:
    """What a chart asks of one or more counters.

    Either ``minutes`` or ``start`` is given. ``minutes``: the latest so many, counted back from the newest minute that
    any of the counters has and that the fleet has reached (see domain.closing). ``start`` and perhaps ``end``: Unix
    seconds, both included. ``interval``: minutes in a group. ``final``: leave out minutes that are not final yet.
    ``gaps``: how groups without data are shown; None: they are not shown. ``exact``: the range is from ``start`` to
    ``end``, whatever minutes the counters have, so that answers about different counters share it. ``percentiles``:
    those to show, each above 0 and below 100.
    """

    keys: Sequence[str]
    minutes: int | None = None
    start: int | None = None
    end: int | None = None
    interval: int = 1
    by: By = "avg"
    final: bool = False
    gaps: Gaps | None = None
    exact: bool = False
    percentiles: Sequence[float] = ()

    @property
    def percentile(self) -> float | None:
        """The percentile that is to stand in ``average``, if any."""
        return self.by if isinstance(self.by, float) else None

    @property
    def wanted(self) -> Sequence[float]:
        """All percentiles that are needed."""
        return self.percentiles if self.percentile is None else (*self.percentiles, self.percentile)


async def get_data(tables: Tables, question: Question, view: View) -> FleetAnswer | DisclosedAnswer:
    """Answer for the fleet. Raises NotFound for a counter unknown to the system or to this caller's tenant."""
    if view.caller.tenant is None:
        return await _fleet_data(tables, question, view)
    span, charts = await _charts(
        tables, question, view, disclosed_to(view.caller.tenant, percentiles=bool(question.wanted))
    )
    items: list[DisclosedItem] = []
    for key, minutes in charts.items():
        points = disclosed_items(key, minutes, span, question.interval, question.by, question.percentiles)
        items += with_gaps(points, DisclosedItem, key, span, question.interval) if question.gaps else points
    return DisclosedAnswer(*_resolved(charts, span, question), CAREFULLY, items)


async def _fleet_data(tables: Tables, question: Question, view: View) -> FleetAnswer:
    span, charts = await _charts(tables, question, view, _judged)
    items: list[FleetItem] = []
    found = await fleet_percentiles(tables, charts, span, question.interval, question.wanted)
    for key, minutes in charts.items():
        points = fleet_items(minutes, span, question.interval, question.by, reduction_of(key, view.reductions))
        if question.wanted:
            show_fleet(points, found[key], question.percentiles, question.percentile)
            for point in points:
                point.PerfValue = point.average
        items += with_gaps(points, FleetItem, key, span, question.interval) if question.gaps else points
    return FleetAnswer(*_resolved(charts, span, question), None, items)


async def get_tenant_data(
    tables: Tables, question: Question, tenant: str, vm: str | None, view: View
) -> TenantAnswer | DisclosedTenantAnswer:
    """Answer for a tenant, and a VM if one is named, beside the fleet. Raises NotFound for an unknown name.

    A name may have blanks instead of plus signs, since a URL's query is often decoded that way. A tenant that the
    caller may not see is treated as one that has never been seen.
    """
    tenant = await tenant_named(tables, tenant, view)
    vm = None if vm is None else await vm_named(tables, tenant, vm)
    if view.caller.tenant is not None:
        return await _disclosed_tenant_data(tables, question, tenant, vm, view)
    span, charts = await _charts(tables, question, view, _judged)
    of_vm, of_tenant = await _beside(tables, tenant, vm, charts)
    found = await fleet_percentiles(tables, charts, span, question.interval, question.wanted)
    own = await tenant_percentiles(tables, tenant, charts, span, question.interval, question.wanted)
    items: list[TenantItem] = []
    for key, minutes in charts.items():
        reduction = reduction_of(key, view.reductions)
        fleet = fleet_items(minutes, span, question.interval, question.by, reduction)
        points = tenant_items(fleet, of_vm[key], of_tenant[key], span, question.interval, question.by, reduction)
        if question.wanted:
            show_fleet(points, found[key], question.percentiles, question.percentile)
            show_tenant(points, own[key], question.percentiles, question.percentile)
        items += with_gaps(points, TenantItem, key, span, question.interval) if question.gaps else points
    return TenantAnswer(*_resolved(charts, span, question), None, tenant, vm, items)


async def _disclosed_tenant_data(
    tables: Tables, question: Question, tenant: str, vm: str | None, view: View
) -> DisclosedTenantAnswer:
    span, charts = await _charts(tables, question, view, disclosed_to(tenant, percentiles=bool(question.wanted)))
    of_vm, of_tenant = await _beside(tables, tenant, vm, charts)
    own = await tenant_percentiles(tables, tenant, charts, span, question.interval, question.wanted)
    items: list[DisclosedTenantItem] = []
    for key, minutes in charts.items():
        reduction = reduction_of(key, view.reductions)
        fleet = disclosed_items(key, minutes, span, question.interval, question.by, question.percentiles)
        points = disclosed_tenant_items(
            fleet, of_vm[key], of_tenant[key], span, question.interval, question.by, reduction
        )
        if question.wanted:
            show_tenant(points, own[key], question.percentiles, question.percentile)
        items += with_gaps(points, DisclosedTenantItem, key, span, question.interval) if question.gaps else points
    return DisclosedTenantAnswer(*_resolved(charts, span, question), CAREFULLY, tenant, vm, items)


def _resolved(
    keys: Collection[str], span: Span, question: Question
) -> tuple[str | list[str], int, int, int, str, Sequence[str]]:
    """Return the first fields of an answer (see Resolved)."""
    asked = next(iter(keys)) if len(keys) == 1 else list(keys)
    by = name_of(question.by) if isinstance(question.by, float) else question.by
    return asked, span.first, span.last, question.interval, by, [name_of(each) for each in question.percentiles]


async def _charts(
    tables: Tables, question: Question, view: View, read: Read[ATime]
) -> tuple[Span, dict[str, list[ATime]]]:
    """Turn the question into a span, and return it with each counter's minutes in it, oldest first."""
    keys, progress = await known_counters(tables, question.keys, view), await progress_of(tables)
    seen = max(keys.values())
    reached = progress.newest
    newest = seen if reached is None else min(seen, reached)
    if question.start is not None:
        asked = Span.fixed(question.start, newest if question.end is None else question.end)
        span = asked if question.exact else Span(asked.first, min(asked.last, seen))
    else:
        span = Span.latest(question.minutes or 1, newest)
    if not question.final:
        return span, await read(tables, keys, span, progress)
    if question.start is None:
        span = Span(span.first - _open_minutes(progress, newest) * MINUTE, newest)
    charts = {
        key: [minute for minute in minutes if minute.final]
        for key, minutes in (await read(tables, keys, span, progress)).items()
    }
    if question.exact:
        return span, charts
    last = max((minutes[-1].timestamp for minutes in charts.values() if minutes), default=span.last)
    span = Span(span.first, last) if question.start is not None else Span.latest(question.minutes or 1, last)
    return span, {
        key: [minute for minute in minutes if minute.timestamp >= span.first] for key, minutes in charts.items()
    }


def _open_minutes(progress: Progress, newest: int) -> int:
    """Return how many minutes, back from the newest, to search for a final one: at most a day of open windows."""
    window = oldest = window_of(newest)
    while window in progress.opened and oldest - window < DAY:
        window -= WINDOW
    # In the newest closed window, and in the hour before it, some minutes may have no row.
    return (newest - window + HOUR) // MINUTE


async def _judged(tables: Tables, keys: Collection[str], span: Span, progress: Progress) -> dict[str, list[Minute]]:
    """Return each counter's minutes of a span with the full figures.

    The list of open windows was read before the rows and is read again after them. So a minute called final was read
    after its window closed, and its window was not opened again meanwhile.
    """
    wanted = lookback(span)
    rows = await gather((tables.report.rows(key, wanted.first, wanted.last) for key in keys), AT_ONCE)
    later = await progress_of(tables)

    def is_final(timestamp: int) -> bool:
        return progress.is_final(timestamp) and later.is_final(timestamp)

    return {key: judge(each, span, is_final) for key, each in zip(keys, rows, strict=True)}


def _windows_of(charts: Mapping[str, Sequence[ATime]]) -> Sequence[int]:
    """Return the windows that hold minutes of any chart."""
    filled = [minutes for minutes in charts.values() if minutes]
    if not filled:
        return []
    first = min(minutes[0].timestamp for minutes in filled)
    return windows_between(first, max(minutes[-1].timestamp for minutes in filled))


async def _beside(
    tables: Tables, tenant: str, vm: str | None, charts: Mapping[str, Sequence[ATime]]
) -> tuple[dict[str, dict[int, float]], dict[str, dict[int, Partial]]]:
    """Return a VM's values (none, if no VM is given) and its tenant's partials: by counter and identifier timestamp."""
    values: dict[str, dict[int, float]] = {key: {} for key in charts}
    partials: dict[str, dict[int, Partial]] = {key: {} for key in charts}

    async def read(window: int) -> None:
        own = await tables.samples.read(tenant, vm, window, charts) if vm is not None else None
        rollup = await tables.rollups.partials(Node.of(tenant), window, charts)
        stamps = minutes_of(window)
        for key in charts:
            if own and (row := own.value.series.get(key)):
                found = zip(stamps, row, strict=True)
                values[key].update((at, float(value)) for at, value in found if value is not None)
            if key in rollup:
                parts = zip(stamps, rollup[key], strict=True)
                partials[key].update((at, partial) for at, partial in parts if partial is not None)

    await gather((read(window) for window in _windows_of(charts)), AT_ONCE)
    return values, partials
