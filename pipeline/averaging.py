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
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from domain.closing import Driver, Times
from domain.disclosure import MIN_TENANTS
from domain.rollups import FLEET, Node
from pipeline.closing import begin_run, close, disclose, times_kept
from pipeline.concurrency import gather
from pipeline.report import write_report
from pipeline.rolling_up import merge_branch, roll_up_tenant
from storage.charges import metered
from storage.documents import Changed, Corrupt, Gone
from storage.tables import Tables
from storage.tables.marks import Mark
from storage.tables.omissions import Omission
from storage.tables.table import Stored

ROLLUPS_AT_ONCE = 8
"""How many rollups are made side by side: enough to hide the store's latency, few enough for memory."""

EXPIRED = "tenants' windows that are not averaged, since some of their samples may have expired"


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
    tables: Tables,
    times: Times,
    time_left: Callable[[], bool] = lambda: True,
    by: Driver = "timer",
    min_tenants: int = MIN_TENANTS,
) -> Averaged:
    """Work off dirty marks and close windows, the newest first: after an outage charts are current at once.

    Begins no other window when no time is left; what it leaves is for the next run, or for a catch-up
    (pipeline.rebuild). ``by`` is what drives it; ``min_tenants`` decides what is disclosed (domain.disclosure).
    Raises Unavailable; what is done by then stays done.
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
            if window not in await _due(tables, times):
                continue
            try:
                await disclose(tables, window, min_tenants)
            except Corrupt as error:  # the window stays open until it is mended
                done[window] = replace(done[window], corrupt=[*done[window].corrupt, str(error)])
                continue
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
            rolled_up = await roll_up_tenant(tables, mark.value.tenant, window, times.now)
        except Corrupt as error:
            corrupt.append(str(error))
            return None
        omitted.extend(rolled_up.omitted)
        return rolled_up.counters

    counters = await gather(map(roll_up_one, marks), ROLLUPS_AT_ONCE)
    whole = {mark: keys for mark, keys in zip(marks, counters, strict=True) if keys is not None}
    if not whole:
        return WindowAveraged(corrupt=corrupt)
    branches: set[Node] = {Node.of(mark.value.tenant).parent for mark in whole}
    keys = set().union(*whole.values())
    try:
        while branches != {FLEET}:
            merging = (merge_branch(tables, branch, window) for branch in sorted(branches))
            for merged in await gather(merging, ROLLUPS_AT_ONCE):
                keys |= merged.counters
                omitted += merged.omitted
            branches = {branch.parent for branch in branches}
        written, left_out = await write_report(tables, window, keys)
        omitted += left_out
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
