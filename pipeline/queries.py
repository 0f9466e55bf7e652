"""Queries: the answers of the API, from the report, the rollups and single VM windows. Never scans the fleet.

Every query takes a ``View``: who asks, when, and by which rules. What a caller may not see is decided here, by
domain.access and domain.disclosure, and nowhere else.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass

from domain.access import Caller
from domain.closing import Driver, Progress
from domain.counters import COUNTERS as KNOWN_COUNTERS
from domain.counters import GROUPS, by_interest
from domain.disclosure import NEVER_SHOWN, disclosed_items
from domain.errors import NeverSeen
from domain.minutes import DAY, HOUR, MINUTE, WINDOW, minutes_of, utc_day, window_of, windows_between
from domain.names import split_key
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
from domain.rollups import Node
from domain.samples import Dimensions, VmWindow
from pipeline.concurrency import together
from storage.tables import COUNTERS, TENANTS, Entry, Tables, vms_of

MOST_REFUSALS = 10
"""How many reasons of refusals are told."""

AT_ONCE = 16
"""How many documents or ranges a query reads side by side."""

WINDOWS_A_PAGE = 96
"""How many windows a page of samples looks into at most, whether they hold any or not: a day."""

VM_WINDOWS_A_PAGE = 2_000
"""How many VM windows it reads at most, whether they hold any of the counters or not."""


@dataclass(frozen=True, slots=True)
class View:
    """What an answer depends on besides the question and the store.

    ``caller``: who asks. ``now``: the time, in Unix seconds.
    ``min_tenants``: how many other tenants must have taken part for a tenant's caller to see the fleet's average.
    """

    caller: Caller
    now: int
    min_tenants: int


@dataclass(frozen=True, slots=True)
class Question:
    """What a chart asks of one or more counters.

    Either ``minutes``, the latest so many counted back from the newest that any of them has (and that the fleet has
    reached, see domain.closing), or ``start`` and perhaps ``end`` (Unix seconds, both included). ``interval``: minutes
    a group. ``final``: leave out what is not final yet.
    """

    keys: Sequence[str]
    minutes: int | None = None
    start: int | None = None
    end: int | None = None
    interval: int = 1
    by: Aggregation = "avg"
    final: bool = False


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
    withheld: str | None
    """What a tenant's caller does not get to see of any minute, and why; null: nothing is withheld."""
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
    withheld: str | None
    """What a tenant's caller does not get to see of any minute, and why; null: nothing is withheld."""
    data: list[TenantItem]
    """The points, counter after counter as asked, each oldest first."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of samples begins: at this VM of this window (at its first VM, if empty)."""

    window: int
    vm: str = ""


@dataclass(frozen=True, slots=True)
class SamplesQuestion:
    """Which samples are asked for.

    ``vm`` None: all of the tenant's. ``keys`` empty: all counters. ``start`` and ``end`` (None: until now) are Unix
    seconds, both included. ``limit``: a page ends with the VM window that reaches so many records.
    """

    tenant: str
    vm: str | None
    keys: Sequence[str]
    start: int
    end: int | None
    limit: int


@dataclass(slots=True)  # not frozen, for the reason that domain.queries.FleetItem is not
class SampleRecord:
    """A sample: the record of the wire format."""

    timestamp: int
    """Unix seconds: the identifier timestamp (second 30) of the sample's minute."""
    MaskedTenantId: str
    SiteName: str | None
    MaskedVMName: str
    ResourcePoolName: str | None
    Region: str | None
    MachineSize: str | None
    PerfName: str
    PerfValue: float
    PerfType: str


@dataclass(frozen=True, slots=True)
class SamplesPage:
    """A page of samples, by window, then VM, then counter, then minute."""

    tenant: str
    start: int
    end: int
    position: Position | None
    """Where the next page begins; None: this is the last."""
    data: list[SampleRecord]


