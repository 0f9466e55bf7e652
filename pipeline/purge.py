"""Purge: deletes a tenant, one of its VMs, or everything before a date, and recomputes the averages without them.

In each window it first empties the samples' documents, then averages the window again, and then deletes the empty
documents. So after a crash the remaining documents tell what is left to do. Data that arrive in the meantime are new
and stay. Report rows older than the samples' retention can't be recomputed. A purge of a tenant leaves them, since they
are averages without names. A purge before a date deletes them.
"""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar

from domain import wire
from domain.errors import BadMessage
from domain.minutes import HOUR, WINDOW, utc_day, window_of
from domain.rollups import Node
from domain.samples import FUTURE_TOLERANCE, VmWindow
from pipeline.averaging import average_window
from pipeline.catalogue import SEEN_EVERY
from pipeline.concurrency import gather
from pipeline.operations import Done, Figures, OperationContext, Step, added, earliest_window, steps_of, windows_until
from pipeline.purged_learning import purge_learned, purge_tenant, purge_vm
from pipeline.purged_samples import empty, remove
from pipeline.purged_standings import purge_fleet, purge_silent, purge_standings
from pipeline.refusals import reasons_left, whole_of
from storage.documents import Conflict
from storage.schema import DAY
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.marks import Mark
from storage.tables.quarantine import RefusedInput
from storage.tables.table import Stored

AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Purge:
    """Delete a tenant, one of its VMs, or all data before a second. Either ``tenant`` or ``before`` is given.

    ``dry_run`` only counts the data. The figures count what a step found. So if a step was interrupted and repeated, it
    counts less than it deleted.
    """

    kind: ClassVar[str] = "purge"
    tenant: str | None = None
    vm: str | None = None
    before: int | None = None
    dry_run: bool = False

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """See Operation."""
        last = context.now + FUTURE_TOLERANCE if self.before is None else window_of(self.before) - 1
        days = _days(context)
        # Samples and rollups live a day longer than samples are accepted (storage.schema). That day is purged too,
        # except for its first hour: other tenants' rollups of that hour may just expire, and within the hour all of it
        # expires by itself.
        windows = windows_until(context, earliest_window(context) - DAY + HOUR, last)
        # A tenant's day is one partition, which a single scan reads.
        steps = _by_day("windows", windows) if self.tenant else steps_of(windows)
        # Standings outlive their samples. Of newer windows they follow from what is left of the samples.
        first = window_of(context.now - context.rules.standings_days * DAY + HOUR)
        steps += _by_day("standings", range(first, min(earliest_window(context), last) + 1, WINDOW))
        if self.vm:  # where it sent nothing, it is named as silent until nobody knows that it used to report
            steps = [{"learned": self.tenant}, *steps, *_by_day("judged", range(first, last + 1, WINDOW))]
        steps += [{"quarantined": day} for day in days if self.before is None or day < utc_day(self.before)]
        if self.before is not None:
            steps += [{"counter": key} for key in await context.tables.catalogue.entries(COUNTERS)]
            steps += [{"learned": tenant} for tenant in (None, *await context.tables.catalogue.entries(TENANTS))]
        return steps

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        match step:
            case {"windows": windows}:
                return await self._windows(context, windows)
            case {"standings": windows}:
                return await self._standings(context, windows)
            case {"judged": windows}:
                if self.tenant and self.vm and not self.dry_run:
                    await purge_silent(context.tables, windows, self.tenant, self.vm, context.times)
                return Done()
            case {"quarantined": day}:
                return Done(await self._quarantined(context.tables, day))
            case {"counter": key}:
                return await self._report(context, key)
            case {"learned": tenant}:
                if not self.dry_run:
                    await purge_learned(context.tables, tenant, self.vm, self.before or 0)
                return Done()
        raise ValueError(f"this is not a step of a purge: {step}")

    async def _windows(self, context: OperationContext, windows: Sequence[int]) -> Done:
        if self.tenant and not self.vm:
            found = context.tables.samples.between(self.tenant, windows[0], windows[-1])
            windows = sorted({each.value.window async for each in found})
        figures: Figures = {"vmWindows": 0, "samples": 0}
        for window in windows:
            if not self.dry_run and not context.time_left():
                return Done(figures, again=True)
            figures = added(figures, await self._window(context, window))
        return Done(figures)

    async def _window(self, context: OperationContext, window: int) -> Figures:
        tables = context.tables
        tenants = [self.tenant] if self.tenant else list(await tables.catalogue.entries(TENANTS))
        found = [vm_window for tenant in tenants async for vm_window in self._vm_windows(tables, tenant, window)]
        samples = sum(len(row) - row.count(None) for each in found for row in each.value.series.values())
        figures = {"vmWindows": len(found), "samples": samples}
        if self.dry_run or not found:
            return figures
        await gather((empty(tables, each) for each in found), AT_ONCE)
        of = {each.value.tenant for each in found}
        await gather(tables.marks.set(Mark(tenant, window)) for tenant in of)
        marks = await tables.marks.read(window)
        rows = (await average_window(tables, window, marks, context.times, context.rules.at_once)).rows
        for tenant in sorted(of):
            emptied = [each async for each in self._vm_windows(tables, tenant, window) if not each.value.series]
            await gather((remove(tables, each) for each in emptied), AT_ONCE)
            await self._remove_derived(tables, Node.of(tenant), window)
        return {**figures, "rows": rows}

    async def _remove_derived(self, tables: Tables, of: Node, window: int) -> None:
        """Remove what derives from a window that was not averaged again, because samples may have expired."""
        if self.vm is not None:
            return
        rollup, histograms = await tables.rollups.read(of, window), await tables.histograms.read(of, window)
        async for _ in tables.samples.between(of.tenant or "", window, window):
            return
        with suppress(Conflict):  # it has new samples
            if rollup:
                await tables.rollups.delete(of, window, rollup.etag)
            if histograms:
                await tables.histograms.delete(window, histograms.etag)

    async def _vm_windows(self, tables: Tables, tenant: str, window: int) -> AsyncIterator[Stored[VmWindow]]:
        if self.vm is None:
            async for each in tables.samples.between(tenant, window, window):
                yield each
        elif stored := await tables.samples.read(tenant, self.vm, window):
            yield stored

    async def _standings(self, context: OperationContext, windows: Sequence[int]) -> Done:
        """Remove standings that have outlived their samples, and make the summaries anew from those that remain."""
        removed = 0
        for window in windows:
            if not self.dry_run and not context.time_left():
                return Done({"standings": removed}, again=True)
            whose = self.tenant, self.vm
            removed += await purge_standings(context.tables, window, *whose, context.times, dry_run=self.dry_run)
        return Done({"standings": removed})

    async def _quarantined(self, tables: Tables, day: str) -> Figures:
        removed = 0
        async for message in tables.quarantine.messages(day):
            inputs = await tables.quarantine.inputs(message)
            kept = [each for each in inputs if not self._concerns(each)]
            reasons = reasons_left(message, inputs, kept)
            removed += sum(message.reasons.values()) - reasons.total()
            if self.dry_run or (kept and len(kept) == len(inputs)):
                continue
            if reasons:
                await tables.quarantine.keep(replace(message, reasons=reasons), kept)
            else:
                await tables.quarantine.drop(message)
        return {"quarantined": removed}

    def _concerns(self, refused: RefusedInput) -> bool:
        """Tell whether a refused input is the tenant's or VM's. A refused whole message is if it holds the name."""
        if self.tenant is None:
            return True
        name = self.vm or self.tenant
        try:
            whole = whole_of(refused)
            kept: Any = json.loads(refused.input)
        except ValueError:
            return name in refused.input
        if whole is None:
            return (
                isinstance(kept, dict)
                and kept.get("MaskedTenantId") == self.tenant
                and self.vm in (None, kept.get("MaskedVMName"))
            )
        with suppress(BadMessage):
            whole = wire.unpack(whole)
        return name.encode() in whole or json.dumps(name)[1:-1].encode() in whole

    async def _report(self, context: OperationContext, key: str) -> Done:
        """Remove a counter's report rows before the date, including rows whose samples have expired."""
        removed = 0
        if not self.dry_run:
            await purge_fleet(context.tables, key, window_of(self.before or 0))
        async for stored in context.tables.report.windows_before(key, window_of(self.before or 0)):
            if not self.dry_run and not context.time_left():
                return Done({"reportWindows": removed}, again=True)
            removed += 1
            if not self.dry_run:
                with suppress(Conflict):  # it was averaged again in the meantime, so it is gone or new
                    await context.tables.report.delete(key, stored.value, stored.etag)
        return Done({"reportWindows": removed})

    async def conclude(self, context: OperationContext) -> Figures:
        """See Operation. Remove purged names from the catalogue, and correct the counters' newest minutes."""
        tables = context.tables
        names = [self.tenant] if self.tenant else list(await tables.catalogue.entries(TENANTS))
        removed = 0
        for tenant in names:
            removed += await self._forget(tables, tenant)
        if self.before is not None:
            removed += await self._settle(tables, await tables.catalogue.entries(COUNTERS))
        if self.tenant and not self.vm and not self.dry_run:
            for day in _days(context):
                await tables.omissions.forget(day, self.tenant)
        if not self.dry_run:
            await self._forget_heartbeats(tables)
        return {"catalogueEntries": removed}

    async def _forget_heartbeats(self, tables: Tables) -> None:
        """Forget the tenant's heartbeat, the one that names the VM, or those that came before the date."""
        heartbeats = [each async for each in tables.heartbeats.all()]
        for tenant, heard in heartbeats:
            named = {*heard.beat.twice, *(each.vm for each in heard.beat.clocks)}
            if self.before is not None:
                concerned = heard.received < self.before
            else:
                concerned = tenant == self.tenant and (self.vm is None or self.vm in named)
            if concerned:
                await tables.heartbeats.forget(tenant)

    async def _forget(self, tables: Tables, tenant: str) -> int:
        """Remove a tenant's purged VMs and, if it has no others, the tenant. Return the number of removed entries."""
        vms = await tables.catalogue.entries(vms_of(tenant))
        leaving = [entry for entry in vms.values() if self._leaves(entry.value)]
        removed = sum([await self._remove_entry(tables, vms_of(tenant), entry) for entry in leaving])
        entry = await tables.catalogue.entry(TENANTS, tenant)
        counters = await tables.catalogue.counters_of(tenant)
        if self.tenant and counters:
            removed += await self._settle(tables, await tables.catalogue.entries(COUNTERS, counters.value))
        if len(leaving) < len(vms):
            if self.vm and not self.dry_run:
                await purge_vm(tables, tenant, self.vm)
            return removed
        if not self.dry_run:
            await purge_tenant(tables, tenant)
            await tables.senders.forget(tenant)
            if counters:
                with suppress(Conflict):
                    await tables.catalogue.delete_counters_of(tenant, counters.etag)
        return removed + (await self._remove_entry(tables, TENANTS, entry) if entry else 0)

    def _leaves(self, vm: Entry) -> bool:
        if self.before is not None:  # a VM's newest minute in its entry may be this far behind
            return vm.newest + SEEN_EVERY < self.before
        return self.vm in (None, vm.name)

    async def _settle(self, tables: Tables, counters: dict[str, Stored[Entry]]) -> int:
        """Correct each counter's newest minute. Remove and count counters that have no rows left."""
        removed = 0
        for key, entry in counters.items():
            newest = await tables.report.newest(key, entry.value.newest)
            if newest is None:
                removed += await self._remove_entry(tables, COUNTERS, entry)
            elif newest != entry.value.newest and not self.dry_run:
                with suppress(Conflict):  # averaged again in the meantime
                    await tables.catalogue.write_entry(COUNTERS, Entry(key, newest), entry.etag)
        return removed

    async def _remove_entry(self, tables: Tables, kind: str, entry: Stored[Entry]) -> int:
        if not self.dry_run:
            with suppress(Conflict):  # seen again in the meantime
                await tables.catalogue.delete_entry(kind, entry.value.name, entry.etag)
        return 1


def _by_day(kind: str, windows: Iterable[int]) -> list[Step]:
    """Return steps of the windows of a UTC day each."""
    return [{kind: list(day)} for _, day in groupby(windows, utc_day)]


def _days(context: OperationContext) -> list[str]:
    """Return the UTC days that may be in quarantine. A rewritten document lives for another full retention."""
    first = context.now - 2 * (context.now - context.horizon.oldest)
    return sorted({utc_day(second) for second in (*range(first, context.now, DAY), context.now)})
