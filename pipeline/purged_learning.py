"""Removes what was learned of a tenant or a VM: digests, use days, baselines, habits, the zone, scores, marks of days.

What was learned of a VM's tenant, its pools and the fleet stays until it is learned again. Knows tables, but not what
else a purge removes.
"""

from contextlib import suppress

from domain.minutes import WINDOW, window_of
from domain.zones import windows_of_day
from pipeline.derived import unless_corrupt
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.learned import LearnedDocument


async def purge_tenant(tables: Tables, tenant: str) -> None:
    """Remove all that was learned of a tenant, and its marks of days."""
    again = True
    while again:
        again = False
        async for learned in tables.learned.of(tenant):
            try:
                await tables.learned.delete(tenant, learned)
            except Conflict:  # learning wrote it, or another run of this purge removed it
                again = True
    await tables.scores.delete(tenant)
    for mark in await tables.days.read():
        if mark.value.tenant == tenant:
            with suppress(Conflict):  # something new came, so it stays
                await tables.days.clear(mark)


async def purge_vm(tables: Tables, tenant: str, vm: str) -> None:
    """Remove a VM's rows from what was learned of its tenant."""
    again = True
    while again:
        again = False
        async for learned in tables.learned.of(tenant):
            left = learned.without(vm)
            if left == learned.document.body:
                continue
            try:
                if left is None:
                    await tables.learned.delete(tenant, learned)
                else:
                    await tables.learned.write(tenant, learned, left)
            except Conflict:
                again = True


async def purge_learned(tables: Tables, tenant: str | None, vm: str | None, before: int) -> None:
    """Remove what was learned: of a VM, or else of the days that ended before a second."""
    if tenant and vm:
        await purge_vm(tables, tenant, vm)
    else:
        await purge_days(tables, tenant, window_of(before))


async def purge_days(tables: Tables, tenant: str | None, before: int) -> None:
    """Remove what is kept of days and windows that ended before one: of a tenant, or of the fleet (None).

    Habits of such a day are removed as a whole. The next run of learning makes them anew of the days that are left.
    """
    async for learned in tables.learned.of(tenant):
        if _is_over(learned, before):
            with suppress(Conflict):  # made anew meanwhile, or removed
                await tables.learned.delete(tenant, learned)
    if tenant is None:
        async for window in tables.fleet_averages.windows_before(before):
            with suppress(Conflict):
                if stored := await unless_corrupt(tables.fleet_averages.read(window), {}):
                    await tables.fleet_averages.delete(stored.etag)


def _is_over(learned: LearnedDocument, second: int) -> bool:
    return learned.day is not None and windows_of_day(learned.day, learned.zone)[-1] + WINDOW <= second
