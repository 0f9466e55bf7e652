"""Removes standings, and what the fleet has of them. Knows tables and marks, but not what else a purge removes."""

from collections.abc import Iterable
from contextlib import suppress

from domain.closing import Times
from domain.standings import NO_STANDINGS
from pipeline.judging import judge_marked
from pipeline.marking import mark_late
from pipeline.summarizing import summarize_window
from storage.documents import Conflict, Corrupt
from storage.tables import Tables
from storage.tables.marks import Mark


async def purge_standings(
    tables: Tables, window: int, tenant: str | None, vm: str | None, times: Times, *, dry_run: bool
) -> int:
    """Remove a window's standings: of a VM, of a tenant, or all. Then make the summaries anew from those that remain.

    Returns of how many tenants there were any. If a run dies, the due mark that it set first tells what is left to do.
    """
    removed = 0
    for each in [tenant] if tenant else await tables.standings.tenants(window):
        while stored := await tables.standings.read(each, window):
            left = stored.value.without(vm) if vm else NO_STANDINGS
            if left == stored.value:
                break
            removed += 1
            if dry_run:
                break
            await tables.due.set(Mark(each, window))
            await tables.to_judge.set(Mark(each, window))
            await mark_late(tables.days, each, window, times.now)
            with suppress(Conflict):  # another run of this purge: look again
                if left:
                    await tables.standings.write(each, window, left, stored.etag)
                else:
                    await tables.standings.delete(window, stored.etag)
                break
    if not dry_run:
        await _derive(tables, window, times)
    return removed


async def purge_silent(tables: Tables, windows: Iterable[int], tenant: str, vm: str, times: Times) -> None:
    """Have windows judged again that name a VM though they have no standings of it, since it was silent."""
    for window in windows:
        if await _is_named(tables, tenant, vm, window):
            await tables.to_judge.set(Mark(tenant, window))
            await _derive(tables, window, times)


async def _derive(tables: Tables, window: int, times: Times) -> None:
    await judge_marked(tables, [mark.value for mark in await tables.to_judge.read(window)], times.now)
    await summarize_window(tables, window, times, at_once=True)


async def _is_named(tables: Tables, tenant: str, vm: str, window: int) -> bool:
    """Tell whether what was found in a window names a VM, or can't be read."""
    try:
        stored = await tables.judged.read(tenant, window)
    except Corrupt:
        return True
    return stored is not None and (
        vm in stored.value.vms or any(each.whose.name == vm for each in stored.value.deviations)
    )


async def purge_fleet(tables: Tables, key: str, before: int) -> None:
    """Remove a counter's summaries and histograms of the fleet of the windows before a second."""
    async for summary in tables.summaries.windows_before(key, before):
        with suppress(Conflict):  # made anew meanwhile
            await tables.summaries.delete_fleet(key, summary.value, summary.etag)
    async for histograms in tables.histograms.windows_before(key, before):
        with suppress(Conflict):
            await tables.histograms.delete_fleet(key, histograms.value, histograms.etag)
