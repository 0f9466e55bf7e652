"""What a window says of many tenants: summaries of their standings, and the histograms of their minutes.

Both are made in the same way and at the same times: a branch's from its tenants', the fleet's from the branches'. Work
follows due marks, as averaging follows dirty marks: the target is read first, then its sources, and it is written with
its etag. A mark is cleared with the etag it was read with. Knows how this is made and when it is due, but not how a
tenant's part is made (pipeline.rolling_up).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from domain.always import peers_ends
from domain.closing import Progress, Times
from domain.digests import Series, averages_kept, fleet_averages
from domain.fleet_summary import FleetSummary, fleet_summaries
from domain.histogram import Histograms
from domain.merged_summary import limited, merge_summaries, smaller_summary
from domain.minute_histograms import ByCounter, merge_minutes, smaller_minutes
from domain.rollups import FLEET, Node
from domain.summary import MOST_GROUPS, NOTHING, Summary, summarize
from pipeline.closing import change
from pipeline.concurrency import cooperatively, gather
from pipeline.derived import derived, unless_corrupt
from pipeline.judging import judge_the_fleet
from pipeline.marking import clear, mark_late
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.table import Stored

AT_ONCE = 8

BRANCHES_AT_ONCE = 2
"""One is read while another is computed. More would hold more of the fleet's histograms in memory."""

FLEET_NAME = "fleet"
"""Stands in marks of the fleet where a tenant's name stands in others."""

BRANCH_GROUPS = 10 * MOST_GROUPS
"""The most values of a dimension in a branch: more than the fleet has, so that the fleet can choose."""

OfBranch = TypeVar("OfBranch")
OfFleet = TypeVar("OfFleet")


@dataclass(frozen=True, slots=True)
class _Kind(Generic[OfBranch, OfFleet]):
    """What is made of a branch, and by counter of the fleet; and how it is read, made and written."""

    read: Callable[[Node, int], Awaitable[Stored[OfBranch] | None]]
    make: Callable[[Node, int], Awaitable[OfBranch]]
    write: Callable[[Node, int, OfBranch, str | None], Awaitable[None]]
    delete: Callable[[int, str], Awaitable[None]]
    nothing: OfBranch
    smaller: Callable[[OfBranch], OfBranch]
    counters: Callable[[OfBranch], Collection[str]]
    read_fleet: Callable[[str, int], Awaitable[Stored[OfFleet] | None]]
    make_fleet: Callable[[int], Awaitable[Mapping[str, OfFleet]]]
    write_fleet: Callable[[str, int, OfFleet, str | None], Awaitable[None]]
    delete_fleet: Callable[[str, int, str], Awaitable[None]]

    async def make_all(
        self, branches: Sequence[Node], window: int, keys: Collection[str], *, first: bool
    ) -> Mapping[str, OfFleet]:
        """Bring these branches up to date, and of the fleet these counters and those that the branches have or had.

        ``first``: whether the window seems to have had none before. Returns all that the fleet has now, by counter.
        """
        made = (self._of_branch(branch, window, looked=not first) for branch in branches)
        changed = await gather(made, BRANCHES_AT_ONCE)
        return await self._of_fleet(window, {*keys, *(key for each in changed for key in each)}, looked=not first)

    async def _of_branch(self, branch: Node, window: int, *, looked: bool) -> Collection[str]:
        """Bring a branch up to date. Return the counters that it has or had. ``looked``: see _of_fleet."""

        async def read() -> Stored[OfBranch] | None:
            nonlocal looked
            stored = await self.read(branch, window) if looked else None
            looked = True
            return stored

        async def derive() -> tuple[OfBranch, None]:
            return await self.make(branch, window), None

        while True:
            sure = looked
            done = await derived(
                read,
                derive,
                partial(self.write, branch, window),
                partial(self.delete, window),
                self.nothing,
                self.smaller,
            )
            if sure or done.now:
                break
        return {*self.counters(done.before), *self.counters(done.now)}

    async def _of_fleet(self, window: int, keys: Collection[str], *, looked: bool) -> Mapping[str, OfFleet]:
        """Bring these counters of the fleet up to date. Return all of them, as last made.

        If not ``looked``, they are first taken to be missing: the store refuses to create one that exists.
        """
        left: Sequence[str] = sorted(keys)
        made: Mapping[str, OfFleet] = {} if left else await self.make_fleet(window)
        while left:
            reads = (unless_corrupt(self._read(key, window), None) for key in left if looked)
            stored = await gather(reads, AT_ONCE) or [None] * len(left)
            made = await self.make_fleet(window)
            pairs = zip(left, stored, strict=True)
            written = await gather((self._write(key, window, made.get(key), before) for key, before in pairs), AT_ONCE)
            left = [key for key, done in zip(left, written, strict=True) if not done or not (looked or key in made)]
            looked = True
        return made

    async def _read(self, key: str, window: int) -> Stored[OfFleet | None] | None:
        stored = await self.read_fleet(key, window)
        return Stored(stored.value, stored.etag, stored.current) if stored else None

    async def _write(self, key: str, window: int, now: OfFleet | None, before: Stored[OfFleet | None] | None) -> bool:
        """Write a counter of the fleet if it changed. Return False if another run wrote meanwhile."""
        if before and before.current and before.value == now:
            return True
        try:
            if now is not None:
                await self.write_fleet(key, window, now, before.etag if before else None)
            elif before:
                await self.delete_fleet(key, window, before.etag)
        except Conflict:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Summarized:
    """What the fleet has in a window, by counter, as it was just made."""

    summaries: Mapping[str, FleetSummary]
    histograms: Mapping[str, Histograms]


