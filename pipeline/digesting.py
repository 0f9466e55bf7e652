"""What digests are made of: of a tenant from its standings, of the fleet from its summaries. Each is read once a day.

Knows where that is read. ``main`` is the zone of most VMs: it has the whole, too (domain.digests).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from domain.always import ends_of, has_peers_end, needs_histograms
from domain.digests import Digest, TenantDay, ends_digest, fleet_digest, merged
from domain.minutes import WINDOW
from domain.zones import windows_of_day
from pipeline.concurrency import gather
from storage.tables import Tables

AT_ONCE = 8


async def vms_by_region(tables: Tables, keys: Sequence[str]) -> Mapping[str | None, int]:
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


async def digests_of_tenant(
    tables: Tables, tenant: str, day: date, zones: Mapping[str | None, Collection[str]], main: str | None, now: int
) -> Mapping[str | None, Digest]:
    """Return a tenant's digests of a day in some zones, given the VMs of each. Windows after ``now`` do not count."""
    made = {zone: TenantDay(day, zone, vms, whole=zone == main) for zone, vms in zones.items()}
    windows = [window for window in _windows_of(day, zones) if window <= now]
    for at in range(0, len(windows), AT_ONCE):
        some = windows[at : at + AT_ONCE]
        read = await gather(tables.standings.read(tenant, each) for each in some)
        for window, stored in zip(some, read, strict=True):
            if stored:
                for of_zone in made.values():
                    of_zone.add(window, stored.value)
    return {zone: of_zone.digest for zone, of_zone in made.items()}


async def digests_of_fleet(
    tables: Tables,
    keys: Sequence[str],
    day: date,
    zones: Mapping[str | None, Collection[str | None]],
    main: str | None,
) -> Mapping[str | None, Digest]:
    """Return the fleet's digests of a day in some zones, by these counters, given the regions of each."""
    windows = _windows_of(day, zones)
    parts: dict[str | None, list[Digest]] = {zone: [] for zone in zones}
    for key in keys:
        summaries = await tables.summaries.figures_between(key, windows[0], windows[-1], tenants=False)
        for zone, regions in zones.items():
            parts[zone].append(fleet_digest(day, zone, key, summaries, regions, whole=zone == main))
        if main in zones and has_peers_end(key):
            if needs_histograms(key):
                summaries = await tables.summaries.of_fleet_between(key, windows[0], windows[-1])
            ends = {window: ends_of(key, summary) for window, summary in summaries.items()}
            parts[main].append(ends_digest(day, main, key, ends))
    return {zone: merged(zone, each) for zone, each in parts.items()}


def _windows_of(day: date, zones: Collection[str | None]) -> range:
    """Return all windows of a day in some zones, oldest first."""
    every = [windows_of_day(day, zone) for zone in zones]
    return range(min(each.start for each in every), max(each.stop for each in every), WINDOW)
