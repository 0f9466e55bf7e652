"""Judging windows: what of a tenant and of the fleet is unusual, by what was learned (pipeline.learning).

A tenant's window is judged whenever its standings are made, the fleet's whenever its summaries are. What is found
depends on the windows before, too: so if it changes, the windows after it are judged again, if there are any. Knows
what is read for it; what is unusual, domain.judging decides.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from domain.baselines import LINES
from domain.causes import WHOLE_FLEET
from domain.day_baselines import DayBaselines
from domain.digests import Series, Whose
from domain.findings import findings
from domain.fleet_summary import FleetSummary
from domain.judged import NOT_JUDGED, Judged, Normals
from domain.judging import judge_fleet, judge_tenant, silent_vms
from domain.minutes import WINDOW, window_of
from domain.samples import FUTURE_TOLERANCE, Dimensions
from domain.standings import NO_STANDINGS, Standings, StandingVm
from domain.unusual import WINDOWS
from domain.zones import local, zone_of
from pipeline.concurrency import cooperatively, gather
from pipeline.derived import unless_corrupt
from pipeline.marking import clear
from storage.documents import Conflict, Corrupt
from storage.tables import Tables
from storage.tables.catalogue import vms_of
from storage.tables.marks import Mark, Marks
from storage.tables.table import Stored

if TYPE_CHECKING:
    from domain.always import Always

AT_ONCE = 8

RECENT = 8
"""How many windows are judged when a day is learned that has begun: enough to tell what lasts."""

MOST_FINDINGS = 100
"""The most findings that are kept of the fleet."""


async def judged_of(tables: Tables, tenant: str, window: int, standings: Standings) -> Judged:
    """Return what is found of a tenant's window, given its standings. Raises Corrupt and Unavailable."""
    if not standings:
        return NOT_JUDGED
    normals = await _normals(tables, tenant, window, (vm.dimensions.Region for vm in standings.vms), standings.vms)
    if not normals.series:
        return NOT_JUDGED
    before = await _before(tables, tenant, window, tables.to_judge, tenant)
    silent = await _dimensions(tables, tenant, silent_vms(standings, normals))
    (judged,) = await cooperatively(judge_tenant(each, standings, normals, before, silent) for each in [window])
    return judged


async def write_judged(
    tables: Tables, tenant: str, window: int, judged: Judged, before: Stored[Judged] | None, now: int
) -> Collection[Mark]:
    """Write what is found of a tenant's window, if it changed. ``before``: what was read before its sources.

    Returns marks, which it has set, of the windows that follow from it, and are to be judged again (judge_marked). They
    are looked for before and after it is written: before, so that a run that dies leaves the marks; and after, since
    another run may have read what was there before and begun to judge. Raises Conflict.
    """
    changes = judged.deviations != (before.value.deviations if before else ())
    marks = await _mark_following(tables, tenant, window, now, set()) if changes else set()
    if before is None or not before.current or before.value != judged:
        if judged:
            await tables.judged.write(tenant, window, judged, before.etag if before else None)
        elif before:
            await tables.judged.delete(window, before.etag)
    return await _mark_following(tables, tenant, window, now, marks) if changes else marks


async def _mark_following(tables: Tables, tenant: str, window: int, now: int, marked: set[Mark]) -> set[Mark]:
    """Mark the windows after a tenant's that were judged, or are about to be. Those in ``marked`` have a mark."""
    found = {*marked}
    for later in _following(window, now):
        mark = Mark(tenant, later)
        if mark not in found and (await tables.judged.exists(tenant, later) or await tables.marks.find(mark)):
            await tables.to_judge.set(mark)
            found.add(mark)
    return found


async def judge_marked(tables: Tables, marks: Iterable[Mark], now: int) -> Sequence[str]:
    """Judge marked windows again, the oldest first; and those that follow, if something else is found.

    A window that is dirty keeps its mark: whoever averages it may have read what was there before. So does one whose
    standings can't be read: these documents are returned, in words.
    """
    waiting, corrupt = {*marks}, []
    while waiting:
        mark = min(waiting, key=lambda each: (each.window, each.tenant))
        waiting.remove(mark)
        stored = await tables.to_judge.find(mark)
        if stored is None or await tables.marks.find(mark):
            continue
        try:
            waiting |= {*await _judge_again(tables, mark, now)}
        except Corrupt as error:
            corrupt.append(str(error))
            continue
        await clear(tables.to_judge, stored)
    return corrupt


async def _judge_again(tables: Tables, mark: Mark, now: int) -> Collection[Mark]:
    """Judge a tenant's window anew, from its standings, and have the fleet's judged again if something else is found.

    Returns the marks of windows that follow from it.
    """
    tenant, window = mark.tenant, mark.window
    while True:
        before = await unless_corrupt(tables.judged.read(tenant, window), NOT_JUDGED)
        stored = await tables.standings.read(tenant, window)
        judged = await judged_of(tables, tenant, window, stored.value if stored else NO_STANDINGS)
        if not judged if before is None else before.current and judged == before.value:
            return ()
        await tables.due.set(mark)  # if this run dies
        try:
            marks = await write_judged(tables, tenant, window, judged, before, now)
        except Conflict:
            continue
        await tables.due.set(mark)  # if another run worked off the first meanwhile
        return marks


