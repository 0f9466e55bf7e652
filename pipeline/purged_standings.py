"""Removes standings, and what the fleet has of them. Knows tables and marks, but not what else a purge removes."""

from contextlib import suppress

from domain.closing import Times
from domain.standings import NO_STANDINGS
from pipeline.judging import judge_again
from pipeline.marking import mark_late
from pipeline.summarizing import summarize_window
from storage.documents import Conflict
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
            await mark_late(tables.days, each, window, times.now)
            with suppress(Conflict):  # another run of this purge: look again
                if left:
                    await tables.standings.write(each, window, left, stored.etag)
                else:
                    await tables.standings.delete(window, stored.etag)
                await judge_again(tables, each, window)
                break
    if not dry_run:
        await summarize_window(tables, window, times, at_once=True)
    return removed


async def purge_fleet(tables: Tables, key: str, before: int) -> None:
    """Remove a counter's summaries and histograms of the fleet of the windows before a second."""
    async for summary in tables.summaries.windows_before(key, before):
        with suppress(Conflict):  # made anew meanwhile
            await tables.summaries.delete_fleet(key, summary.value, summary.etag)
    async for histograms in tables.histograms.windows_before(key, before):
        with suppress(Conflict):
            await tables.histograms.delete_fleet(key, histograms.value, histograms.etag)
