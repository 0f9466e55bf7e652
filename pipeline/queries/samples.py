"""Samples, page by page, from single VM windows."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from domain.charts import (
    Span,
)
from domain.disclosure import ForTenants
from domain.minutes import WINDOW, window_of, windows_between
from domain.samples import VmWindow
from pipeline.concurrency import gather
from pipeline.queries.names import entry_named, known_counters, tenant_named
from pipeline.queries.view import AT_ONCE, View
from storage.tables import Tables
from storage.tables.catalogue import vms_of

WINDOWS_A_PAGE = 96
"""How many windows a page of samples reads at most, whether they hold samples or not: a day."""

VM_WINDOWS_A_PAGE = 2_000
"""How many VM windows a page reads at most, whether they hold any of the counters or not."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of samples begins: at this VM of this window (empty: at the window's first VM)."""

    window: int
    vm: str = ""


@dataclass(frozen=True, slots=True)
class SamplesQuestion:
    """Which samples are asked for.

    ``vm`` None: all of the tenant's VMs. ``keys`` empty: all counters. ``start`` and ``end`` (None: until now) are Unix
    seconds, both included. ``limit``: a page ends with the VM window that reaches this number of records.
    """

    tenant: str
    vm: str | None
    keys: Sequence[str]
    start: int
    end: int | None
    limit: int


@dataclass(slots=True)  # not frozen, for the same reason as domain.charts.FleetItem
class SampleRecord(ForTenants):
    """A sample, as a record of the wire format."""

    timestamp: int
    """Unix seconds: the identifier timestamp (second 30) of the sample's minute."""
    MaskedTenantId: str
    SiteName: str | None
    MaskedVMName: str
    ResourcePoolName: str | None
    Region: str | None
    MachineSize: str | None
    PerfName: str
    PerfValue: float
    PerfType: str


@dataclass(frozen=True, slots=True)
class SamplesPage:
    """A page of samples, by window, then VM, then counter, then minute."""

    tenant: str
    start: int
    end: int
    position: Position | None
    """Where the next page begins; None: this is the last page."""
    data: list[SampleRecord]


@dataclass(frozen=True, slots=True)
class SamplesAnswer(ForTenants):
    """A page of samples, by window of 15 minutes, then VM, then counter, then minute."""

    tenant: str
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    nextPage: str | None
    """The value for the parameter page; null: this is the last page. A page may be empty and not the last."""
    data: list[SampleRecord]


async def get_samples(tables: Tables, question: SamplesQuestion, position: Position | None, view: View) -> SamplesPage:
    """Return the page of samples that begins at a position (None: the first). Raises NotFound for unknown names."""
    tenant = await tenant_named(tables, question.tenant, view)
    vm = (await entry_named(tables, vms_of(tenant), question.vm, "VM of this tenant")).name if question.vm else None
    keys = frozenset((await known_counters(tables, question.keys, view)) if question.keys else ())
    span = Span.fixed(question.start, view.now if question.end is None else question.end)
    windows = windows_between(span.first, span.last) if span.minutes else range(0)
    if position:
        windows = range(max(windows.start, window_of(position.window)), windows.stop, WINDOW)
    within, beyond = windows[:WINDOWS_A_PAGE], windows[WINDOWS_A_PAGE:]
    records: list[SampleRecord] = []
    looked_into = 0
    async for each in _vm_windows(tables, tenant, vm, within, position):
        if len(records) >= question.limit or looked_into >= VM_WINDOWS_A_PAGE:
            return SamplesPage(tenant, span.first, span.last, Position(each.window, each.vm), records)
        records += _records(each, keys, span)
        looked_into += 1
    return SamplesPage(tenant, span.first, span.last, Position(beyond[0]) if beyond else None, records)


async def _vm_windows(
    tables: Tables, tenant: str, vm: str | None, windows: Sequence[int], position: Position | None
) -> AsyncIterator[VmWindow]:
    """Yield the VM windows of one VM, or of all, from a position on, in the order of windows and VMs."""
    if vm is not None:
        for start in range(0, len(windows), AT_ONCE):
            some = windows[start : start + AT_ONCE]
            for stored in await gather(tables.samples.read(tenant, vm, window) for window in some):
                if stored:
                    yield stored.value
        return
    for window in windows:
        from_vm = position.vm if position and position.window == window else ""
        async for each in tables.samples.of_window(tenant, window, from_vm):
            yield each


def _records(window: VmWindow, keys: Collection[str], span: Span) -> list[SampleRecord]:
    return [
        SampleRecord(
            sample.timestamp,
            sample.MaskedTenantId,
            sample.SiteName,
            sample.MaskedVMName,
            sample.ResourcePoolName,
            sample.Region,
            sample.MachineSize,
            sample.PerfName,
            float(sample.PerfValue),
            sample.PerfType,
        )
        for sample in window.samples(keys)
        if span.first <= sample.timestamp <= span.last
    ]
