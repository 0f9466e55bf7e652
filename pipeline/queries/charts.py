"""Charts: counters over the fleet, and a VM beside its tenant and the fleet. Never scans the fleet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from domain.charts import (
    Aggregation,
    FleetItem,
    Minute,
    Span,
    TenantItem,
    fleet_items,
    judge,
    lookback,
    tenant_items,
)
from domain.closing import Progress
from domain.disclosure import NEVER_SHOWN, disclosed_items
from domain.errors import BadParameters
from domain.gaps import Gaps, with_gaps
from domain.minutes import DAY, HOUR, MINUTE, WINDOW, minutes_of, window_of, windows_between
from domain.partials import Partial
from domain.rollups import Node
from pipeline.concurrency import gather
from pipeline.queries.lists import list_counters
from pipeline.queries.names import known_counters, sorted_entries, tenant_named, vm_named
from pipeline.queries.view import AT_ONCE, View, newest_minute, progress_of
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS


@dataclass(frozen=True, slots=True)
class Question:
    """What a chart asks of one or more counters.

    Either ``minutes``, the latest so many counted back from the newest that any of them has (and that the fleet has
    reached, see domain.closing), or ``start`` and perhaps ``end`` (Unix seconds, both included). ``interval``: minutes
    a group. ``final``: leave out what is not final yet. ``gaps``: how groups without data are shown; None: not.
    """

    keys: Sequence[str]
    minutes: int | None = None
    start: int | None = None
    end: int | None = None
    interval: int = 1
    by: Aggregation = "avg"
    final: bool = False
    gaps: Gaps | None = None


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """Counters over the fleet: what was asked, resolved, and the points."""

    key: str | Sequence[str]
    """The counter; where several were asked for, all of them."""
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    aggregationInterval: int
    aggregationBy: Aggregation
    suppressed: str | None
    """What a tenant's caller does not get to see of any minute, and why; null: nothing is suppressed."""
    data: list[FleetItem]
    """The points, counter after counter as asked, each oldest first."""


@dataclass(frozen=True, slots=True)
class TenantAnswer:
    """Counters of a VM beside its tenant and the fleet: what was asked, resolved, and the points."""

    key: str | Sequence[str]
    """The counter; where several were asked for, all of them."""
    tenant: str
    vm: str
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    aggregationInterval: int
    aggregationBy: Aggregation
    suppressed: str | None
    """What a tenant's caller does not get to see of any minute, and why; null: nothing is suppressed."""
    data: list[TenantItem]
    """The points, counter after counter as asked, each oldest first."""


async def get_data(tables: Tables, question: Question, view: View) -> FleetAnswer:
    """Answer for the fleet. Raises NotFound for a counter that is not known, or not to this caller's tenant."""
    span, charts = await _charts(tables, question, view)
    own: Mapping[str, Mapping[int, Partial]] = {}
    if view.caller.tenant:
        _, own = await _beside(tables, view.caller.tenant, None, charts)
    items: list[FleetItem] = []
    for key, minutes in charts.items():
        fleet = _points(minutes, own.get(key, {}), span, question, view)
        items += with_gaps(fleet, FleetItem, key, span, question.interval) if question.gaps else fleet
    return FleetAnswer(_asked(charts), span.first, span.last, question.interval, question.by, _suppressed(view), items)


async def get_tenant_data(tables: Tables, question: Question, tenant: str, vm: str, view: View) -> TenantAnswer:
    """Answer for a VM beside its tenant and the fleet. Raises NotFound for a counter, tenant or VM not known.

    A name may be given with blanks where it has plus signs, as a URL's query is often decoded. A tenant that the
    caller may not see is a tenant that has never been seen.
    """
    tenant = await tenant_named(tables, tenant, view)
    vm = await vm_named(tables, tenant, vm)
    span, charts = await _charts(tables, question, view)
    of_vm, of_tenant = await _beside(tables, tenant, vm, charts)
    items: list[TenantItem] = []
    for key, minutes in charts.items():
        fleet = _points(minutes, of_tenant[key], span, question, view)
        points = tenant_items(fleet, of_vm[key], of_tenant[key], span, question.interval, question.by)
        items += with_gaps(points, TenantItem, key, span, question.interval) if question.gaps else points
    return TenantAnswer(
        _asked(charts), tenant, vm, span.first, span.last, question.interval, question.by, _suppressed(view), items
    )


async def newest_points(tables: Tables, view: View) -> list[FleetItem]:
    """Return the newest final minute of every counter that the fleet's newest hour has, by key."""
    newest = await newest_minute(tables) or 0
    counters = {entry.name: entry.newest for entry in await sorted_entries(tables, COUNTERS)}
    answers = await gather(
        (
            get_data(tables, Question([key], minutes=1, final=True), view)
            for key, seen in counters.items()
            if seen > newest - HOUR
        ),
        AT_ONCE,
    )
    return [item for answer in answers for item in answer.data]


