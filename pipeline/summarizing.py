"""The fleet's summaries of a window: branches' from the tenants' standings, the fleet's from the branches'.

Work follows due marks, as averaging follows dirty marks: the target is read first, then its sources, and it is written
with its etag. A mark is cleared with the etag it was read with. Knows how summaries are made and when they are due, but
not how standings are made (pipeline.rolling_up).
"""

from collections.abc import Collection
from functools import partial

from domain.closing import Progress
from domain.rollups import Node
from domain.summary import (
    MOST_GROUPS,
    NOTHING,
    FleetSummary,
    Summary,
    fleet_summaries,
    merge_summaries,
    smaller_summary,
    summarize,
)
from pipeline.closing import change
from pipeline.concurrency import cooperatively, gather
from pipeline.derived import derived, unless_corrupt
from storage.documents import Changed, Conflict, Gone
from storage.tables import Tables
from storage.tables.table import Stored

AT_ONCE = 8

BRANCH_GROUPS = 10 * MOST_GROUPS
"""The most values of a dimension in a branch: more than the fleet has, so that the fleet can choose."""


async def summarize_window(tables: Tables, window: int, *, at_once: bool) -> None:
    """Make a window's summaries anew, if marks say so and it is time (domain.closing), or ``at_once``.

    Raises Corrupt and Unavailable.
    """
    marks = await tables.marks.due(window)
    if not marks:
        return
    if not at_once:
        stored = await tables.progress.read()
        if stored and not stored.value.to_summarize(window):
            return
    keys: set[str] = set()
    for mark in marks:
        keys.update(await _summarize_branch(tables, mark.value, window))
    vms = await _summarize_fleet(tables, window, keys)
    await change(tables, partial(Progress.summarizing, window=window, vms=vms))
    await gather(_clear(tables, window, mark) for mark in marks)


async def _summarize_branch(tables: Tables, branch: Node, window: int) -> Collection[str]:
    """Bring a branch's summary up to date. Return the counters that it has or had."""

    async def derive() -> tuple[Summary, None]:
        standings = await tables.standings.below(branch, window)
        summary = summarize(standings, MOST_GROUPS) if standings else NOTHING
        return merge_summaries([summary], BRANCH_GROUPS), None

    done = await derived(
        partial(tables.summaries.read, branch, window),
        derive,
        partial(tables.summaries.write, branch, window),
        partial(tables.summaries.delete, window),
        NOTHING,
        smaller_summary,
    )
    return done.before.counters.keys() | done.now.counters.keys()


async def _summarize_fleet(tables: Tables, window: int, keys: Collection[str]) -> int:
    """Bring the fleet's summaries of these counters up to date. Return how many VMs the window has."""
    left = set(keys)
    while True:
        names = sorted(left)
        stored = await gather((unless_corrupt(_read(tables, key, window), None) for key in names), AT_ONCE)
        fleet = merge_summaries(await tables.summaries.below_fleet(window))
        made = dict(await cooperatively(fleet_summaries(fleet)))
        results = await gather(
            (_write(tables, key, window, made.get(key), before) for key, before in zip(names, stored, strict=True)),
            AT_ONCE,
        )
        left = {key for key, written in zip(names, results, strict=True) if not written}
        if not left:
            return fleet.vms


async def _read(tables: Tables, key: str, window: int) -> Stored[FleetSummary | None] | None:
    stored = await tables.summaries.of_fleet(key, window)
    return Stored(stored.value, stored.etag, stored.current) if stored else None


async def _write(
    tables: Tables, key: str, window: int, now: FleetSummary | None, before: Stored[FleetSummary | None] | None
) -> bool:
    """Write a counter's summary if it changed. Return False if another run wrote meanwhile."""
    if before and before.current and before.value == now:
        return True
    try:
        if now:
            await tables.summaries.write_fleet(key, window, now, before.etag if before else None)
        elif before:
            await tables.summaries.delete_fleet(key, window, before.etag)
    except Conflict:
        return False
    return True


async def _clear(tables: Tables, window: int, mark: Stored[Node]) -> None:
    """Clear a mark. If it was set again meanwhile, it stays. If it is gone, set it again, as averaging does."""
    try:
        await tables.marks.clear_due(window, mark)
    except Gone:
        await tables.marks.set_due(mark.value, window)
    except Changed:
        pass
