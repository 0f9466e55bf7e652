"""Averaging: from dirty marks to report rows. Work follows change, and no lock is held.

For each mark: read the tenant's rollup, then its VM windows, and write the rollup if it changed. For each branch of the
tree that a marked tenant hangs on, from the tenants up: read its rollup, then those below it, and write it if it
changed. For each window with marks: read the report, then the greatest branches' rollups, and write the counters that
changed; then the catalogue; then clear the marks, each with the etag that it was read with. Everything is derived from
what is stored, so any step may be done twice, by anyone, in any overlap: a target is always read before its sources and
written only with its etag, so an old result can't stay over a new one. (This holds where a reader sees what was written
before, whoever wrote it: on Cosmos DB at the consistency level Strong.)

A window is opened before anything is derived of it, and closed after its marks of then are worked off (domain.closing).
What may be older than any of its sources is not derived anew: its mark is dropped, and the operator is told.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from domain.closing import Driver, Progress, Times
from domain.minutes import MINUTES_PER_WINDOW, minutes_of
from domain.report import ReportRow, report_rows
from domain.rollups import FLEET, NO_SERIES, Node, Rollup, merge_rollups, roll_up, smaller, vms_of_minutes
from pipeline.catalogue import SEEN_EVERY, enter, enter_counters
from pipeline.closing import begin_run, change, close, open_if_new, times_kept
from pipeline.concurrency import cooperatively, gather
from storage.charges import metered
from storage.documents import Changed, Conflict, Corrupt, Gone, TooLarge
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.marks import Mark
from storage.tables.omissions import Omission
from storage.tables.table import Stored

ROLLUPS_AT_ONCE = 8
"""How many rollups are made side by side: enough to hide the store's latency, few enough for memory."""

EXPIRED = "tenants' windows that are not averaged, since some of their samples may have expired"
NO_ROOM = "counters that are not averaged, since there is no room for so many"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Averaged:
    """What a run did."""

    marks: int
    """Marks that it worked off."""
    left: int
    """Marks that it had no time for; they stay."""
    tenants: Sequence[str]
    """Whose windows they were."""
    windows: Sequence[int]
    """Which windows, the newest first."""
    closed: Sequence[int]
    """Windows that it closed, the newest first."""
    rows: int
    """Report rows that it wrote; those that did not change are not written."""
    corrupt: Sequence[str]
    """Which documents can't be read, in words. What needs them stays marked, and waits for an operator."""
    omitted: Sequence[Omission]
    """What it left out, since it must (a window whose samples may have expired) or since there is no room for it."""
    charge: float
    """What the store charged, in request units."""


@dataclass(frozen=True, slots=True)
class WindowAveraged:
    """What was done for one window. Fields: see Averaged."""

    tenants: Sequence[str] = ()
    rows: int = 0
    corrupt: Sequence[str] = ()
    omitted: Sequence[Omission] = ()


async def average(
    tables: Tables, times: Times, time_left: Callable[[], bool] = lambda: True, by: Driver = "timer"
) -> Averaged:
    """Work off dirty marks and close windows, the newest first: after an outage charts are current at once.

    Begins no other window when no time is left; what it leaves is for the next run, or for a catch-up
    (pipeline.rebuild). ``by`` is what drives it. Raises Unavailable; what is done by then stays done.
    """
    left = 0
    done: dict[int, WindowAveraged] = {}
    closed: list[int] = []
    with metered() as meter:
        await begin_run(tables, times, by)
        marked = Counter(mark.value.window for mark in await tables.marks.read())
        for window in sorted({*marked, *await _due(tables, times)}, reverse=True):
            if not time_left():
                left += marked[window]
                continue
            # Marks as they are now: another run may have worked them off since, and what came by now is not late.
            done[window] = await average_window(tables, window, await tables.marks.read(window), times)
            if window in await _due(tables, times):
                await close(tables, window)
                closed.append(window)
    worked = [window for window in sorted(done, reverse=True) if done[window].tenants]
    return Averaged(
        sum(len(each.tenants) for each in done.values()),
        left,
        sorted({tenant for each in done.values() for tenant in each.tenants}),
        worked,
        closed,
        sum(each.rows for each in done.values()),
        [corrupt for each in done.values() for corrupt in each.corrupt],
        [omission for each in done.values() for omission in each.omitted],
        meter.units,
    )


