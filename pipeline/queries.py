"""Queries: the answers of the API, from the report, the rollups and single VM windows. Never scans the fleet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.counters import COUNTERS as KNOWN_COUNTERS
from domain.errors import NeverSeen
from domain.minutes import MINUTE, identifier, minutes_of, utc_day, windows_between
from domain.partials import Partial
from domain.queries import (
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
from domain.report import HOUR
from domain.rollups import Node
from domain.samples import Dimensions
from pipeline.concurrency import together
from storage.tables import COUNTERS, TENANTS, Entry, Tables, vms_of

MOST_REFUSALS = 10
"""How many reasons of refusals are told."""

WINDOWS_AT_ONCE = 16
"""How many windows a query reads side by side."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a chart asks of a counter.

    Either ``minutes``, the latest so many counted back from the newest that the report has, or ``start`` and perhaps
    ``end`` (Unix seconds, both included). ``interval``: minutes a group. ``final``: leave out what is not final yet.
    """

    key: str
    minutes: int | None = None
    start: int | None = None
    end: int | None = None
    interval: int = 1
    by: Aggregation = "avg"
    final: bool = False


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """A fleet chart: what was asked, resolved (``start`` and ``end``: its first and last minute), and its points."""

    key: str
    start: int
    end: int
    aggregationInterval: int
    aggregationBy: Aggregation
    data: Sequence[FleetItem]


@dataclass(frozen=True, slots=True)
class TenantAnswer:
    """A VM's chart beside its tenant and the fleet."""

    key: str
    tenant: str
    vm: str
    start: int
    end: int
    aggregationInterval: int
    aggregationBy: Aggregation
    data: Sequence[TenantItem]


@dataclass(frozen=True, slots=True)
class CounterItem:
    """A counter that has been seen, its newest minute, and what people call it where we know it."""

    key: str
    newest: int
    title: str
    unit: str


@dataclass(frozen=True, slots=True)
class TenantListItem:
    """A tenant that has been seen, and its newest minute."""

    tenant: str
    newest: int


@dataclass(frozen=True, slots=True)
class VmItem:
    """A VM that has been seen, about when last (up to six hours behind), and what is known of it."""

    vm: str
    newest: int
    SiteName: str | None
    ResourcePoolName: str | None
    Region: str | None
    MachineSize: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """How the system is.

    newestMinute: the newest minute of the report (null: none yet). ageSeconds: from its end to now.
    dirtyMarks: tenants' windows that wait for averaging. quarantinedToday: refused inputs of this UTC day;
    refusals: the commonest reasons for that, with how many there are of each.
    """

    status: str
    store: str
    newestMinute: int | None
    ageSeconds: int | None
    dirtyMarks: int
    quarantinedToday: int
    refusals: Mapping[str, int]


async def get_data(tables: Tables, question: Question, now: int, grace: int) -> FleetAnswer:
    """Answer for the fleet. Raises NeverSeen for a counter that is not known."""
    span, minutes = await _minutes(tables, question, now, grace)
    items = fleet_items(minutes, span, question.interval, question.by)
    return FleetAnswer(question.key, span.first, span.last, question.interval, question.by, items)


async def get_tenant_data(
    tables: Tables, question: Question, tenant: str, vm: str, now: int, grace: int
) -> TenantAnswer:
    """Answer for a VM beside its tenant and the fleet. Raises NeverSeen for a counter, tenant or VM not known.

    A name may be given with blanks where it has plus signs, as a URL's query is often decoded.
    """
    tenant = (await _known(tables, TENANTS, tenant, "tenant")).name
    vm = (await _known(tables, vms_of(tenant), vm, "VM of this tenant")).name
    span, minutes = await _minutes(tables, question, now, grace)
    fleet = fleet_items(minutes, span, question.interval, question.by)
    of_vm, of_tenant = await _beside(tables, question.key, tenant, vm, minutes)
    items = tenant_items(fleet, of_vm, of_tenant, span, question.interval, question.by)
    return TenantAnswer(question.key, tenant, vm, span.first, span.last, question.interval, question.by, items)


async def list_counters(tables: Tables) -> list[CounterItem]:
    """Return all counters, by key."""
    items = []
    for entry in await _sorted_entries(tables, COUNTERS):
        known = KNOWN_COUNTERS.get(entry.name)
        title, unit = (known.title, known.unit) if known else (entry.name, "")
        items.append(CounterItem(entry.name, entry.newest, title, unit))
    return items


async def list_tenants(tables: Tables) -> list[TenantListItem]:
    """Return all tenants, by name."""
    return [TenantListItem(entry.name, entry.newest) for entry in await _sorted_entries(tables, TENANTS)]


