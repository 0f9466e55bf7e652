"""Learning: makes the digests of days that changed anew, and from digests the baselines and forecasts of days to come.

It runs twice a day. Each run learns the zones in which a day begins within twelve hours: of these it makes the days
anew that have changed since they were learned the last time. A zone that was never learned, as in a new deployment, or
of which an older day has changed, is learned for today, too; so is each zone after an update of the app that makes
more of each day. Whoever writes standings or summaries of older windows
marks their UTC day (storage.tables.marks); a run that learns anything follows these marks, and clears them with the
etag they were read with, as averaging does with its own. A digest of which standings may have expired stays as it
is. What can't be read is left out and told; the marks then stay, and the next run tries again. Steps may be done
twice. Knows the order of steps; how digests are made is in pipeline.digesting.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, repeat
from typing import ClassVar

from domain.always import DAYS, always
from domain.baselines import MOST_DAYS, in_parts, joined
from domain.day_baselines import as_kept
from domain.digests import Digest
from domain.histories import TAUGHT_BY, history_in_steps
from domain.learning_times import (
    LEARNED_VERSION,
    LastLearned,
    day_to_learn,
    days_back,
    days_to_digest,
    local_days,
    still_whole,
)
from domain.minutes import DAY
from domain.samples import Dimensions
from domain.zones import local, zone_of, zone_of_most
from pipeline.concurrency import cooperatively, gather
from pipeline.digesting import Digesting, Made, Make, Target, few_days, of_fleet, of_tenant
from pipeline.judging import judge_recent
from pipeline.learning_capacity import learn_capacity
from pipeline.learning_forecasts import learn_forecasts
from pipeline.learning_habits import learn_habits
from pipeline.marking import clear
from pipeline.operations import Done, Figures, OperationContext, Step, added
from pipeline.purged_learning import purge_tenant, purge_vm
from storage.documents import Conflict
from storage.schema import STANDINGS_DAYS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, vms_of
from storage.tables.marks import Mark, Marks
from storage.tables.table import Stored

TENANTS_A_STEP = 5

AT_ONCE = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Learn:
    """Learn what is normal."""

    kind: ClassVar[str] = "learn"

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """See Operation."""
        marked = {mark.value.tenant for mark in await context.tables.days.read()}
        tenants = sorted({*await context.tables.catalogue.entries(TENANTS), *marked})
        parts = [tenants[at : at + TENANTS_A_STEP] for at in range(0, len(tenants), TENANTS_A_STEP)]
        return [{"fleet": True}, *({"tenants": part} for part in parts)]  # tenants' VMs are held against the fleet's

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        tables, now, kept = context.tables, context.started, context.rules.standings_days * DAY
        if "fleet" in step:
            return Done(await learn_fleet(tables, now, kept))
        figures: Figures = {}
        for tenant in step["tenants"]:
            figures = added(figures, await learn_tenant(tables, tenant, now, kept))
            await judge_recent(tables, tenant, now)
        return Done(figures)

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}


async def learn_tenant(tables: Tables, tenant: str, now: int, kept: int = STANDINGS_DAYS * DAY) -> Figures:
    """Learn what is normal for a tenant, its pools and VMs. ``kept``: how many seconds standings live.

    Returns how many baselines were written, and how many documents can't be read, if any. Raises Unavailable.
    """
    entries = await tables.catalogue.entries(vms_of(tenant))
    vms = {
        name: entry.value.dimensions or Dimensions()
        for name, entry in entries.items()
        if entry.value.newest > now - TAUGHT_BY * DAY
    }
    zones: dict[str | None, set[str]] = {}
    for name, of in vms.items():
        zones.setdefault(zone_of(of.Region), set()).add(name)
    marks = [mark for mark in await tables.days.read() if mark.value.tenant == tenant]
    sizes = {vm: of.MachineSize for vm, of in vms.items()}
    run = _Learning(tables, tenant, now, kept, zone_of_most(of.Region for of in vms.values()), sizes)

    async def make(targets: Sequence[Target]) -> Mapping[Target, Made]:
        return await of_tenant(run, zones, targets)

    figures = await run.learn(zones, tables.days, marks, make)
    if gone := entries.keys() - (await tables.catalogue.entries(vms_of(tenant))).keys():  # purged meanwhile
        for vm in gone:
            await purge_vm(tables, tenant, vm)
        if gone == entries.keys():
            await purge_tenant(tables, tenant)
    return figures


async def learn_fleet(tables: Tables, now: int, kept: int = STANDINGS_DAYS * DAY) -> Figures:
    """Learn what is normal for the fleet and its groups. For the rest see learn_tenant."""
    counters = await tables.catalogue.entries(COUNTERS)
    keys = sorted(name for name, entry in counters.items() if entry.value.newest > now - TAUGHT_BY * DAY)
    vms = await _vms_by_region(tables, keys)
    zones: dict[str | None, set[str | None]] = {}
    for region in vms:
        zones.setdefault(zone_of(region), set()).add(region)
    main = zone_of_most(chain.from_iterable(repeat(region, number) for region, number in vms.items()))
    run = _Learning(tables, None, now, kept, main)

    async def make(targets: Sequence[Target]) -> Mapping[Target, Made]:
        return await of_fleet(run, zones, targets)

    return await run.learn(zones, tables.fleet_days, await tables.fleet_days.read(), make)


class _Learning(Digesting):
    """A run for a tenant or the fleet."""

    async def learn(
        self, zones: Collection[str | None], marks_of: Marks, marks: Sequence[Stored[Mark]], make: Make
    ) -> Figures:
        """Learn these zones, and that of the whole."""
        if not zones:
            await gather(clear(marks_of, mark) for mark in marks)  # of VMs that no longer come
            return {"baselines": 0}
        last = await self._last()
        every = sorted({self.zone, *zones}, key=lambda zone: zone or "")
        changes = bool(marks) or last.version < LEARNED_VERSION
        to_learn = {zone: days for zone in every if (days := self._days_to_learn(zone, last, changed=changes))}
        marked = [mark.value.window for mark in marks] if to_learn else []
        targets: list[Target] = []
        for zone in to_learn:
            changed = {*local_days(marked, zone), *days_to_digest(last, self.now, zone)}
            targets += [(zone, day) for day in still_whole(changed, zone, self.now, self.kept)]
        for some in few_days(targets):
            await self.days(some, make)
        learned = sum([await self._learn(zone, day, make) for zone, days in to_learn.items() for day in days])
        if self.tenant is not None:
            for zone in to_learn:
                await learn_habits(self, self.tenant, zone, make)
        if not self.problems:
            if marked:
                await gather(clear(marks_of, mark) for mark in marks)
            times = {**last.times, **dict.fromkeys(to_learn, self.now)}
            last = replace(last, times={zone: second for zone, second in times.items() if zone in every})
        await self._keep(replace(last, zone=self.zone, version=LEARNED_VERSION))
        for each in self.problems:
            log.error("learning leaves out what it can't read: %s", each)
        return {"baselines": learned, **({"corruptDocuments": len(self.problems)} if self.problems else {})}

    def _days_to_learn(self, zone: str | None, last: LastLearned, *, changed: bool) -> list[date]:
        """Return the local days whose turn it is. ``changed``: whether digests of older days will change."""
        today = [local(self.now, zone).day] if changed or zone not in last.times else []
        comes = day_to_learn(self.now, zone)
        return today + ([comes] if comes else [])

    async def _learn(self, zone: str | None, day: date, make: Make) -> int:
        """Learn the baselines of a day. Return how many. A digest that can't be read is made anew, if it can be."""
        tables, tenant = self.tables, self.tenant
        read, corrupt = await tables.digests.between(tenant, zone, days_back(day, MOST_DAYS), days_back(day, 1))
        again = still_whole(corrupt, zone, self.now, self.kept)
        self.problems.update((str(error), None) for at, error in corrupt.items() if at not in again)
        made = await self.days([(zone, at) for at in again], make)
        digests = {**read, **{at: digest for (_, at), (digest, _) in made.items()}}
        *_, history = await cooperatively(history_in_steps(day, digests))
        parts = await cooperatively(in_parts(history.hours, history.weekdays, day.weekday()))
        baselines = as_kept(zone, history, joined(parts))
        if tenant is not None:
            peers = await self._peers(day)
            (worse,) = await cooperatively(always(each, digests, peers, self.sizes) for each in [day])
            baselines = replace(baselines, always=worse)
            await learn_capacity(tables, tenant, zone, local(self.now, zone).day, day, history)
        await learn_forecasts(tables, tenant, zone, day, history)
        while True:
            try:
                await tables.baselines.write(tenant, day, baselines)
            except Conflict:  # another run writes the same, of digests as new
                continue
            return len(baselines.series)

    async def _peers(self, day: date) -> Mapping[date, Digest]:
        """Return the fleet's digests of the days before a day, and of that which is this day elsewhere."""
        tables = self.tables
        main = await tables.baselines.zone(None)
        if main is None:
            return {}
        digests, _ = await tables.digests.between(None, main.value, days_back(day, DAYS + 1), day)
        return digests

    async def _last(self) -> LastLearned:
        stored = await self.tables.baselines.learned(self.tenant)
        if stored is None:
            return LastLearned()
        return stored.value if self.tenant is not None else replace(stored.value, version=LEARNED_VERSION)

    async def _keep(self, last: LastLearned) -> None:
        """Keep the zone of the whole, so that a query knows by whose clocks it was learned, and when."""
        while True:
            stored = await self.tables.baselines.learned(self.tenant)
            if stored and stored.value == last:
                return
            with suppress(Conflict):
                await self.tables.baselines.write_learned(self.tenant, last, stored.etag if stored else None)


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