async def final_points(
    tables: Tables, keys: Sequence[str], start: int, end: int | None, most: int, view: View
) -> list[FleetItem]:
    """Return all final minutes of counters in a range: counter after counter by name, each oldest first.

    Without ``keys``: all counters that the caller may know of. Raises NotFound, and BadParameters where minutes times
    counters are more than ``most``.
    """
    if not keys:
        reached = (await progress_of(tables)).newest
        end = reached if end is None else end
        counters = await list_counters(tables, view)
        # A tenant's caller knows how new a counter is in that tenant, which is not how new it is in the fleet.
        keys = [each.key for each in counters if view.caller.tenant or each.newest >= start]
    keys = sorted(set(keys))
    minutes = ((view.now if end is None else end) - start) // MINUTE + 1
    if minutes * len(keys) > most:
        fewer = f"ask for {most // len(keys)} minutes at a time, or for fewer counters"
        raise BadParameters({"start": f"makes, times {len(keys)} counters, more than {most} minutes: {fewer}"})
    if not keys:
        return []
    question = Question(keys, start=start, end=end, final=True)
    return (await get_data(tables, question, view)).data


def _asked(keys: Collection[str]) -> str | list[str]:
    return next(iter(keys)) if len(keys) == 1 else list(keys)


def _suppressed(view: View) -> str | None:
    if view.caller.sees_fleet_in_full:
        return None
    return (
        f"of the fleet a tenant is not shown {', '.join(NEVER_SHOWN)}; the average is shown for final minutes to which "
        f"at least {view.min_tenants} other tenants contributed, none of them more than half of their VMs"
    )


def _points(
    minutes: Sequence[Minute], own: Mapping[int, Partial], span: Span, question: Question, view: View
) -> list[FleetItem]:
    """Return a counter's points as the caller may see them. ``own``: the partials of the caller's tenant."""
    if view.caller.sees_fleet_in_full:
        return fleet_items(minutes, span, question.interval, question.by)
    return disclosed_items(minutes, own, span, question.interval, question.by, view.min_tenants)


async def _charts(tables: Tables, question: Question, view: View) -> tuple[Span, dict[str, list[Minute]]]:
    """Resolve what was asked to a span, and return it with each counter's minutes in it, oldest first.

    What windows are open is read before their rows and once more after them: what is called final is not older than its
    window's closing, and not of a window that was opened meanwhile.
    """
    keys, progress = await known_counters(tables, question.keys, view), await progress_of(tables)
    seen = max(keys.values())
    reached = progress.newest
    newest = seen if reached is None else min(seen, reached)
    if question.start is not None:
        asked = Span.fixed(question.start, newest if question.end is None else question.end)
        span = Span(asked.first, min(asked.last, seen))
    else:
        span = Span.latest(question.minutes or 1, newest)
    if not question.final:
        return span, await _judged(tables, keys, span, progress)
    if question.start is None:
        span = Span(span.first - _open_minutes(progress, newest) * MINUTE, newest)
    charts = {
        key: [minute for minute in minutes if minute.final]
        for key, minutes in (await _judged(tables, keys, span, progress)).items()
    }
    last = max((minutes[-1].row.timestamp for minutes in charts.values() if minutes), default=span.last)
    span = Span(span.first, last) if question.start is not None else Span.latest(question.minutes or 1, last)
    return span, {
        key: [minute for minute in minutes if minute.row.timestamp >= span.first] for key, minutes in charts.items()
    }


def _open_minutes(progress: Progress, newest: int) -> int:
    """How many minutes, counted back from the newest, are looked at for one that is final: a day of open windows."""
    window = oldest = window_of(newest)
    while window in progress.opened and oldest - window < DAY:
        window -= WINDOW
    # In the newest window that is closed, and in the hour before it, some minutes may have no row.
    return (newest - window + HOUR) // MINUTE


async def _judged(tables: Tables, keys: Collection[str], span: Span, progress: Progress) -> dict[str, list[Minute]]:
    wanted = lookback(span)
    rows = await gather((tables.report.rows(key, wanted.first, wanted.last) for key in keys), AT_ONCE)
    later = await progress_of(tables)

    def is_final(timestamp: int) -> bool:
        return progress.is_final(timestamp) and later.is_final(timestamp)

    return {key: judge(each, span, is_final) for key, each in zip(keys, rows, strict=True)}


def _windows_of(charts: Mapping[str, Sequence[Minute]]) -> Sequence[int]:
    """The windows that hold minutes of any chart."""
    filled = [minutes for minutes in charts.values() if minutes]
    if not filled:
        return []
    first = min(minutes[0].row.timestamp for minutes in filled)
    return windows_between(first, max(minutes[-1].row.timestamp for minutes in filled))


async def _beside(
    tables: Tables, tenant: str, vm: str | None, charts: Mapping[str, Sequence[Minute]]
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
