"""Samples, page by page, from single VM windows: of one VM, of one tenant, or of all tenants."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from domain.disclosure import ForTenants
from domain.minutes import WINDOW, window_of, windows_between
from domain.samples import VmWindow
from domain.spans import Span
from pipeline.concurrency import gather
from pipeline.queries.names import entry_named, known_counters, sorted_entries, tenant_named
from pipeline.queries.view import AT_ONCE, View
from storage.tables import Tables
from storage.tables.catalogue import TENANTS, vms_of

WINDOWS_A_PAGE = 96
"""How many windows of a tenant a page reads at most, whether they hold samples or not: a day of one tenant."""

VM_WINDOWS_A_PAGE = 2_000
"""How many VM windows a page reads at most, whether they hold any of the counters or not."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of samples begins: at this VM of this window of this tenant (empty: at the first one)."""

    window: int
    vm: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class SamplesQuestion:
    """Which samples are asked for.

    ``tenant`` None: all that the caller may see. ``vm`` None: all VMs; a VM is asked for with its tenant. ``keys``
    empty: all counters. ``start`` and ``end`` (None: until now) are Unix seconds, both included. ``limit``: a page ends
    with the VM window that reaches this number of records.
    """

    tenant: str | None
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
    """A page of samples, by tenant, then window, VM, counter and minute."""

    tenant: str | None
    start: int
    end: int
    position: Position | None
    """Where the next page begins; None: this is the last page."""
    data: list[SampleRecord]


@dataclass(frozen=True, slots=True)
class SamplesAnswer(ForTenants):
    """A page of samples, by tenant, then window of 15 minutes, VM, counter and minute."""

    tenant: str | None
    """null: all tenants."""
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    nextPage: str | None
    """The value for the parameter page; null: this is the last page. A page may be empty and not the last."""
    data: list[SampleRecord]


async def get_samples(tables: Tables, question: SamplesQuestion, position: Position | None, view: View) -> SamplesPage:
    """Return the page of samples that begins at a position (None: the first). Raises NotFound for unknown names."""
    asked = question.tenant if question.tenant is not None else view.caller.tenant
    tenant = None if asked is None else await tenant_named(tables, asked, view)
    tenants = [entry.name for entry in await sorted_entries(tables, TENANTS)] if tenant is None else [tenant]
    vm = None
    if tenant is not None and question.vm is not None:
        vm = (await entry_named(tables, vms_of(tenant), question.vm, "VM of this tenant")).name
    keys = frozenset((await known_counters(tables, question.keys, view)) if question.keys else ())
    span = Span.fixed(question.start, view.now if question.end is None else question.end)
    windows = windows_between(span.first, span.last) if span.minutes else range(0)
    places = _places(tenants, windows, position)
    within = list(islice(places, WINDOWS_A_PAGE))
    records: list[SampleRecord] = []
    looked_into = 0
    async for each in _vm_windows(tables, vm, within, position):
        if len(records) >= question.limit or looked_into >= VM_WINDOWS_A_PAGE:
            return SamplesPage(tenant, span.first, span.last, Position(each.window, each.vm, each.tenant), records)
        records += _records(each, keys, span)
        looked_into += 1
    beyond = next((Position(window, "", of) for of, window in places), None)
    return SamplesPage(tenant, span.first, span.last, beyond, records)


def _places(tenants: Sequence[str], windows: range, position: Position | None) -> Iterator[tuple[str, int]]:
    """Yield tenants and windows, from a position on. If it names no tenant, it is in the first."""
    for number, tenant in enumerate(tenants):
        begin = windows.start
        if position and (tenant == position.tenant or not (number or position.tenant)):
            begin = max(begin, window_of(position.window))
        elif position and tenant < position.tenant:
            continue
        for window in range(begin, windows.stop, WINDOW):
            yield tenant, window


async def _vm_windows(
    tables: Tables, vm: str | None, places: Sequence[tuple[str, int]], position: Position | None
) -> AsyncIterator[VmWindow]:
    """Yield the VM windows of one VM, or of all, of tenants and windows, from a position on."""
    if vm is not None:
        for start in range(0, len(places), AT_ONCE):
            some = places[start : start + AT_ONCE]
            for stored in await gather(tables.samples.read(tenant, vm, window) for tenant, window in some):
                if stored:
                    yield stored.value
        return
    for number, (tenant, window) in enumerate(places):
        from_vm = ""
        if position and number == 0 and position.window == window and position.tenant in ("", tenant):
            from_vm = position.vm
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