async def summarize_window(tables: Tables, window: int, times: Times, *, at_once: bool) -> Summarized | None:
    """Make what is due of a window, if it is time (domain.closing), or ``at_once``.

    The fleet's histograms outlive the tenants' ones. So where these may have expired, histograms stay as they are, and
    only summaries are made. Returns what was made of the fleet; None if nothing. Raises Corrupt and Unavailable.
    """
    stored = await tables.progress.read()
    progress = stored.value if stored else Progress()
    if not at_once and not progress.to_summarize(window):
        return None
    marks = await tables.due.read(window)
    if not marks:
        return None
    tenants = [mark.value.tenant for mark in marks]
    branches = sorted({Node.of(tenant).top for tenant in tenants})
    # All counters that these tenants have or had, not only those that change now: a run that died after writing a
    # branch left the fleet undone.
    listed = await gather((tables.catalogue.counters_of(tenant) for tenant in tenants), AT_ONCE)
    keys = {key for stored in listed if stored for key in stored.value}
    first = window not in progress.summarized
    averages = await unless_corrupt(tables.fleet_averages.read(window), {})
    summaries = await _summaries(tables).make_all(branches, window, keys, first=first)
    await _keep_averages(tables, window, summaries, averages)
    histograms: Mapping[str, Histograms] = {}
    if progress.recomputable(window, times):
        histograms = await _histograms(tables).make_all(branches, window, keys, first=first)
    await judge_the_fleet(tables, window, summaries, tenants, times.now)
    await mark_late(tables.fleet_days, FLEET_NAME, window, times.now)
    await change(tables, partial(Progress.summarizing, window=window))
    await gather(clear(tables.due, mark) for mark in marks)
    return Summarized(summaries, histograms)


async def _keep_averages(
    tables: Tables, window: int, summaries: Mapping[str, FleetSummary], before: Stored[Mapping[Series, float]] | None
) -> None:
    """Keep the fleet's averages, given its summaries. ``before``: what was read before those were made."""
    while True:
        averages = averages_kept({**fleet_averages(summaries), **peers_ends(summaries)})
        try:
            if before and not averages:
                await tables.fleet_averages.delete(before.etag)
            elif averages and (before is None or not before.current or before.value != averages):
                await tables.fleet_averages.write(window, averages, before.etag if before else None)
        except Conflict:  # another run keeps those that it made
            before = await unless_corrupt(tables.fleet_averages.read(window), {})
            keys = {*summaries, *(each.key for each in (before.value if before else ()))}
            read = await gather((tables.summaries.of_fleet(key, window) for key in sorted(keys)), AT_ONCE)
            summaries = {key: each.value for key, each in zip(sorted(keys), read, strict=True) if each}
        else:
            return


def _summaries(tables: Tables) -> _Kind[Summary, FleetSummary]:
    async def make(branch: Node, window: int) -> Summary:
        standings = await tables.standings.below(branch, window)
        return limited(summarize(standings), BRANCH_GROUPS) if standings else NOTHING

    async def make_fleet(window: int) -> Mapping[str, FleetSummary]:
        fleet = merge_summaries(await tables.summaries.below_fleet(window))
        return dict(await cooperatively(fleet_summaries(fleet)))

    table = tables.summaries
    return _Kind(
        table.read,
        make,
        table.write,
        table.delete,
        NOTHING,
        smaller_summary,
        lambda summary: summary.counters,
        table.of_fleet,
        make_fleet,
        table.write_fleet,
        table.delete_fleet,
    )


def _histograms(tables: Tables) -> _Kind[ByCounter, Histograms]:
    async def make(branch: Node, window: int) -> ByCounter:
        below = await tables.histograms.below(branch, window)
        return dict(await cooperatively(merge_minutes(below)))

    table = tables.histograms
    return _Kind(
        table.read,
        make,
        table.write,
        table.delete,
        {},
        smaller_minutes,
        lambda histograms: histograms,
        table.of_fleet,
        partial(make, FLEET),
        table.write_fleet,
        table.delete_fleet,
    )
