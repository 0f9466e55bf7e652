"""Makes the digests of days anew, and of tenants the use days: from standings, and the fleet's from its averages.

Each window is read once for all days that are made of it. A day is read before its sources and written with its etag,
as all that is derived (pipeline.derived). What can't be read is told in ``problems``; days that need it stay as they
are. Knows how days are made, but not which of them are due (pipeline.learning).
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Protocol, TypeVar

from domain.digests import Digest, FleetDay, TenantDay, no_digest
from domain.standings import NO_STANDINGS, Standings
from domain.use_days import TenantUse, UseDay, no_use
from domain.zones import windows_of_day
from pipeline.concurrency import gather
from pipeline.derived import unless_corrupt
from storage.documents import Conflict, Corrupt
from storage.tables import Tables
from storage.tables.table import Stored

AT_ONCE = 8

DAYS_AT_ONCE = 3

Value = TypeVar("Value")

Target = tuple[str | None, date]
"""A zone and one of its days: what a digest is of."""


class Made(NamedTuple):
    """What is made of a day. Of the fleet there are no use days."""

    digest: Digest
    use: UseDay | None = None


Make = Callable[[Sequence[Target]], Awaitable[Mapping[Target, Made]]]
"""Makes days, but for those of which something can't be read."""


class DaysTable(Protocol[Value]):
    """Where something of a tenant's days is kept."""

    async def read(self, tenant: str | None, zone: str | None, day: date) -> Stored[Value] | None:
        """Read what is kept of a day. Raises Corrupt."""

    async def write(self, tenant: str | None, day: date, value: Value, etag: str | None) -> None:
        """Create (etag None) or replace it. Raises Conflict."""

    async def delete(self, tenant: str | None, etag: str) -> None:
        """Remove it. Raises Conflict."""


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

    async def days(self, targets: Sequence[Target], make: Make) -> Mapping[Target, Made]:
        """Bring days up to date. Return those that could be made."""
        found: dict[Target, Made] = {}
        left = list(targets)
        while left:
            tables, tenant = self.tables, self.tenant
            stored = dict(zip(left, await gather(map(self._read, left), AT_ONCE), strict=True))
            made = await make(left)
            found |= made
            left = []
            for each, (digest, use) in made.items():
                before = stored[each]
                written = await _write(tables.digests, tenant, each[1], digest, before.digest)
                if use is not None:
                    written &= await _write(tables.use_days, tenant, each[1], use, before.use)
                if not written:
                    left.append(each)
        return found

    async def _read(self, of: Target) -> "_Before":
        tables, tenant = self.tables, self.tenant
        digest = await unless_corrupt(tables.digests.read(tenant, *of), no_digest(of[0]))
        use = None if tenant is None else await unless_corrupt(tables.use_days.read(tenant, *of), no_use(of[0]))
        return _Before(digest, use)


class _Before(NamedTuple):
    """What was made of a day before."""

    digest: Stored[Digest] | None
    use: Stored[UseDay] | None


async def _write(
    table: DaysTable[Value], tenant: str | None, day: date, now: Value, before: Stored[Value] | None
) -> bool:
    """Write what was made of a day if it changed. Return False if another run wrote meanwhile."""
    if before.current and before.value == now if before else not now:
        return True
    try:
        if now:
            await table.write(tenant, day, now, before.etag if before else None)
        elif before:
            await table.delete(tenant, before.etag)
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
) -> Mapping[Target, Made]:
    """Make digests and use days of a tenant from its standings. ``vms``: those of each zone."""
    made: dict[Target, tuple[TenantDay, TenantUse]] = {}
    for zone, day in targets:
        own, whole = vms.get(zone, ()), zone == run.zone
        made[zone, day] = TenantDay(day, zone, own, whole=whole), TenantUse(day, zone, own, whole=whole)

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
            for digest, use in made.values():
                digest.add(window, standings)
                use.add(window, standings)
    return {target: Made(digest.digest, use.use_day) for target, (digest, use) in made.items()}


async def of_fleet(
    run: Digesting, regions: Mapping[str | None, Collection[str | None]], targets: Sequence[Target]
) -> Mapping[Target, Made]:
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
    return {target: Made(each.digest) for target, each in made.items()}


def _leave_out(run: Digesting, made: dict[Target, Any], window: int, why: Corrupt) -> None:
    """Leave out the days of a window that can't be read."""
    run.problems[str(why)] = None
    for zone, day in list(made):
        if window in windows_of_day(day, zone):
            del made[zone, day]
