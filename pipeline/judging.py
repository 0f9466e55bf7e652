"""Judging windows: what of a tenant and of the fleet is unusual, by what was learned (pipeline.learning).

A tenant's window is judged whenever its standings are made, the fleet's whenever its summaries are. What is found
depends on the windows before, too: so if it changes, the windows after it are judged again, if there are any. Knows
what is read for it; what is unusual, domain.judging decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from domain.baselines import LINES
from domain.causes import WHOLE_FLEET
from domain.day_baselines import DayBaselines
from domain.findings import findings
from domain.fleet_summary import FleetSummary
from domain.judged import NOT_JUDGED, Judged, Normals
from domain.judging import judge_fleet, judge_tenant, silent_vms
from domain.minutes import WINDOW, window_of
from domain.samples import Dimensions
from domain.standings import NO_STANDINGS, Standings
from domain.unusual import WINDOWS
from domain.zones import local, zone_of
from pipeline.concurrency import cooperatively, gather
from pipeline.derived import derived
from pipeline.marking import clear
from storage.tables import Tables
from storage.tables.catalogue import vms_of
from storage.tables.marks import Mark
from storage.tables.table import Stored

AT_ONCE = 8

RECENT = 8
"""How many windows are judged when a day is learned that has begun: enough to tell what lasts."""

MOST_FINDINGS = 100
"""The most findings that are kept of the fleet."""


async def judged_of(tables: Tables, tenant: str, window: int, standings: Standings) -> Judged:
    """Return what is found of a tenant's window, given its standings. Raises Corrupt and Unavailable."""
    if not standings:
        return NOT_JUDGED
    normals = await _normals(tables, tenant, window, (vm.dimensions.Region for vm in standings.vms))
    if not normals.series:
        return NOT_JUDGED
    before = await _before(tables, tenant, window)
    silent = await _dimensions(tables, tenant, silent_vms(standings, normals))
    (judged,) = await cooperatively(judge_tenant(each, standings, normals, before, silent) for each in [window])
    return judged


async def write_judged(tables: Tables, tenant: str, window: int, judged: Judged, before: Stored[Judged] | None) -> None:
    """Write what is found of a tenant's window, if it changed. ``before``: what was read before its sources.

    Then judge the windows after it again, if there are any: marks tell what is left to do if a run dies. Raises
    Conflict.
    """
    earlier = before.value.deviations if before else ()
    marks = []
    if judged.deviations != earlier:
        marks = [Mark(tenant, later) for later in _following(window) if await tables.judged.read(tenant, later)]
    await gather(map(tables.to_judge.set, marks))
    if before is None or not before.current or before.value != judged:
        if judged:
            await tables.judged.write(tenant, window, judged, before.etag if before else None)
        elif before:
            await tables.judged.delete(window, before.etag)
    if marks:
        await judge_marked(tables, [mark for mark in await tables.to_judge.read() if mark.value in marks])


async def judge_marked(tables: Tables, marks: Sequence[Stored[Mark]]) -> None:
    """Judge marked windows again, the oldest first, and have the fleet's judged again where it follows from it."""
    for mark in marks:
        await judge_again(tables, mark.value.tenant, mark.value.window)
        await tables.due.set(mark.value)
        await clear(tables.to_judge, mark)


async def judge_again(tables: Tables, tenant: str, window: int) -> None:
    """Judge a tenant's window anew, from its standings."""

    async def derive() -> tuple[Judged, None]:
        stored = await tables.standings.read(tenant, window)
        return await judged_of(tables, tenant, window, stored.value if stored else NO_STANDINGS), None

    await derived(
        partial(tables.judged.read, tenant, window),
        derive,
        partial(tables.judged.write, tenant, window),
        partial(tables.judged.delete, window),
        NOT_JUDGED,
        lambda judged: judged,  # its documents are of limited size
    )


