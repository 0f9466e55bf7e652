"""Averaging: from dirty marks to report rows. Work follows change, and no lock is held.

For each mark: read the tenant's rollup, then its VM windows, and write the rollup if it changed. For each branch of the
tree that a marked tenant hangs on, from the tenants up: read its rollup, then those below it, and write it if it
changed. For each window with marks: read the report, then the greatest branches' rollups, and write the counters that
changed; then the catalogue; then clear the marks, each with the etag that it was read with. Everything is derived from
what is stored, so any step may be done twice, by anyone, in any overlap: a target is always read before its sources and
written only with its etag, so an old result can't stay over a new one.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain.minutes import MINUTES_PER_WINDOW, minutes_of
from domain.report import ReportRow, report_rows
from domain.rollups import FLEET, Node, Rollup, Series, merge_rollups, roll_up, smaller
from domain.samples import MOST_COUNTERS
from pipeline.concurrency import in_turns, together
from storage.charges import metered
from storage.documents import Changed, Conflict, Damaged, Gone, TooLarge
from storage.tables import COUNTERS, TENANTS, Entry, Mark, Stored, Tables, vms_of

SEEN_EVERY = 6 * 3600
"""A VM's entry in the catalogue is renewed when its newest minute is this many seconds ahead of it.

Renewing it with every window would add half again to what a sample costs to store, for a figure in a list."""

MOST_LISTED = 2 * MOST_COUNTERS
"""The most counters in a tenant's own list, the newest first: so many fit into a document whatever their names."""

ROLLUPS_AT_ONCE = 8
"""How many rollups are made side by side: enough to hide the store's latency, few enough for memory."""

Value = TypeVar("Value")

NO_SERIES: Series = [None] * MINUTES_PER_WINDOW


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
    rows: int
    """Report rows that it wrote; those that did not change are not written."""
    damaged: Sequence[str]
    """Which documents can't be read, in words. What needs them stays marked, and waits for an operator."""
    charge: float
    """What the store charged, in request units."""


@dataclass(frozen=True, slots=True)
class WindowAveraged:
    """What was done for one window. Fields: see Averaged."""

    tenants: Sequence[str] = ()
    rows: int = 0
    damaged: Sequence[str] = ()


async def average(tables: Tables, time_left: Callable[[], bool] = lambda: True) -> Averaged:
    """Work off dirty marks, newest window first, so that after an outage charts are current at once.

    Begins no other window when no time is left; what it leaves is for the next run, or for a catch-up
    (pipeline.rebuild). Raises Unavailable; what is done by then stays done.
    """
    done = left = rows = 0
    tenants: set[str] = set()
    windows: list[int] = []
    damaged: list[str] = []
    with metered() as meter:
        marked = Counter(mark.value.window for mark in await tables.marks())
        for window in sorted(marked, reverse=True):
            if not time_left():
                left += marked[window]
                continue
            # As they are now: another run may have worked them off since.
            worked = await average_window(tables, window, await tables.marks(window))
            rows += worked.rows
            damaged += worked.damaged
            if worked.tenants:
                windows.append(window)
                tenants.update(worked.tenants)
                done += len(worked.tenants)
    return Averaged(done, left, sorted(tenants), windows, rows, damaged, meter.units)


async def average_window(tables: Tables, window: int, marks: Sequence[Stored[Mark]]) -> WindowAveraged:
    """Work off the marks of one window, if there are any.

    A document that can't be read holds up only what it is needed for: a VM window its tenant, a rollup its window.
    """
    damaged: list[str] = []

    async def roll_up_one(mark: Stored[Mark]) -> set[str] | None:
        try:
            return await _roll_up(tables, mark.value.tenant, window)
        except Damaged as error:
            damaged.append(str(error))
            return None

    # All counters that a tenant has or had, and not only those that changed now: a run that died after writing the
    # rollup has left the report to do, and rows of counters that it has no more have to go.
    counters = await together(map(roll_up_one, marks), ROLLUPS_AT_ONCE)
    whole = {mark: keys for mark, keys in zip(marks, counters, strict=True) if keys is not None}
    if not whole:
        return WindowAveraged(damaged=damaged)
    branches = {Node.of(mark.value.tenant).parent for mark in whole}
    try:
        while branches != {FLEET}:
            await together((_merge_branch(tables, branch, window) for branch in sorted(branches)), ROLLUPS_AT_ONCE)
            branches = {branch.parent for branch in branches}
        written = await _write_report(tables, window, sorted(set().union(*whole.values())))
    except Damaged as error:
        return WindowAveraged(damaged=[*damaged, str(error)])
    await together(_clear(tables, mark) for mark in whole)
    return WindowAveraged([mark.value.tenant for mark in whole], written, damaged)


