"""Averaging: turn dirty marks into report rows. Only what changed is worked on, and no lock is held.

For each mark: read the tenant's rollup, then its VM windows, and write the rollup if it changed. For each branch of the
tree above a marked tenant, from the tenants up: read the branch's rollup, then those below it, and write it if it
changed. For each window with marks: read the report, then the greatest branches' rollups, and write the counters that
changed. Then update the catalogue. Then clear the marks, each with the etag it was read with. The fleet's summaries
follow when it is time (pipeline.summarizing). Everything is derived from stored data, so any run may repeat any step,
and runs may overlap. A target is always read before its sources and written only with its etag, so an old result can't
replace a new one. (This requires that a reader sees every earlier write by any writer: on Cosmos DB, the consistency
level Strong.)

A window is opened before anything is derived from it. It is closed after the marks it had then are worked off
(domain.closing). A window whose samples may have expired is not derived again: its mark is dropped, and the operator is
told.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from domain.closing import Driver, Progress, Times
from domain.minutes import WINDOW
from domain.rollups import FLEET, Node
from pipeline.closing import begin_run, close, times_kept
from pipeline.concurrency import gather
from pipeline.disclosing import disclose
from pipeline.judging import judge_marked
from pipeline.marking import clear, mark_late
from pipeline.report import write_report
from pipeline.rolling_up import merge_branch, roll_up_tenant
from pipeline.rules import DEFAULTS, Rules
from pipeline.summarizing import summarize_window
from storage.charges import metered
from storage.documents import Corrupt
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
    """How many marks it worked off."""
    left: int
    """How many marks it had no time for; they stay."""
    tenants: Sequence[str]
    """The tenants of those marks."""
    windows: Sequence[int]
    """The windows of those marks, the newest first."""
    closed: Sequence[int]
    """The windows it closed, the newest first."""
    rows: int
    """How many report rows it wrote. Unchanged rows are not written."""
    corrupt: Sequence[str]
    """The documents that can't be read, in words. Marks that need them stay and wait for an operator."""
    omitted: Sequence[Omission]
    """What it left out: windows whose samples may have expired, and data for which there is no room."""
    charge: float
    """What the store charged, in request units."""


@dataclass(frozen=True, slots=True)
class WindowAveraged:
    """What was done for one window. For the fields see Averaged."""

    tenants: Sequence[str] = ()
    rows: int = 0
    corrupt: Sequence[str] = ()
    omitted: Sequence[Omission] = ()


async def average(
    tables: Tables,
    times: Times,
    time_left: Callable[[], bool] = lambda: True,
    by: Driver = "timer",
    rules: Rules = DEFAULTS,
) -> Averaged:
    """Work off dirty marks and close windows, the newest first, so that charts are current at once after an outage.

    Starts no other window when no time is left. The next run or a catch-up (pipeline.rebuild) does the rest. ``by`` is
    what drives the run. Raises Unavailable; work done before that stays done.
    """
    left = 0
    done: dict[int, WindowAveraged] = {}
    closed: list[int] = []
    with metered() as meter:
        progress = await begin_run(tables, times, by)
        marked = Counter(mark.value.window for mark in await tables.marks.read())
        closing = progress.due(times)
        # What a run that died left undone is looked for when a window closes, and when there is nothing else to do.
        left_to_judge = await tables.to_judge.read() if closing or not marked else []
        corrupt = await judge_marked(tables, [mark.value for mark in left_to_judge], times.now)
        left_due = {mark.value.window for mark in await tables.due.read()} if closing or not marked else set()
        for window in sorted({*marked, *left_due, *closing}, reverse=True):
            if not time_left():
                left += marked[window]
                continue
            # One that the run itself has opened is due at once, if its time was over before its data came.
            if window not in closing and window + WINDOW + times.lateness > times.now:
                done[window] = await _average_now(tables, window, times, rules)
                continue
            done[window], is_closed = await average_and_close(tables, window, times, rules)
            closed += [window] if is_closed else []
    worked = [window for window in sorted(done, reverse=True) if done[window].tenants]
    return Averaged(
        sum(len(each.tenants) for each in done.values()),
        left,
        sorted({tenant for each in done.values() for tenant in each.tenants}),
        worked,
        closed,
        sum(each.rows for each in done.values()),
        [*corrupt, *(each for window in done.values() for each in window.corrupt)],
        [omission for each in done.values() for omission in each.omitted],
        meter.units,
    )


async def average_and_close(
    tables: Tables, window: int, times: Times, rules: Rules = DEFAULTS
) -> tuple[WindowAveraged, bool]:
    """Work off the marks that one window has now, and close it if it is due. Return whether it was closed."""
    done = await _average_now(tables, window, times, rules)
    if window not in await _due(tables, times):
        return done, False
    try:
        made = await summarize_window(tables, window, times, at_once=True)
        await disclose(tables, window, rules, made)
    except Corrupt as error:  # the window stays open until the document is repaired
        return replace(done, corrupt=[*done.corrupt, str(error)]), False
    await close(tables, window)
    return done, True


async def _average_now(tables: Tables, window: int, times: Times, rules: Rules) -> WindowAveraged:
    # Read the marks now: another run may have worked them off since, and data that came by now are not late.
    return await average_window(tables, window, await tables.marks.read(window), times, rules)


async def _due(tables: Tables, times: Times) -> Collection[int]:
    """Return the windows to close now."""
    stored = await tables.progress.read()
    return stored.value.due(times) if stored else ()


async def average_window(
    tables: Tables, window: int, marks: Sequence[Stored[Mark]], times: Times, rules: Rules = DEFAULTS
) -> WindowAveraged:
    """Work off the marks of one window, if there are any, and make its summaries if it is time.

    An unreadable document holds up only the work that needs it: a VM window its tenant, a rollup its window.
    """
    progress = await times_kept(tables, times)
    if progress.paused(times.now):  # the marks stay
        return WindowAveraged()
    done = await _work_off(tables, window, marks, progress, times, rules) if marks else WindowAveraged()
    try:
        await summarize_window(tables, window, times, at_once=rules.summaries_at_once)
    except Corrupt as error:
        return replace(done, corrupt=[*done.corrupt, str(error)])
    return done


async def _work_off(
    tables: Tables, window: int, marks: Sequence[Stored[Mark]], progress: Progress, times: Times, rules: Rules
) -> WindowAveraged:
    if not progress.recomputable(window, times):
        return await _drop(tables, window, marks, times)
    corrupt: list[str] = []
    omitted: list[Omission] = []

    async def roll_up_one(mark: Stored[Mark]) -> set[str] | None:
        try:
            rolled_up = await roll_up_tenant(tables, mark.value.tenant, window, times.now, rules.reductions)
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
    await gather(tables.due.set(mark.value) for mark in whole)
    await gather(mark_late(tables.days, mark.value.tenant, window, times.now) for mark in whole)
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
    await gather(clear(tables.marks, mark) for mark in whole)
    return WindowAveraged([mark.value.tenant for mark in whole], written, corrupt, omitted)


async def _drop(tables: Tables, window: int, marks: Sequence[Stored[Mark]], times: Times) -> WindowAveraged:
    """Drop the marks of a window that must not be derived again, and record that they were dropped."""
    omitted = [Omission(EXPIRED, mark.value.tenant, window, 1) for mark in marks]
    await gather(tables.omissions.write(omission, times.now) for omission in omitted)
    await gather(clear(tables.marks, mark) for mark in marks)
    return WindowAveraged(omitted=omitted)
