"""Makes the digests of days anew: a tenant's from its standings, the fleet's from its averages.

Each window is read once for all digests that are made of it. A digest is read before its sources and written with its
etag, as all that is derived (pipeline.derived). What can't be read is told in ``problems``; digests that need it stay
as they are. Knows how digests are made, but not which of them are due (pipeline.learning).
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from domain.digests import Digest, FleetDay, TenantDay, no_digest
from domain.standings import NO_STANDINGS, Standings
from domain.zones import windows_of_day
from pipeline.concurrency import gather
from pipeline.derived import unless_corrupt
from storage.documents import Conflict, Corrupt
from storage.tables import Tables
from storage.tables.table import Stored

AT_ONCE = 8

DAYS_AT_ONCE = 3

Day = TypeVar("Day", TenantDay, FleetDay)

Target = tuple[str | None, date]
"""A zone and one of its days: what a digest is of."""

Make = Callable[[Sequence[Target]], Awaitable[Mapping[Target, Digest]]]
"""Makes digests, but for those of which something can't be read."""


@dataclass(frozen=True, slots=True)
class Digesting:
    """What digests are made of: of a tenant, or of the fleet (None).

    ``now``: later windows are not looked at. ``kept``: how many seconds standings live. ``zone``: that of the whole.
    ``sizes``: the sizes of a tenant's VMs.
    """

    tables: Tables
    tenant: str | None
    now: int
    kept: int
    zone: str | None
    sizes: Mapping[str, str | None] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    """What can't be read, in words, each once."""

    async def digests(self, targets: Sequence[Target], make: Make) -> Mapping[Target, Digest]:
        """Bring digests up to date. Return those that could be made."""
        found: dict[Target, Digest] = {}
        left = list(targets)
        while left:
            reads = (unless_corrupt(self.tables.digests.read(self.tenant, *each), no_digest(each[0])) for each in left)
            stored = dict(zip(left, await gather(reads, AT_ONCE), strict=True))
            made = await make(left)
            found |= made
            left = [each for each, now in made.items() if not await self._write(each, now, stored[each])]
        return found

    async def _write(self, target: Target, now: Digest, before: Stored[Digest] | None) -> bool:
        """Write a digest if it changed. Return False if another run wrote meanwhile."""
        if before.current and before.value == now if before else not now:
            return True
        digests = self.tables.digests
        try:
            if now:
                await digests.write(self.tenant, target[1], now, before.etag if before else None)
            elif before:
                await digests.delete(self.tenant, before.etag)
        except Conflict:
            return False
        return True


def few_days(targets: Collection[Target]) -> Iterator[Sequence[Target]]:
    """Yield targets, those of a few days at once: they are made of the same windows, and all are held in memory."""
    days = sorted({day for _, day in targets})
    for at in range(0, len(days), DAYS_AT_ONCE):
        yield [each for each in targets if each[1] in days[at : at + DAYS_AT_ONCE]]


def _windows(run: Digesting, targets: Sequence[Target]) -> list[int]:
    windows = {window for zone, day in targets for window in windows_of_day(day, zone)}
    return sorted(window for window in windows if window <= run.now)


async def of_tenant(
    run: Digesting, vms: Mapping[str | None, Collection[str]], targets: Sequence[Target]
) -> Mapping[Target, Digest]:
    """Make digests of a tenant from its standings. ``vms``: those of each zone."""
    made = {(zone, day): TenantDay(day, zone, vms.get(zone, ()), whole=zone == run.zone) for zone, day in targets}

    async def read(window: int) -> Standings:
        try:
            stored = await run.tables.standings.read(run.tenant or "", window)
        except Corrupt as error:
            _leave_out(run, made, window, error)
            return NO_STANDINGS
        return stored.value if stored else NO_STANDINGS

    windows = _windows(run, targets)
    for at in range(0, len(windows), AT_ONCE):  # in their order: sums of floats depend on it
        some = windows[at : at + AT_ONCE]
        for window, standings in zip(some, await gather(map(read, some)), strict=True):
            for each in made.values():
                each.add(window, standings)
    return {target: each.digest for target, each in made.items()}


async def of_fleet(
    run: Digesting, regions: Mapping[str | None, Collection[str | None]], targets: Sequence[Target]
) -> Mapping[Target, Digest]:
    """Make digests of the fleet from its averages. ``regions``: those of each zone."""
    made = {(zone, day): FleetDay(day, zone, regions.get(zone, ()), whole=zone == run.zone) for zone, day in targets}
    windows = _windows(run, targets)
    if windows:
        async for window, averages in run.tables.fleet_averages.between(windows[0], windows[-1]):
            if isinstance(averages, Corrupt):
                _leave_out(run, made, window, averages)
            else:
                for each in made.values():
                    each.add(window, averages)
    return {target: each.digest for target, each in made.items()}


def _leave_out(run: Digesting, made: dict[Target, Day], window: int, why: Corrupt) -> None:
    """Leave out the days of a window that can't be read."""
    run.problems[str(why)] = None
    for zone, day in list(made):
        if window in windows_of_day(day, zone):
            del made[zone, day]
