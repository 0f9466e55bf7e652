"""Learning: makes the digests of days that changed anew, and from digests the baselines of the day that comes.

Of today it learns too, if nothing was learned of it yet, as in a new deployment, or if an older day has changed.

Today and yesterday are made anew each time. Whoever writes standings or summaries of an older UTC day marks it
(storage.tables.marks); learning follows these marks, and clears them with the etag they were read with, as averaging
does with its own. It runs twice a day, each time for the zones in
which a day begins within twelve hours. Steps may be done twice. Knows the order of steps; what a digest and a baseline
are is in domain.digests and domain.baselines.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain, repeat
from typing import Any, ClassVar

from domain.baselines import MOST_DAYS
from domain.day_baselines import TAUGHT_BY, day_baselines
from domain.digests import Digest, TenantDay, fleet_digest, merged
from domain.learning_times import day_to_learn, days_back, live_days, local_days, today_in
from domain.minutes import DAY, WINDOW
from domain.samples import Dimensions
from domain.zones import windows_of_day, zone_of, zone_of_most
from pipeline.concurrency import cooperatively, gather
from pipeline.derived import unless_corrupt
from pipeline.marking import clear
from pipeline.operations import Done, Figures, OperationContext, Step
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, vms_of
from storage.tables.table import Stored

TENANTS_A_STEP = 5

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Learn:
    """Learn what is normal."""

    kind: ClassVar[str] = "learn"

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """See Operation."""
        tenants = sorted(await context.tables.catalogue.entries(TENANTS))
        parts = [tenants[at : at + TENANTS_A_STEP] for at in range(0, len(tenants), TENANTS_A_STEP)]
        return [*({"tenants": part} for part in parts), {"fleet": True}]

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        tables, now = context.tables, context.started
        if "fleet" in step:
            return Done({"baselines": await learn_fleet(tables, now)})
        learned = 0
        for tenant in step["tenants"]:
            learned += await learn_tenant(tables, tenant, now)
        return Done({"baselines": learned})

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}


async def learn_tenant(tables: Tables, tenant: str, now: int) -> int:
    """Learn what is normal for a tenant, its pools and VMs. Return how many baselines were written.

    Raises Corrupt and Unavailable.
    """
    vms = {
        name: entry.value.dimensions or Dimensions()
        for name, entry in (await tables.catalogue.entries(vms_of(tenant))).items()
        if entry.value.newest > now - TAUGHT_BY * DAY
    }
    if not vms:
        return 0
    main = zone_of_most(of.Region for of in vms.values())
    zones: dict[str | None, set[str]] = {main: set()}
    for name, of in vms.items():
        zones.setdefault(zone_of(of.Region), set()).add(name)
    marks = [mark for mark in await tables.days.read() if mark.value.tenant == tenant]
    days = {*live_days(now), *(mark.value.window for mark in marks)}
    for day, there in _by_day(days, zones):
        await _keep(tables, tenant, day, there, partial(_of_tenant, tables, tenant, main))
    await _keep_zone(tables, tenant, main)
    learned = sum([await _learn(tables, tenant, zone, now, changed=bool(marks)) for zone in zones])
    await gather(clear(tables.days, mark) for mark in marks)
    return learned


async def learn_fleet(tables: Tables, now: int) -> int:
    """Learn what is normal for the fleet and its groups. Return how many baselines were written.

    Raises Corrupt and Unavailable.
    """
    counters = await tables.catalogue.entries(COUNTERS)
    keys = sorted(name for name, entry in counters.items() if entry.value.newest > now - TAUGHT_BY * DAY)
    vms = await _vms_by_region(tables, keys)
    if not vms:
        return 0
    main = zone_of_most(chain.from_iterable(repeat(region, number) for region, number in vms.items()))
    zones: dict[str | None, set[str | None]] = {main: set()}
    for region in vms:
        zones.setdefault(zone_of(region), set()).add(region)
    marks = await tables.fleet_days.read()
    days = {*live_days(now), *(mark.value.window for mark in marks)}
    for day, there in _by_day(days, zones):
        await _keep(tables, None, day, there, partial(_of_fleet, tables, keys, main))
    await _keep_zone(tables, None, main)
    learned = sum([await _learn(tables, None, zone, now, changed=bool(marks)) for zone in zones])
    await gather(clear(tables.fleet_days, mark) for mark in marks)
    return learned


async def _vms_by_region(tables: Tables, keys: Sequence[str]) -> Mapping[str | None, int]:
    """Return how many VMs each region has in the newest window, by the counter that most of them have."""
    stored = await tables.progress.read()
    window = stored.value.newest_summarized if stored else None
    if window is None:
        return {}
    read = await gather((tables.summaries.of_fleet(key, window) for key in keys), AT_ONCE)
    found = [each.value for each in read if each]
    if not found:
        return {}
    summary = max(found, key=lambda each: each.figures[0].count)
    groups = zip(summary.groups, summary.figures, strict=True)
    return {group.value: figures.count for group, figures in groups if group.dimension == "Region"}


Zones = Mapping[str | None, Collection[Any]]
"""By zone, what of a tenant or of the fleet is in it: VMs, or regions."""


def _by_day(days: Collection[int], zones: Zones) -> Iterator[tuple[date, Zones]]:
    """Yield the local days that share a moment with UTC days, each with the zones in which it does.

    So what is read for a local day serves all zones, whose days nearly coincide.
    """
    by_zone = {zone: local_days(days, zone) for zone in zones}
    for day in sorted(set().union(*by_zone.values())):
        yield day, {zone: of for zone, of in zones.items() if day in by_zone[zone]}


async def _of_tenant(
    tables: Tables, tenant: str, main: str | None, day: date, zones: Zones
) -> Mapping[str | None, Digest]:
    made = {zone: TenantDay(day, zone, vms, whole=zone == main) for zone, vms in zones.items()}
    windows = _windows_of(day, zones)
    for at in range(0, len(windows), AT_ONCE):
        some = windows[at : at + AT_ONCE]
        read = await gather(tables.standings.read(tenant, each) for each in some)
        for window, stored in zip(some, read, strict=True):
            if stored:
                for of_zone in made.values():
                    of_zone.add(window, stored.value)
    return {zone: of_zone.digest for zone, of_zone in made.items()}


async def _of_fleet(
    tables: Tables, keys: Sequence[str], main: str | None, day: date, zones: Zones
) -> Mapping[str | None, Digest]:
    windows = _windows_of(day, zones)
    parts: dict[str | None, list[Digest]] = {zone: [] for zone in zones}
    for key in keys:
        summaries = await tables.summaries.figures_between(key, windows[0], windows[-1], tenants=False)
        for zone, regions in zones.items():
            parts[zone].append(fleet_digest(day, zone, key, summaries, regions, whole=zone == main))
    return {zone: merged(zone, each) for zone, each in parts.items()}


def _windows_of(day: date, zones: Zones) -> range:
    """Return all windows of a day in some zones, oldest first."""
    every = [windows_of_day(day, zone) for zone in zones]
    return range(min(each.start for each in every), max(each.stop for each in every), WINDOW)


async def _keep(
    tables: Tables,
    tenant: str | None,
    day: date,
    zones: Zones,
    make: Callable[[date, Zones], Awaitable[Mapping[str | None, Digest]]],
) -> None:
    """Bring a day's digests in some zones up to date.

    All are read before their sources, and written with their etags (see pipeline.derived). If another run has written
    one meanwhile, all are made anew.
    """
    while True:
        reads = (unless_corrupt(tables.digests.read(tenant, zone, day), merged(zone, ())) for zone in zones)
        before = dict(zip(zones, await gather(reads, AT_ONCE), strict=True))
        try:
            for zone, digest in (await make(day, zones)).items():
                await _write(tables, tenant, day, digest, before[zone])
        except Conflict:
            continue
        return


async def _write(tables: Tables, tenant: str | None, day: date, digest: Digest, before: Stored[Digest] | None) -> None:
    if before and before.current and before.value == digest:
        return
    if digest:
        await tables.digests.write(tenant, day, digest, before.etag if before else None)
    elif before:
        await tables.digests.delete(tenant, before.etag)


async def _learn(tables: Tables, tenant: str | None, zone: str | None, now: int, *, changed: bool) -> int:
    """Learn the baselines of the local days whose turn it is. Return how many.

    ``changed``: whether a day before yesterday has other digests now. Then today's baselines are no longer right.
    """
    today, comes = today_in(now, zone), day_to_learn(now, zone)
    days = [today] if changed or not await tables.baselines.has(tenant, zone, today) else []
    return sum([await _learn_day(tables, tenant, zone, day) for day in [*days, *([comes] if comes else [])]])


async def _learn_day(tables: Tables, tenant: str | None, zone: str | None, day: date) -> int:
    digests = await tables.digests.between(tenant, zone, days_back(day, MOST_DAYS), days_back(day, 1))
    (baselines,) = await cooperatively(day_baselines(each, zone, digests) for each in [day])
    while True:
        try:
            await tables.baselines.write(tenant, day, baselines)
        except Conflict:  # another run writes the same, of digests as new
            continue
        return len(baselines.series)


async def _keep_zone(tables: Tables, tenant: str | None, zone: str | None) -> None:
    """Keep the zone of the whole, so that a query knows by whose clocks it was learned."""
    while True:
        stored = await tables.baselines.zone(tenant)
        if stored and stored.value == zone:
            return
        with suppress(Conflict):
            await tables.baselines.write_zone(tenant, zone, stored.etag if stored else None)
