"""The report of a window: rows of counters, from the rollups of the greatest branches.

Also updates the catalogue of counters, and the record of how many VMs each minute has (domain.closing). Knows how rows
are written, but not when, and not how rollups are made.
"""

from collections.abc import Sequence
from functools import partial

from domain.closing import Progress
from domain.report import ReportRow, report_rows
from domain.rollups import FLEET, NO_SERIES, merge_rollups, vms_of_minutes
from pipeline.catalogue import enter
from pipeline.closing import change
from pipeline.concurrency import cooperatively, gather
from pipeline.derived import unless_corrupt
from pipeline.rolling_up import NO_ROOM
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, Entry
from storage.tables.omissions import Omission
from storage.tables.table import Stored


async def write_report(tables: Tables, window: int, counters: set[str]) -> tuple[int, Sequence[Omission]]:
    """Bring these counters' report rows of a window, and the catalogue of counters, up to date.

    Counters for which the fleet has no room lose their rows, too. Returns how many rows were written, and what was left
    out. Raises Corrupt and Unavailable.
    """
    written = 0
    left_out: set[str] = set()
    keys = sorted(counters)
    while keys:
        stored = await gather(unless_corrupt(tables.report.read(key, window), []) for key in keys)
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
    return written, [Omission(NO_ROOM, "the fleet", window, len(left_out))] if left_out else []


async def _write_counter(
    tables: Tables, key: str, window: int, rows: Sequence[ReportRow], before: Stored[list[ReportRow]] | None
) -> int | None:
    """Write a counter's rows if they changed, and return how many changed. None: another run wrote meanwhile."""
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