@dataclass(frozen=True, slots=True)
class CounterItem:
    """A counter that has been seen, and what people call it where we know it."""

    key: str
    newest: int
    """Its newest minute. For a tenant's caller: in that tenant, and up to six hours behind."""
    title: str
    unit: str
    """Empty for plain numbers."""
    group: str
    """What people call its PerfType."""


@dataclass(frozen=True, slots=True)
class TenantListItem:
    """A tenant that has been seen."""

    tenant: str
    newest: int
    """Its newest minute."""


@dataclass(frozen=True, slots=True)
class VmItem:
    """A VM that has been seen, and what is known of it."""

    vm: str
    newest: int
    """About its newest minute: up to six hours behind."""
    SiteName: str | None
    ResourcePoolName: str | None
    Region: str | None
    MachineSize: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the system is."""

    newestMinute: int | None
    """The newest minute of the report that the fleet has reached; null: there is none yet."""
    ageSeconds: int | None
    """From its end to now."""
    dirtyMarks: int
    """Tenants' windows that wait for averaging."""
    openWindows: int
    """Windows that are not final yet."""
    quarantinedToday: int
    """Inputs that were refused on this UTC day."""
    refusals: Mapping[str, int]
    """The commonest reasons for that, and how many there are of each."""
    omissions: Mapping[str, int]
    """What came and was left out of the averages on this UTC day, and how many there are of each."""
    averagingRuns: Mapping[Driver, int]
    """When averaging last ran, to the minute (Unix seconds), by what drove it: its timer, each minute; ingest, where
    the timer stands still; a catch-up."""


async def get_data(tables: Tables, question: Question, view: View) -> FleetAnswer:
    """Answer for the fleet. Raises NeverSeen for a counter that is not known, or not to this caller's tenant."""
    span, charts = await _charts(tables, question, view)
    own: Mapping[str, Mapping[int, Partial]] = {}
    if view.caller.tenant:
        _, own = await _beside(tables, view.caller.tenant, None, charts)
    items = [
        item for key, minutes in charts.items() for item in _points(minutes, own.get(key, {}), span, question, view)
    ]
    return FleetAnswer(_asked(charts), span.first, span.last, question.interval, question.by, _withheld(view), items)


async def get_tenant_data(tables: Tables, question: Question, tenant: str, vm: str, view: View) -> TenantAnswer:
    """Answer for a VM beside its tenant and the fleet. Raises NeverSeen for a counter, tenant or VM not known.

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
        items += tenant_items(fleet, of_vm[key], of_tenant[key], span, question.interval, question.by)
    return TenantAnswer(
        _asked(charts), tenant, vm, span.first, span.last, question.interval, question.by, _withheld(view), items
    )


async def get_samples(tables: Tables, question: SamplesQuestion, position: Position | None, view: View) -> SamplesPage:
    """Return the page of samples that begins at a position (None: the first). Raises NeverSeen as above."""
    tenant = await tenant_named(tables, question.tenant, view)
    vm = (await _known(tables, vms_of(tenant), question.vm, "VM of this tenant")).name if question.vm else None
    keys = frozenset((await _counters(tables, question.keys, view)) if question.keys else ())
    span = Span.fixed(question.start, view.now if question.end is None else question.end)
    windows = windows_between(span.first, span.last) if span.minutes else range(0)
    if position:
        windows = range(max(windows.start, window_of(position.window)), windows.stop, WINDOW)
    within, beyond = windows[:WINDOWS_A_PAGE], windows[WINDOWS_A_PAGE:]
    records: list[SampleRecord] = []
    looked_into = 0
    async for each in _vm_windows(tables, tenant, vm, within, position):
        if len(records) >= question.limit or looked_into >= VM_WINDOWS_A_PAGE:
            return SamplesPage(tenant, span.first, span.last, Position(each.window, each.vm), records)
        records += _records(each, keys, span)
        looked_into += 1
    return SamplesPage(tenant, span.first, span.last, Position(beyond[0]) if beyond else None, records)


async def newest_points(tables: Tables, view: View) -> list[FleetItem]:
    """Return the newest final minute of every counter that the fleet's newest hour has, by key."""
    newest = await newest_minute(tables) or 0
    counters = {entry.name: entry.newest for entry in await _sorted_entries(tables, COUNTERS)}
    answers = await together(
        (
            get_data(tables, Question([key], minutes=1, final=True), view)
            for key, seen in counters.items()
            if seen > newest - HOUR
        ),
        AT_ONCE,
    )
    return [item for answer in answers for item in answer.data]


