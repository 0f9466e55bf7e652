"""The samples table. Each document holds one VM window. A partition holds a tenant's VM windows of one UTC day."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, TypeGuard

import msgspec

from domain.minutes import MINUTES_PER_WINDOW, utc_day
from domain.names import encode_name
from domain.samples import Dimensions, VmWindow
from storage.documents import Corrupt, Document
from storage.schema import SAMPLES
from storage.tables.ids import number, numbered, split_number
from storage.tables.table import Stored, Table

_DIMENSIONS = tuple(each.name for each in fields(Dimensions))
_VALUES = {float, int, type(None)}


@dataclass(frozen=True, slots=True)
class Samples(Table):
    """The VM windows."""

    async def read(
        self, tenant: str, vm: str, window: int, keys: Collection[str] | None = None
    ) -> Stored[VmWindow] | None:
        """Read one VM window with all its counters, or only the given ones. Counters that it lacks are left out."""
        partition, document_id = _samples_partition(tenant, window), numbered(window, vm)
        document = await self.documents.read(SAMPLES, partition, document_id)
        return Stored(_vm_window(tenant, partition, document, keys), document.etag) if document else None

    async def of_window(self, tenant: str, window: int, from_vm: str = "") -> AsyncIterator[VmWindow]:
        """Yield a tenant's VM windows of one window in the order of the VMs' ids, all or from one VM on."""
        partition = _samples_partition(tenant, window)
        async for document in self.documents.scan(SAMPLES, partition, numbered(window, from_vm), number(window + 1)):
            yield _vm_window(tenant, partition, document)

    async def between(self, tenant: str, first: int, last: int) -> AsyncIterator[Stored[VmWindow]]:
        """Yield a tenant's VM windows from window ``first`` to ``last``. Both are included, and of the same UTC day.

        A corrupt VM window is yielded as an empty one, so that the caller can delete it.
        """
        partition = _samples_partition(tenant, first)
        async for document in self.documents.scan(SAMPLES, partition, number(first), number(last + 1)):
            try:
                vm_window = _vm_window(tenant, partition, document)
            except Corrupt:
                window, vm = split_number(document.id)
                vm_window = VmWindow(tenant, vm, window, Dimensions(), {})
            yield Stored(vm_window, document.etag)

    async def write(self, window: VmWindow, etag: str | None) -> None:
        """Create (etag None) or replace a VM window. Raises Conflict."""
        known = {name: value for name in _DIMENSIONS if (value := getattr(window.dimensions, name)) is not None}
        body = {"dimensions": known, "series": window.series}
        partition, document_id = _samples_partition(window.tenant, window.window), numbered(window.window, window.vm)
        await self._write(SAMPLES, partition, document_id, body, etag)

    async def delete(self, window: VmWindow, etag: str) -> None:
        """Remove a VM window. Raises Conflict."""
        partition, document_id = _samples_partition(window.tenant, window.window), numbered(window.window, window.vm)
        await self.documents.delete(SAMPLES, partition, document_id, etag)


def _samples_partition(tenant: str, window: int) -> str:
    return f"{encode_name(tenant)}_{utc_day(window)}"


def _vm_window(tenant: str, partition: str, document: Document, keys: Collection[str] | None = None) -> VmWindow:
    window, vm = split_number(document.id)
    series = document.body.get("series")
    if isinstance(series, dict) and keys is not None:
        series = {key: series[key] for key in keys if key in series}
    if not _are_series(series):
        raise Corrupt(SAMPLES, partition, document, "series is not, by counter, 15 numbers or nulls")
    try:
        dimensions = msgspec.convert(document.body.get("dimensions"), Dimensions)
    except msgspec.ValidationError as error:
        raise Corrupt(SAMPLES, partition, document, error) from error
    return VmWindow(tenant, vm, window, dimensions, series)


def _are_series(series: Any) -> TypeGuard[dict[str, list[float | None]]]:
    """Tell whether these are a VM window's series. msgspec would copy all lists, a tenth of averaging's time."""
    if not isinstance(series, dict):
        return False
    rows = series.values()
    return (
        set(map(type, rows)) <= {list}
        and set(map(len, rows)) <= {MINUTES_PER_WINDOW}
        and set(map(type, chain.from_iterable(rows))) <= _VALUES
    )
