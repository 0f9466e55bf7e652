"""The rollups and standings of a window: tenants' from their VM windows, branches' rollups from the level below.

Also updates the catalogue of a tenant's counters and VMs from its rollup. Knows how these are made, but not when.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from domain.counters import Reduction
from domain.judged import NOT_JUDGED, Judged
from domain.minute_histograms import ByCounter, minute_histograms
from domain.rollups import Node, Rollup, merge_rollups, roll_up, smaller
from domain.standings import NO_STANDINGS, Standings, standings_of
from domain.window_matrix import blocks_of
from pipeline.catalogue import SEEN_EVERY, enter, enter_counters
from pipeline.closing import open_if_new
from pipeline.concurrency import cooperatively
from pipeline.derived import Derived, Found, Value, derived, unless_corrupt
from pipeline.judging import judge_marked, judged_of, write_judged
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.catalogue import TENANTS, Entry, vms_of
from storage.tables.omissions import Omission
from storage.tables.table import Stored

NO_ROOM = "counters that are not averaged, since there is no room for so many"


@dataclass(frozen=True, slots=True)
class RolledUp:
    """The result of making a rollup."""

    counters: set[str]
    """The counters whose report rows depend on what changed, or that a dead run may have left undone."""
    omitted: Sequence[Omission]
    """The data from its sources for which it has no room."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The contents of a tenant's VM windows."""

    vms: Sequence[Entry]
    counters: Collection[str]
    listed: Collection[str]
    """The counters of the rollup before it was cut for lack of room."""
    standings: Standings
    histograms: ByCounter
    judged: Judged


async def roll_up_tenant(
    tables: Tables, tenant: str, window: int, now: int, reductions: Mapping[str, Reduction]
) -> RolledUp:
    """Bring a tenant's rollup and standings up to date, and with them the catalogue of the tenant and its VMs.

    ``now``: Unix seconds; a window that has had no data before is opened then. Raises Corrupt and Unavailable.
    """

    async def derive() -> tuple[Rollup, _Found]:
        # Without series, a VM window is emptied, and about to be removed (pipeline.purge).
        windows = [each async for each in tables.samples.of_window(tenant, window) if each.series]
        register = await tables.enrolments.register()
        windows.sort(key=lambda each: each.vm)
        series = [each.series for each in windows]
        blocks = await cooperatively(blocks_of(series))
        rollup = dict(await cooperatively(roll_up(blocks, enrolled=tenant in register.enrolled)))
        if rollup:
            await open_if_new(tables, window, now)
        standings = standings_of(windows, blocks, reductions)
        vms = [Entry(vm.vm, vm.newest, vm.dimensions) for vm in standings.vms]
        histograms = dict(await cooperatively(minute_histograms(blocks)))
        judged = await judged_of(tables, tenant, window, standings)
        return rollup, _Found(vms, set().union(*series), set(rollup), standings, histograms, judged)

    node = Node.of(tenant)
    nothing: ByCounter = {}
    before: Stored[Standings] | None = None
    earlier: Stored[ByCounter] | None = None
    found: Stored[Judged] | None = None
    looked = False

    async def read() -> Stored[Rollup] | None:
        """Read the rollup, and what is written with it. At the tenant's first push in a window there is neither.

        If that was wrong, the store refuses to create what exists, and all are read.
        """
        nonlocal before, earlier, found, looked
        stored = await unless_corrupt(tables.rollups.read(node, window), {})
        looked = looked or stored is not None
        if looked:
            before = await unless_corrupt(tables.standings.read(tenant, window), NO_STANDINGS)
            earlier = await unless_corrupt(tables.histograms.read(node, window), nothing)
            found = await unless_corrupt(tables.judged.read(tenant, window), NOT_JUDGED)
        return stored

    while True:
        done = await _derived(tables, node, window, derive, read)
        if not (done.now or looked):  # there may be something to delete
            looked = True
            continue
        try:
            await _write(
                done.found.standings,
                before,
                partial(tables.standings.write, tenant, window),
                partial(tables.standings.delete, window),
            )
            await _write(
                done.found.histograms,
                earlier,
                partial(tables.histograms.write, node, window),
                partial(tables.histograms.delete, window),
            )
            marks = await write_judged(tables, tenant, window, done.found.judged, found, now)
        except Conflict:
            looked = True
            continue
        break
    await judge_marked(tables, marks, now)
    newest = max((vm.newest for vm in done.found.vms), default=0)
    await enter(tables, vms_of(tenant), done.found.vms, SEEN_EVERY)
    listed = await enter_counters(tables, tenant, done.found.listed, newest)
    await enter(tables, TENANTS, [Entry(tenant, newest)] if done.found.vms else [])
    # Return all counters that the tenant has or had, not only those that changed now. A run that died after writing the
    # rollup left the report undone, and rows of counters that the tenant no longer has must go.
    return RolledUp({*done.before, *done.now, *listed}, _missing(done, done.found.counters, tenant, window))


async def _write(
    now: Value,
    before: Stored[Value] | None,
    write: Callable[[Value, str | None], Awaitable[None]],
    delete: Callable[[str], Awaitable[None]],
) -> None:
    """Write what was derived if it changed, and delete it if it is empty. Raises Conflict."""
    if before and before.current and before.value == now:
        return
    if now:
        await write(now, before.etag if before else None)
    elif before:
        await delete(before.etag)


async def merge_branch(tables: Tables, branch: Node, window: int) -> RolledUp:
    """Bring a branch's rollup up to date. Its ``counters`` are those that were added or removed.

    (Where room is scarce, these may differ from the counters of the tenants that changed.) Raises Corrupt and
    Unavailable.
    """

    async def derive() -> tuple[Rollup, set[str]]:
        below = await tables.rollups.below(branch, window)
        return dict(await cooperatively(merge_rollups(below))), set().union(*below)

    done = await _derived(tables, branch, window, derive, partial(tables.rollups.read, branch, window))
    omitted = _missing(done, done.found, f"the branch {branch.branch} of tenants", window)
    return RolledUp(done.before.keys() ^ done.now.keys(), omitted)


async def _derived(
    tables: Tables,
    node: Node,
    window: int,
    derive: Callable[[], Awaitable[tuple[Rollup, Found]]],
    read: Callable[[], Awaitable[Stored[Rollup] | None]],
) -> Derived[Rollup, Found]:
    return await derived(
        read,
        derive,
        partial(tables.rollups.write, node, window),
        partial(tables.rollups.delete, node, window),
        {},
        smaller,
    )


def _missing(done: Derived[Rollup, Found], came: Collection[str], whose: str, window: int) -> Sequence[Omission]:
    missing = len({*came} - done.now.keys())
    return [Omission(NO_ROOM, whose, window, missing)] if missing else []