async def list_counters(tables: Tables, view: View) -> list[CounterItem]:
    """Return all counters that the caller may know of, those first that people look at first."""
    if view.caller.tenant:
        stored = await tables.counters_of(view.caller.tenant)
        newest = stored.value if stored else {}
    else:
        reached = (await _progress(tables)).newest
        newest = {
            entry.name: entry.newest if reached is None else min(entry.newest, reached)
            for entry in await _sorted_entries(tables, COUNTERS)
        }
    items = []
    for key in sorted(newest, key=by_interest):
        perf_type, perf_name = split_key(key)
        known = KNOWN_COUNTERS.get(key)
        title, unit = (known.title, known.unit) if known else (perf_name, "")
        items.append(CounterItem(key, newest[key], title, unit, GROUPS.get(perf_type, perf_type)))
    return items


async def list_tenants(tables: Tables, view: View) -> list[TenantListItem]:
    """Return all tenants that the caller may see, by name."""
    if view.caller.tenant:
        stored = await tables.entry(TENANTS, view.caller.tenant)
        entries = [stored.value] if stored else []
    else:
        entries = await _sorted_entries(tables, TENANTS)
    return [TenantListItem(entry.name, entry.newest) for entry in entries if view.caller.sees(entry.name)]


async def list_vms(tables: Tables, tenant: str, view: View) -> list[VmItem]:
    """Return the VMs of a tenant, by name. Raises NeverSeen."""
    name = await tenant_named(tables, tenant, view)
    items = []
    for entry in await _sorted_entries(tables, vms_of(name)):
        known = entry.dimensions or Dimensions()
        items.append(
            VmItem(entry.name, entry.newest, known.SiteName, known.ResourcePoolName, known.Region, known.MachineSize)
        )
    return items


async def newest_minute(tables: Tables) -> int | None:
    """Return the newest minute of the report that the fleet has reached; None: there is none yet."""
    return (await _progress(tables)).newest


async def _progress(tables: Tables) -> Progress:
    stored = await tables.progress()
    return stored.value if stored else Progress()