async def judge_recent(tables: Tables, tenant: str, now: int) -> None:
    """Judge the windows of the last hours that were not judged, since nothing was learned of their day before."""
    newest = window_of(now)
    windows = range(newest - RECENT * WINDOW, newest + WINDOW, WINDOW)
    marks = [Mark(tenant, window) for window in windows if not await tables.judged.exists(tenant, window)]
    await gather(map(tables.to_judge.set, marks))
    await judge_marked(tables, marks, now)


async def judge_the_fleet(
    tables: Tables, window: int, summaries: Mapping[str, FleetSummary], tenants: Sequence[str], now: int
) -> None:
    """Judge the fleet's window, given its summaries by counter. ``tenants``: those whose data changed.

    If something else is found, due marks are set of the windows that follow. Raises Unavailable.
    """
    while True:
        before = await unless_corrupt(tables.judged.read(None, window), NOT_JUDGED)
        judged = await _judged_of_fleet(tables, window, summaries, tenants[0])
        changes = judged.deviations != (before.value.deviations if before else ())
        following = [Mark(tenants[0], later) for later in _following(window, now)] if changes else []
        try:
            await _mark_due(tables, following)
            if before is None or not before.current or before.value != judged:
                if judged:
                    await tables.judged.write(None, window, judged, before.etag if before else None)
                elif before:
                    await tables.judged.delete(window, before.etag)
            await _mark_due(tables, following)  # see write_judged
        except Conflict:
            continue
        return


async def _judged_of_fleet(tables: Tables, window: int, summaries: Mapping[str, FleetSummary], tenant: str) -> Judged:
    """Return what is found of the fleet's window. ``tenant``: one whose data changed."""
    read = await tables.judged.tenants(window)
    found = {each: judged for each, judged in read.items() if judged is not None}
    for each in read.keys() - found.keys():  # it can't be read, and is made anew
        await tables.to_judge.set(Mark(each, window))
    if not found:
        return NOT_JUDGED
    regions = {group.value for each in summaries.values() for group in each.groups if group.dimension == "Region"}
    normals = await _normals(tables, None, window, regions)
    before = await _before(tables, None, window, tables.due, tenant)
    (judged,) = await cooperatively(judge_fleet(each, summaries, normals, before, found) for each in [window])
    (listed,) = await cooperatively(findings(found, each, WHOLE_FLEET) for each in [judged])
    return replace(judged, findings=listed[:MOST_FINDINGS])


async def _mark_due(tables: Tables, marks: Iterable[Mark]) -> None:
    """Set due marks of the windows in which the fleet was judged, or is about to be."""
    for mark in marks:
        if await tables.judged.exists(None, mark.window) or await tables.due.read(mark.window):
            await tables.due.set(mark)


def _following(window: int, now: int) -> Iterable[int]:
    """Yield the windows that follow from one, of those that may have begun."""
    return (later for at in range(1, WINDOWS) if (later := window + WINDOW * at) <= now + FUTURE_TOLERANCE)


async def _before(tables: Tables, of: str | None, window: int, marks: Marks, tenant: str) -> list[Judged]:
    """Return what was found in the windows before, of a tenant or of the fleet (None), the newest first.

    What can't be read counts as nothing, and a mark of this ``tenant`` is set, so that it is made anew.
    """

    async def read(each: int) -> Judged:
        try:
            stored = await tables.judged.read(of, each)
        except Corrupt:
            await marks.set(Mark(tenant, each))
            return NOT_JUDGED
        return stored.value if stored else NOT_JUDGED

    return await gather((read(window - WINDOW * at) for at in range(1, WINDOWS)), AT_ONCE)


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


async def _normals(
    tables: Tables, tenant: str | None, window: int, regions: Iterable[str | None], vms: Sequence[StandingVm] = ()
) -> Normals:
    """Return what is normal in a window's hour for the series of a tenant or the fleet.

    ``vms``: those that report. One that has moved to another zone may be known by the clocks of both: those of now
    count.
    """
    import numpy as np  # noqa: PLC0415

    known = await hours_of(tables, tenant, window, regions)
    zone_now = {Whose("vm", vm.vm): zone_of(vm.dimensions.Region) for vm in vms}
    counts: dict[Whose, str | None] = {}
    for each in known:
        for whose in each.series.whose:
            if whose not in counts or zone_now.get(whose, each.zone) == each.zone:
                counts[whose] = each.zone
    series: list[Series] = []
    lines = [np.empty((LINES, 0))]
    always: dict[Series, Always] = {}
    for each in known:
        own = [(row, of) for row, of in enumerate(each.series) if counts[of.whose] == each.zone]
        series += [of for _, of in own]
        lines.append(each.bands.lines[:, [row for row, _ in own], 0])
        always |= each.always
    return Normals(series, np.concatenate(lines, axis=1), always)


async def _dimensions(tables: Tables, tenant: str, vms: Sequence[str]) -> Mapping[str, Dimensions]:
    """Return the dimensions of VMs, as the catalogue has them. VMs that it does not know are left out."""
    if not vms:
        return {}
    entries = await tables.catalogue.entries(vms_of(tenant), among=vms)
    return {vm: entries[vm].value.dimensions or Dimensions() for vm in vms if vm in entries}