async def _roll_up(tables: Tables, tenant: str, window: int) -> set[str]:
    """Bring a tenant's rollup, and the catalogue of it and its VMs, up to date; return all its counters."""
    vms: list[Entry] = []
    counters: set[str] = set()

    async def derive() -> Rollup:
        vms.clear()
        counters.clear()
        series: list[Mapping[str, Sequence[float | None]]] = []
        async for vm_window in tables.vm_windows(tenant, window):
            if not vm_window.series:  # emptied, and about to be removed (pipeline.purge)
                continue
            series.append(vm_window.series)
            newest = _newest(window, vm_window.series.values())
            vms.append(Entry(vm_window.vm, newest, vm_window.dimensions))
        rollup = dict(await in_turns(roll_up(series)))
        counters.update(rollup)
        return rollup

    keys = await _bring_up_to_date(tables, Node.of(tenant), window, derive)
    newest = max((vm.newest for vm in vms), default=0)
    await _enter(tables, vms_of(tenant), vms, SEEN_EVERY)
    keys |= await _enter_counters(tables, tenant, counters, newest)
    await _enter(tables, TENANTS, [Entry(tenant, newest)] if vms else [])
    return keys


async def _merge_branch(tables: Tables, branch: Node, window: int) -> None:
    """Bring a branch's rollup up to date."""

    async def derive() -> Rollup:
        return dict(await in_turns(merge_rollups(await tables.rollups_below(branch, window))))

    await _bring_up_to_date(tables, branch, window, derive)


async def _bring_up_to_date(
    tables: Tables, node: Node, window: int, derive: Callable[[], Awaitable[Rollup]]
) -> set[str]:
    """Write a node's rollup, derived from what is below it, if it changed; return its counters before and now.

    Where nothing is below it any more, it goes.
    """
    while True:
        stored = await _unless_damaged(tables.rollup(node, window), {})
        rollup = await derive()
        try:
            if stored and not rollup:
                await tables.delete_rollup(node, window, stored.etag)
            while rollup and (stored is None or not stored.current or stored.value != rollup):
                try:
                    await tables.write_rollup(node, window, rollup, stored.etag if stored else None)
                    break
                except TooLarge:
                    rollup = smaller(rollup)
        except Conflict:
            continue
        return {*(stored.value if stored else ()), *rollup}


async def _unless_damaged(reading: Awaitable[Stored[Value] | None], nothing: Value) -> Stored[Value] | None:
    """Return what is read of a document that is derived from others; where it is damaged, nothing, to be written anew.

    (What others are derived from, and can't be made again, raises Damaged.)
    """
    try:
        return await reading
    except Damaged as damaged:
        return Stored(nothing, damaged.etag, current=False)


async def _write_report(tables: Tables, window: int, keys: Sequence[str]) -> int:
    """Bring these counters' report rows of a window, and the catalogue of counters, up to date; count the rows."""
    written = 0
    while keys:
        stored = await together(_unless_damaged(tables.report_window(key, window), []) for key in keys)
        fleet = dict(await in_turns(merge_rollups(await tables.rollups_below(FLEET, window))))
        rows = [report_rows(key, window, fleet.get(key, NO_SERIES)) for key in keys]
        results = await together(
            _write_counter(tables, key, window, now, before)
            for key, now, before in zip(keys, rows, stored, strict=True)
        )
        newest = [Entry(key, now[-1].timestamp) for key, now in zip(keys, rows, strict=True) if now]
        await _enter(tables, COUNTERS, newest)
        written += sum(result for result in results if result is not None)
        keys = [key for key, result in zip(keys, results, strict=True) if result is None]
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
            await tables.write_report_window(key, window, rows, before.etag if before else None)
        elif before:
            await tables.delete_report_window(key, window, before.etag)
    except Conflict:
        return None
    return len({row.timestamp for row in {*rows} ^ {*old}})


async def _enter(tables: Tables, kind: str, entries: Iterable[Entry], renew_after: int = 0) -> None:
    """Enter names into the catalogue; renew an entry that is older by more than ``renew_after`` or says otherwise."""
    entries = list(entries)
    while entries:
        known = await tables.entries(kind, [entry.name for entry in entries])
        results = await together(
            _enter_one(tables, kind, entry, known.get(entry.name), renew_after) for entry in entries
        )
        entries = [entry for entry, done in zip(entries, results, strict=True) if not done]


async def _enter_one(tables: Tables, kind: str, entry: Entry, known: Stored[Entry] | None, renew_after: int) -> bool:
    """Enter one name; tell whether that is done, or to be tried again since another run wrote meanwhile."""
    if known:
        late = entry.newest < known.value.newest
        same = entry.dimensions == known.value.dimensions
        if late or (same and entry.newest <= known.value.newest + renew_after):
            return True
    try:
        await tables.write_entry(kind, entry, known.etag if known else None)
    except Conflict:
        return False
    return True


async def _enter_counters(tables: Tables, tenant: str, counters: Collection[str], newest: int) -> set[str]:
    """Enter the counters that a tenant has in a window, whose newest minute is given, into its own list; return that.

    All of them share a document, so that a tenant's push costs one read and only now and then a write.
    """
    while True:
        stored = await tables.counters_of(tenant)
        known = stored.value if stored else {}
        if all(newest <= known.get(key, -SEEN_EVERY) + SEEN_EVERY for key in counters):
            return set(known)
        known.update((key, max(newest, known.get(key, 0))) for key in counters)
        kept = sorted(known, key=lambda key: (-known[key], key))[:MOST_LISTED]
        try:
            await tables.write_counters_of(tenant, {key: known[key] for key in kept}, stored.etag if stored else None)
        except Conflict:
            continue
        return set(known)


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
        await tables.clear_mark(mark)
    except Gone:
        await tables.mark(mark.value)
    except Changed:
        pass