def age(minute: int, now: int) -> int:
    """Return how many seconds have passed since the end of a minute."""
    return max(0, now - minute - MINUTE // 2)


async def alive(tables: Tables) -> None:
    """Ask the store for one document. Raises Unavailable where it does not answer."""
    await tables.entry(COUNTERS, "-")


async def status(tables: Tables, view: View) -> Status:
    """Return how the system is. Raises Unavailable where the store can't be reached."""
    progress = await _progress(tables)
    marks = await tables.marks()
    reasons: Counter[str] = Counter()
    async for message in tables.quarantined(utc_day(view.now)):
        reasons.update(message.reasons)
    omissions: Counter[str] = Counter()
    for each in await tables.omissions(utc_day(view.now)):
        omissions[each.what] += each.count
    return Status(
        progress.newest,
        None if progress.newest is None else age(progress.newest, view.now),
        len(marks),
        len(progress.opened),
        reasons.total(),
        dict(reasons.most_common(MOST_REFUSALS)),
        dict(omissions),
        progress.runs,
    )


def _asked(keys: Collection[str]) -> str | list[str]:
    return next(iter(keys)) if len(keys) == 1 else list(keys)


def _withheld(view: View) -> str | None:
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
    keys, progress = await _counters(tables, question.keys, view), await _progress(tables)
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
    rows = await together((tables.report_rows(key, wanted.first, wanted.last) for key in keys), AT_ONCE)
    later = await _progress(tables)

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
        own = await tables.vm_window(tenant, vm, window, charts) if vm is not None else None
        rollup = await tables.partials(Node.of(tenant), window, charts)
        stamps = minutes_of(window)
        for key in charts:
            if own and (row := own.value.series.get(key)):
                found = zip(stamps, row, strict=True)
                values[key].update((at, float(value)) for at, value in found if value is not None)
            if key in rollup:
                parts = zip(stamps, rollup[key], strict=True)
                partials[key].update((at, partial) for at, partial in parts if partial is not None)

    await together((read(window) for window in _windows_of(charts)), AT_ONCE)
    return values, partials


async def _vm_windows(
    tables: Tables, tenant: str, vm: str | None, windows: Sequence[int], position: Position | None
) -> AsyncIterator[VmWindow]:
    """Yield the VM windows of one VM, or of all, from a position on, in the order of windows and VMs."""
    if vm is not None:
        for start in range(0, len(windows), AT_ONCE):
            some = windows[start : start + AT_ONCE]
            for stored in await together(tables.vm_window(tenant, vm, window) for window in some):
                if stored:
                    yield stored.value
        return
    for window in windows:
        from_vm = position.vm if position and position.window == window else ""
        async for each in tables.vm_windows(tenant, window, from_vm):
            yield each


def _records(window: VmWindow, keys: Collection[str], span: Span) -> list[SampleRecord]:
    return [
        SampleRecord(
            sample.timestamp,
            sample.MaskedTenantId,
            sample.SiteName,
            sample.MaskedVMName,
            sample.ResourcePoolName,
            sample.Region,
            sample.MachineSize,
            sample.PerfName,
            float(sample.PerfValue),
            sample.PerfType,
        )
        for sample in window.samples(keys)
        if span.first <= sample.timestamp <= span.last
    ]


async def tenant_named(tables: Tables, name: str, view: View) -> str:
    """Return a tenant's name as it is written. Raises NeverSeen, for one that the caller may not see as well."""
    own = view.caller.tenant
    if own in _spellings(name):
        name = str(own)  # and no other tenant that is spelled alike
    elif view.caller.role != "operator":
        raise _never_seen("tenant", name)
    return (await _known(tables, TENANTS, name, "tenant")).name


async def vm_named(tables: Tables, tenant: str, name: str) -> str:
    """Return the name of a tenant's VM as it is written. Raises NeverSeen."""
    return (await _known(tables, vms_of(tenant), name, "VM of this tenant")).name


async def _counters(tables: Tables, keys: Sequence[str], view: View) -> dict[str, int]:
    """Return the newest minutes of counters, by name as it is written. Raises NeverSeen.

    A tenant's caller knows the counters of that tenant: the name of another might say whose it is.
    """
    known = await together((_known(tables, COUNTERS, key, "counter") for key in keys), AT_ONCE)
    if view.caller.tenant:
        stored = await tables.counters_of(view.caller.tenant)
        for key, entry in zip(keys, known, strict=True):
            if not stored or entry.name not in stored.value:
                raise _never_seen("counter", key)
    return {entry.name: entry.newest for entry in known}


async def _known(tables: Tables, kind: str, name: str, what: str) -> Entry:
    """Return the entry of a name, also where its plus signs were decoded to blanks. Raises NeverSeen."""
    for spelling in _spellings(name):
        if entry := await tables.entry(kind, spelling):
            return entry.value
    raise _never_seen(what, name)


def _spellings(name: str) -> list[str]:
    return list(dict.fromkeys([name, name.replace(" ", "+")]))


def _never_seen(what: str, name: str) -> NeverSeen:
    return NeverSeen(f"no {what} named {name!r} has been seen")


async def _sorted_entries(tables: Tables, kind: str) -> list[Entry]:
    entries = await tables.entries(kind)
    return [entries[name].value for name in sorted(entries)]