async def _due(tables: Tables, times: Times) -> Collection[int]:
    """Return the windows that are to be closed now."""
    stored = await tables.progress.read()
    return stored.value.due(times) if stored else ()


async def average_window(tables: Tables, window: int, marks: Sequence[Stored[Mark]], times: Times) -> WindowAveraged:
    """Work off the marks of one window, if there are any.

    A document that can't be read holds up only what it is needed for: a VM window its tenant, a rollup its window.
    """
    if not marks:
        return WindowAveraged()
    if not (await times_kept(tables, times)).recomputable(window, times):
        return await _drop(tables, window, marks, times)
    corrupt: list[str] = []
    omitted: list[Omission] = []

    async def roll_up_one(mark: Stored[Mark]) -> set[str] | None:
        try:
            return await _roll_up(tables, mark.value.tenant, window, times, omitted)
        except Corrupt as error:
            corrupt.append(str(error))
            return None

    # All counters that a tenant has or had, and not only those that changed now: a run that died after writing the
    # rollup has left the report to do, and rows of counters that it has no more have to go.
    counters = await gather(map(roll_up_one, marks), ROLLUPS_AT_ONCE)
    whole = {mark: keys for mark, keys in zip(marks, counters, strict=True) if keys is not None}
    if not whole:
        return WindowAveraged(corrupt=corrupt)
    branches: set[Node] = {Node.of(mark.value.tenant).parent for mark in whole}
    keys = set().union(*whole.values())
    try:
        while branches != {FLEET}:
            merging = (_merge_branch(tables, branch, window, omitted) for branch in sorted(branches))
            keys.update(*await gather(merging, ROLLUPS_AT_ONCE))
            branches = {branch.parent for branch in branches}
        written = await _write_report(tables, window, keys, omitted)
        await gather(tables.omissions.write(omission, times.now) for omission in omitted)
    except Corrupt as error:
        return WindowAveraged(corrupt=[*corrupt, str(error)])
    await gather(_clear(tables, mark) for mark in whole)
    return WindowAveraged([mark.value.tenant for mark in whole], written, corrupt, omitted)


async def _drop(tables: Tables, window: int, marks: Sequence[Stored[Mark]], times: Times) -> WindowAveraged:
    """Drop the marks of a window that must not be derived anew; write down that they were."""
    omitted = [Omission(EXPIRED, mark.value.tenant, window, 1) for mark in marks]
    await gather(tables.omissions.write(omission, times.now) for omission in omitted)
    await gather(_clear(tables, mark) for mark in marks)
    return WindowAveraged(omitted=omitted)


async def _roll_up(tables: Tables, tenant: str, window: int, times: Times, omitted: list[Omission]) -> set[str]:
    """Bring a tenant's rollup, and the catalogue of it and its VMs, up to date; return all its counters."""
    vms: list[Entry] = []
    counters: set[str] = set()
    came: set[str] = set()

    async def derive() -> Rollup:
        vms.clear()
        counters.clear()
        came.clear()
        series: list[Mapping[str, Sequence[float | None]]] = []
        async for vm_window in tables.samples.of_window(tenant, window):
            if not vm_window.series:  # emptied, and about to be removed (pipeline.purge)
                continue
            series.append(vm_window.series)
            came.update(vm_window.series)
            newest = _newest(window, vm_window.series.values())
            vms.append(Entry(vm_window.vm, newest, vm_window.dimensions))
        rollup = dict(await cooperatively(roll_up(series)))
        counters.update(rollup)
        if rollup:
            await open_if_new(tables, window, times.now)
        return rollup

    before, now = await _bring_up_to_date(tables, Node.of(tenant), window, derive)
    if missing := len(came - now):
        omitted.append(Omission(NO_ROOM, tenant, window, missing))
    newest = max((vm.newest for vm in vms), default=0)
    await enter(tables, vms_of(tenant), vms, SEEN_EVERY)
    listed = await enter_counters(tables, tenant, counters, newest)
    await enter(tables, TENANTS, [Entry(tenant, newest)] if vms else [])
    return before | now | listed


