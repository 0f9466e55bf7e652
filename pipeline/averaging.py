"""Averaging: from dirty marks to report rows. Work follows change, and no lock is held.

For each mark: read the tenant's rollup, then its VM windows, and write the rollup if it changed. For each window with
marks: read the report rows, then all tenants' rollups, and write the rows that changed; then the catalogue; then clear
the marks, each with the etag that it was read with. Everything is derived from what is stored, so any step may be done
twice, by anyone, in any overlap: a target is always read before its sources and written only with its etag, so an old
result can't stay over a new one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from domain.minutes import minutes_of
from domain.partials import merge_rollups, roll_up
from domain.report import ReportRow, report_row
from pipeline.concurrency import together
from storage.documents import Changed, Conflict, Gone
from storage.tables import COUNTERS, TENANTS, Entry, Mark, Stored, Tables, vms_of

SEEN_EVERY = 3600
"""A VM's entry in the catalogue is renewed when its newest minute is this many seconds ahead of it.

Renewing it with every window would add half again to what a sample costs to store, for a figure in a list."""

TENANTS_AT_ONCE = 8
"""How many tenants are rolled up side by side: enough to hide the store's latency, few enough for memory."""


@dataclass(frozen=True, slots=True)
class Averaged:
    """What a run did."""

    marks: int
    """Marks that it worked off."""
    windows: int
    rows: int
    """Report rows that it wrote; those that did not change are not written."""


async def average(tables: Tables) -> Averaged:
    """Work off all dirty marks, newest window first. Raises Unavailable; what is done by then stays done."""
    marks = await tables.marks()
    newest_first = sorted(marks, key=lambda mark: -mark.value.window)
    windows = rows = 0
    for window, group in groupby(newest_first, key=lambda mark: mark.value.window):
        rows += await average_window(tables, window, list(group))
        windows += 1
    return Averaged(len(marks), windows, rows)


async def average_window(tables: Tables, window: int, marks: Sequence[Stored[Mark]]) -> int:
    """Work off the marks of one window; return how many report rows were written."""
    tenants = [mark.value.tenant for mark in marks]
    keys: set[str] = set()
    for before, after in await together((_roll_up(tables, tenant, window) for tenant in tenants), TENANTS_AT_ONCE):
        # All of a tenant's counters and not only those that changed now: a run that died after writing the rollup has
        # left the report to do. And those that it has no more: their rows have to go.
        keys |= {*before, *after}
    written = await _write_rows(tables, window, sorted(keys))
    await together(_clear(tables, mark) for mark in marks)
    return written


async def _roll_up(tables: Tables, tenant: str, window: int) -> tuple[Iterable[str], Iterable[str]]:
    """Bring a tenant's rollup, and the catalogue of it and its VMs, up to date; return its counters before and now."""
    while True:
        stored = await tables.rollup(tenant, window)
        vms: list[Entry] = []
        series: list[Mapping[str, Sequence[float | None]]] = []
        async for vm_window in tables.vm_windows(tenant, window):
            series.append(vm_window.series)
            newest = _newest(window, vm_window.series.values())
            vms.append(Entry(vm_window.vm, newest, vm_window.dimensions))
        rollup = roll_up(tenant, window, series)
        if stored is None or stored.value != rollup:
            try:
                await tables.write_rollup(rollup, stored.etag if stored else None)
            except Conflict:
                continue
        await _enter(tables, vms_of(tenant), vms, SEEN_EVERY)
        if vms:
            await _enter(tables, TENANTS, [Entry(tenant, max(vm.newest for vm in vms))])
        return stored.value.series if stored else (), rollup.series


async def _write_rows(tables: Tables, window: int, keys: Sequence[str]) -> int:
    """Bring these counters' report rows of a window, and the catalogue of counters, up to date; count the writes."""
    minutes = minutes_of(window)
    stored = await together(tables.stored_report_rows(key, minutes[0], minutes[-1]) for key in keys)
    fleet = merge_rollups([rollup async for rollup in tables.rollups(window)], keys)
    work = []
    counters = []
    for key, before in zip(keys, stored, strict=True):
        rows = {
            timestamp: report_row(key, timestamp, *merged)
            for timestamp, merged in zip(minutes, fleet[key], strict=True)
            if merged
        }
        work.append(_write_counter_rows(tables, rows, before))
        if rows:
            counters.append(Entry(key, max(rows)))
    results = await together(work)
    await _enter(tables, COUNTERS, counters)
    written = sum(result for result in results if result is not None)
    again = [key for key, result in zip(keys, results, strict=True) if result is None]
    return written + (await _write_rows(tables, window, again) if again else 0)


async def _write_counter_rows(
    tables: Tables, rows: Mapping[int, ReportRow], before: Mapping[int, Stored[ReportRow]]
) -> int | None:
    """Write the rows that changed and remove those without samples; count them. None: another run wrote meanwhile."""
    writes = [
        tables.write_report_row(row, before[timestamp].etag if timestamp in before else None)
        for timestamp, row in rows.items()
        if timestamp not in before or before[timestamp].value != row
    ]
    writes += [
        tables.delete_report_row(old.value, old.etag) for timestamp, old in before.items() if timestamp not in rows
    ]
    try:
        await together(writes)
    except Conflict:
        return None
    return len(writes)


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


def _newest(window: int, rows: Iterable[Sequence[object]]) -> int:
    """Return the newest minute in which any of these rows of 15 has a value."""
    last = max(index for row in rows for index, value in enumerate(row) if value is not None)
    return minutes_of(window)[last]


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