async def judge_recent(tables: Tables, tenant: str, now: int) -> None:
    """Judge the windows of the last hours that were not judged, since nothing was learned of their day before."""
    newest = window_of(now)
    for window in range(newest - RECENT * WINDOW, newest + WINDOW, WINDOW):
        if await tables.judged.read(tenant, window) is None:
            await judge_again(tables, tenant, window)
            if await tables.judged.read(tenant, window):
                await tables.due.set(Mark(tenant, window))


async def judge_the_fleet(
    tables: Tables, window: int, summaries: Mapping[str, FleetSummary], tenants: Sequence[str]
) -> None:
    """Judge the fleet's window, given its summaries by counter. ``tenants``: those whose data changed.

    Raises Corrupt and Unavailable.
    """

    async def derive() -> tuple[Judged, None]:
        found = await tables.judged.tenants(window)
        if not found:
            return NOT_JUDGED, None
        regions = {group.value for each in summaries.values() for group in each.groups if group.dimension == "Region"}
        normals = await _normals(tables, None, window, regions)
        before = await _before(tables, None, window)
        (judged,) = await cooperatively(judge_fleet(each, summaries, normals, before, found) for each in [window])
        (listed,) = await cooperatively(findings(found, each, WHOLE_FLEET) for each in [judged])
        return replace(judged, findings=listed[:MOST_FINDINGS]), None

    done = await derived(
        partial(tables.judged.read, None, window),
        derive,
        partial(tables.judged.write, None, window),
        partial(tables.judged.delete, window),
        NOT_JUDGED,
        lambda judged: judged,
    )
    if done.before.deviations != done.now.deviations:
        for later in _following(window):
            if await tables.judged.read(None, later):
                await tables.due.set(Mark(tenants[0], later))


def _following(window: int) -> Iterable[int]:
    return (window + WINDOW * at for at in range(1, WINDOWS))


async def _before(tables: Tables, tenant: str | None, window: int) -> list[Judged]:
    """Return what was found in the windows before, the newest first."""
    windows = [window - WINDOW * at for at in range(1, WINDOWS)]
    read = await gather((tables.judged.read(tenant, each) for each in windows), AT_ONCE)
    return [stored.value if stored else NOT_JUDGED for stored in read]


async def hours_of(
    tables: Tables, tenant: str | None, window: int, regions: Iterable[str | None]
) -> list[DayBaselines]:
    """Return what was learned for a window's hour, of a tenant or the fleet: by the clocks of the whole and of regions.

    Empty if nothing was learned. Raises Corrupt and Unavailable.
    """
    main = await tables.baselines.zone(tenant)
    if main is None:
        return []
    zones = {main.value, *map(zone_of, regions)}
    clocks = {zone: local(window, zone) for zone in sorted(zones, key=lambda zone: zone or "")}
    read = await gather(
        (tables.baselines.read(tenant, zone, clock.day, clock.hour) for zone, clock in clocks.items()), AT_ONCE
    )
    return [each for each in read if each]


async def _normals(tables: Tables, tenant: str | None, window: int, regions: Iterable[str | None]) -> Normals:
    """Return what is normal in a window's hour for the series of a tenant or the fleet."""
    import numpy as np  # noqa: PLC0415

    known = await hours_of(tables, tenant, window, regions)
    series = [series for each in known for series in each.series]
    lines = np.concatenate([np.empty((LINES, 0)), *(each.bands.lines[:, :, 0] for each in known)], axis=1)
    return Normals(series, lines, {series: found for each in known for series, found in each.always.items()})


async def _dimensions(tables: Tables, tenant: str, vms: Sequence[str]) -> Mapping[str, Dimensions]:
    """Return the dimensions of VMs, as the catalogue has them. VMs that it does not know are left out."""
    if not vms:
        return {}
    entries = await tables.catalogue.entries(vms_of(tenant), among=vms)
    return {vm: entries[vm].value.dimensions or Dimensions() for vm in vms if vm in entries}