async def list_vms(tables: Tables, tenant: str) -> list[VmItem]:
    """Return the VMs of a tenant, by name. Raises NeverSeen."""
    name = (await _known(tables, TENANTS, tenant, "tenant")).name
    items = []
    for entry in await _sorted_entries(tables, vms_of(name)):
        known = entry.dimensions or Dimensions()
        items.append(
            VmItem(entry.name, entry.newest, known.SiteName, known.ResourcePoolName, known.Region, known.MachineSize)
        )
    return items


async def newest_minute(tables: Tables) -> int | None:
    """Return the newest minute of the report, of any counter; None: there is none yet."""
    counters = await tables.entries(COUNTERS)
    return max((entry.value.newest for entry in counters.values()), default=None)


def age(minute: int, now: int) -> int:
    """Return how many seconds have passed since the end of a minute."""
    return max(0, now - minute - MINUTE // 2)


async def health(tables: Tables, now: int) -> Health:
    """Return how the system is. Raises Unavailable where the store can't be reached."""
    newest = await newest_minute(tables)
    marks = await tables.marks()
    reasons: Counter[str] = Counter()
    for message in await tables.quarantined(utc_day(now)):
        reasons.update(message.reasons)
    return Health(
        "ok",
        "reachable",
        newest,
        None if newest is None else age(newest, now),
        len(marks),
        reasons.total(),
        dict(reasons.most_common(MOST_REFUSALS)),
    )


async def _minutes(tables: Tables, question: Question, now: int, grace: int) -> tuple[Span, list[Minute]]:
    """Resolve what was asked to a span, and return it with its minutes, oldest first."""
    newest = (await _known(tables, COUNTERS, question.key, "counter")).newest
    if question.start is not None:
        asked = Span.fixed(question.start, newest if question.end is None else question.end)
        span = Span(asked.first, min(asked.last, newest))
    else:
        span = Span.latest(question.minutes or 1, newest)
    if not question.final:
        return span, await _judged(tables, question.key, span, now, grace)
    if question.start is None:
        # A minute is not final only while pushes are awaited and some minute of the hour before had more VMs. So the
        # newest final one is at most that hour and the time allowed for pushes back.
        reach = identifier(min(newest, now - grace) - HOUR)
        wide = Span(reach - span.minutes * MINUTE, newest)
    else:
        wide = span
    minutes = [minute for minute in await _judged(tables, question.key, wide, now, grace) if minute.final]
    last = minutes[-1].row.timestamp if minutes else span.last
    span = Span(span.first, last) if question.start is not None else Span.latest(span.minutes, last)
    return span, [minute for minute in minutes if minute.row.timestamp >= span.first]


async def _judged(tables: Tables, key: str, span: Span, now: int, grace: int) -> list[Minute]:
    wanted = lookback(span)
    return judge(await tables.report_rows(key, wanted.first, wanted.last), span, now, grace)


async def _beside(
    tables: Tables, key: str, tenant: str, vm: str, minutes: Sequence[Minute]
) -> tuple[dict[int, float], dict[int, Partial]]:
    """Return a VM's values and its tenant's partials of a counter, by identifier timestamp."""
    values: dict[int, float] = {}
    partials: dict[int, Partial] = {}
    if not minutes:
        return values, partials

    async def read(window: int) -> None:
        own = await tables.vm_window(tenant, vm, window)
        rollup = await tables.rollup(Node.of(tenant), window)
        stamps = minutes_of(window)
        if own and (row := own.value.series.get(key)):
            values.update((at, float(value)) for at, value in zip(stamps, row, strict=True) if value is not None)
        if rollup and (series := rollup.value.get(key)):
            partials.update((at, partial) for at, partial in zip(stamps, series, strict=True) if partial is not None)

    windows = windows_between(minutes[0].row.timestamp, minutes[-1].row.timestamp)
    await together((read(window) for window in windows), WINDOWS_AT_ONCE)
    return values, partials


async def _known(tables: Tables, kind: str, name: str, what: str) -> Entry:
    """Return the entry of a name, also where its plus signs were decoded to blanks. Raises NeverSeen."""
    for spelling in dict.fromkeys([name, name.replace(" ", "+")]):
        if entry := await tables.entry(kind, spelling):
            return entry.value
    raise NeverSeen(f"no {what} named {name!r} has been seen")


async def _sorted_entries(tables: Tables, kind: str) -> list[Entry]:
    entries = await tables.entries(kind)
    return [entries[name].value for name in sorted(entries)]