async def _merge_branch(tables: Tables, branch: Node, window: int, omitted: list[Omission]) -> set[str]:
    """Bring a branch's rollup up to date; return the counters that it had not before or has no more.

    Where room is scarce, these may be others than those of the tenants that changed.
    """
    came: set[str] = set()

    async def derive() -> Rollup:
        below = await tables.rollups.below(branch, window)
        came.clear()
        came.update(*below)
        return dict(await cooperatively(merge_rollups(below)))

    before, now = await _bring_up_to_date(tables, branch, window, derive)
    if missing := len(came - now):
        omitted.append(Omission(NO_ROOM, f"the branch {branch.branch} of tenants", window, missing))
    return before ^ now


async def _bring_up_to_date(
    tables: Tables, node: Node, window: int, derive: Callable[[], Awaitable[Rollup]]
) -> tuple[set[str], set[str]]:
    """Write a node's rollup, derived from what is below it, if it changed.

    Returns its counters of before, and those of now. Where nothing is below it any more, it goes.
    """
    while True:
        stored = await _unless_corrupt(tables.rollups.read(node, window), {})
        rollup = await derive()
        try:
            if stored and not rollup:
                await tables.rollups.delete(node, window, stored.etag)
            while rollup and (stored is None or not stored.current or stored.value != rollup):
                try:
                    await tables.rollups.write(node, window, rollup, stored.etag if stored else None)
                    break
                except TooLarge:
                    rollup = smaller(rollup)
        except Conflict:
            continue
        return set(stored.value if stored else ()), set(rollup)


async def _unless_corrupt(reading: Awaitable[Stored[Value] | None], nothing: Value) -> Stored[Value] | None:
    """Return what is read of a document that is derived from others; where it is corrupt, nothing, to be written anew.

    (What others are derived from, and can't be made again, raises Corrupt.)
    """
    try:
        return await reading
    except Corrupt as corrupt:
        return Stored(nothing, corrupt.etag, current=False)


async def _write_report(tables: Tables, window: int, counters: set[str], omitted: list[Omission]) -> int:
    """Bring these counters' report rows of a window, and the catalogue of counters, up to date; count the rows.

    Those for which the fleet has no room lose theirs, too.
    """
    written = 0
    left_out: set[str] = set()
    keys = sorted(counters)
    while keys:
        stored = await gather(_unless_corrupt(tables.report.read(key, window), []) for key in keys)
        below = await tables.rollups.below(FLEET, window)
        fleet = dict(await cooperatively(merge_rollups(below)))
        rows = [report_rows(key, window, fleet[key].series if key in fleet else NO_SERIES) for key in keys]
        results = await gather(
            _write_counter(tables, key, window, now, before)
            for key, now, before in zip(keys, rows, stored, strict=True)
        )
        newest = [Entry(key, now[-1].timestamp) for key, now in zip(keys, rows, strict=True) if now]
        await enter(tables, COUNTERS, newest)
        await change(tables, partial(Progress.counting, window=window, vms=vms_of_minutes(fleet)))
        written += sum(result for result in results if result is not None)
        came = set().union(*below)
        keys = sorted(
            {key for key, result in zip(keys, results, strict=True) if result is None}
            | (came - fleet.keys() - counters - left_out)
        )
        left_out = came - fleet.keys()
    if left_out:
        omitted.append(Omission(NO_ROOM, "the fleet", window, len(left_out)))
    return written


async def _write_counter(
    tables: Tables, key: str, window: int, rows: Sequence[ReportRow], before: Stored[list[ReportRow]] | None
) -> int | None:
    """Write a counter's rows if they changed; count those that did. None: another run wrote meanwhile."""
    old = before.value if before else []
    if rows == old and (before is None or before.current):
        return 0
    try:
        if rows:
            await tables.report.write(key, window, rows, before.etag if before else None)
        elif before:
            await tables.report.delete(key, window, before.etag)
    except Conflict:
        return None
    return len({row.timestamp for row in {*rows} ^ {*old}})


def _newest(window: int, rows: Collection[Sequence[object]]) -> int:
    """Return the newest minute in which any of these rows of 15 has a value."""
    newest_first = reversed(range(MINUTES_PER_WINDOW))
    return minutes_of(window)[next(at for at in newest_first if any(row[at] is not None for row in rows))]


async def _clear(tables: Tables, mark: Stored[Mark]) -> None:
    """Clear a mark. One that was set anew stays; one that is gone is set again.

    Gone means that another run cleared it, perhaps after it had read less than this one, and both may have kept
    what the other read: averaging once more settles it.
    """
    try:
        await tables.marks.clear(mark)
    except Gone:
        await tables.marks.set(mark.value)
    except Changed:
        pass
