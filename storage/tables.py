"""The tables: the domain's values as documents, and back. Knows ids, partitions and bodies; decides nothing.

Each table's methods stand together below. Where a caller is to write only what nobody else wrote meanwhile, reading
gives a ``Stored`` with the etag and writing takes it back (None: to be created); a ``Conflict`` then says: start anew.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import msgspec

from domain.minutes import utc_day, window_of
from domain.names import decode_name, encode_name
from domain.partials import Partial
from domain.report import ReportRow
from domain.rollups import Node, Rollup
from domain.samples import Dimensions, VmWindow
from storage.documents import Document, Documents
from storage.schema import CATALOGUE, MARKS, QUARANTINE, REPORT, ROLLUPS, SAMPLES

Value = TypeVar("Value")

COUNTERS = "counters"
TENANTS = "tenants"
_COUNTERS_OF = "tenants' counters"
_DIRTY = "dirty"
_NUMBER = 10
"""Digits of a second in an id, so that ids sort as numbers do (until the year 2286)."""


@dataclass(frozen=True, slots=True)
class Stored(Generic[Value]):
    """A value as it was read, with the etag that it had."""

    value: Value
    etag: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Says that this tenant's window changed since it was last averaged."""

    tenant: str
    window: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the catalogue: a counter, tenant or VM that has been averaged, and its newest minute.

    For VMs, ``newest`` may be up to six hours behind (pipeline.averaging says why) and ``dimensions`` are set.
    """

    name: str
    newest: int
    dimensions: Dimensions | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """What of one message was refused: how many inputs for each reason. ``message`` is derived from its bytes."""

    message: str
    message_id: str
    received: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables, over one store of documents."""

    documents: Documents

    # samples: a VM window a document -----------------------------------------------------------------------------

    async def vm_window(self, tenant: str, vm: str, window: int) -> Stored[VmWindow] | None:
        """Read one VM window."""
        partition, document_id = _samples_partition(tenant, window), _numbered(window, vm)
        document = await self.documents.read(SAMPLES, partition, document_id)
        return Stored(_vm_window(tenant, document), document.etag) if document else None

    async def vm_windows(self, tenant: str, window: int, from_vm: str = "") -> AsyncIterator[VmWindow]:
        """Yield all VM windows of a tenant's window, in the order of the VMs' ids; or those from one VM on."""
        partition = _samples_partition(tenant, window)
        async for document in self.documents.scan(SAMPLES, partition, _numbered(window, from_vm), _number(window + 1)):
            yield _vm_window(tenant, document)

    async def write_vm_window(self, window: VmWindow, etag: str | None) -> None:
        """Create (etag None) or replace a VM window. Raises Conflict."""
        known = {name: value for name, value in asdict(window.dimensions).items() if value is not None}
        body = {"dimensions": known, "series": window.series}
        partition, document_id = _samples_partition(window.tenant, window.window), _numbered(window.window, window.vm)
        await self._write(SAMPLES, partition, document_id, body, etag)

    # rollups: a window of a tenant, or of a branch of tenants, a document --------------------------------------------

    async def rollup(self, node: Node, window: int) -> Stored[Rollup] | None:
        """Read a node's rollup of a window."""
        document = await self.documents.read(ROLLUPS, _number(window), _node_id(node))
        return Stored(_rollup(document), document.etag) if document else None

    async def rollups_below(self, branch: Node, window: int) -> list[Rollup]:
        """Return the rollups that make up a branch's (or the fleet's), in the order of their ids."""
        prefix = f"{len(branch.branch) + 1}_{branch.branch}"
        scan = self.documents.scan(ROLLUPS, _number(window), prefix, prefix + "~")
        return [_rollup(document) async for document in scan]

    async def write_rollup(self, node: Node, window: int, rollup: Rollup, etag: str | None) -> None:
        """Create (etag None) or replace a rollup. Raises Conflict."""
        await self._write(ROLLUPS, _number(window), _node_id(node), {"series": rollup}, etag)

    # report: a counter's window a document, which holds its rows as plain records ------------------------------------

    async def report_rows(self, key: str, first: int, last: int) -> list[ReportRow]:
        """Return a counter's rows from one identifier timestamp to another, both included, oldest first."""
        scan = self.documents.scan(REPORT, key, _number(max(window_of(first), 0)), _number(last + 1))
        return [row async for document in scan for row in _report_rows(document) if first <= row.timestamp <= last]

    async def report_window(self, key: str, window: int) -> Stored[list[ReportRow]] | None:
        """Read a counter's rows of a window."""
        document = await self.documents.read(REPORT, key, _number(window))
        return Stored(_report_rows(document), document.etag) if document else None

    async def write_report_window(self, key: str, window: int, rows: Sequence[ReportRow], etag: str | None) -> None:
        """Create (etag None) or replace a counter's rows of a window. Raises Conflict."""
        body = {"rows": [_report_record(row) for row in rows], "shares": [[row.largest, row.second] for row in rows]}
        await self._write(REPORT, key, _number(window), body, etag)

    async def delete_report_window(self, key: str, window: int, etag: str) -> None:
        """Remove a counter's rows of a window that no sample stands behind any more. Raises Conflict."""
        await self.documents.delete(REPORT, key, _number(window), etag)

    # marks -------------------------------------------------------------------------------------------------------

    async def marks(self) -> list[Stored[Mark]]:
        """Return all dirty marks, oldest window first."""
        marks = []
        async for document in self.documents.scan(MARKS, _DIRTY):
            window, tenant = _split_number(document.id)
            marks.append(Stored(Mark(tenant, window), document.etag))
        return marks

    async def mark(self, mark: Mark) -> None:
        """Set a mark. A mark that is set already gets a new etag, so that who has read it can't clear it."""
        await self.documents.upsert(MARKS, _DIRTY, _numbered(mark.window, mark.tenant), {})

    async def clear_mark(self, mark: Stored[Mark]) -> None:
        """Remove a mark if it has not been set anew. Raises Changed or Gone."""
        await self.documents.delete(MARKS, _DIRTY, _numbered(mark.value.window, mark.value.tenant), mark.etag)

    # catalogue ---------------------------------------------------------------------------------------------------

    async def entry(self, kind: str, name: str) -> Stored[Entry] | None:
        """Read one entry. ``kind`` is COUNTERS, TENANTS or vms_of(tenant)."""
        document = await self.documents.read(CATALOGUE, kind, encode_name(name))
        return _entry(document) if document else None

    async def entries(self, kind: str, among: Iterable[str] | None = None) -> dict[str, Stored[Entry]]:
        """Return a kind's entries by name, in the order of their ids; or those among the given names."""
        if among is None:
            scan = self.documents.scan(CATALOGUE, kind)
        elif wanted := {encode_name(name) for name in among}:
            scan = self.documents.scan(CATALOGUE, kind, min(wanted), max(wanted) + "-")
        else:
            return {}
        entries = [_entry(document) async for document in scan]
        return {entry.value.name: entry for entry in entries}

    async def counters_of(self, tenant: str) -> Stored[dict[str, int]] | None:
        """Read the counters of a tenant, each with its newest minute (up to six hours behind)."""
        document = await self.documents.read(CATALOGUE, _COUNTERS_OF, encode_name(tenant))
        return Stored(dict(document.body["counters"]), document.etag) if document else None

    async def write_counters_of(self, tenant: str, counters: Mapping[str, int], etag: str | None) -> None:
        """Create (etag None) or replace the counters of a tenant. Raises Conflict."""
        await self._write(CATALOGUE, _COUNTERS_OF, encode_name(tenant), {"counters": counters}, etag)

    async def write_entry(self, kind: str, entry: Entry, etag: str | None) -> None:
        """Create (etag None) or replace an entry. Raises Conflict."""
        body: dict[str, Any] = {"newest": entry.newest}
        if entry.dimensions:
            body["dimensions"] = asdict(entry.dimensions)
        await self._write(CATALOGUE, kind, encode_name(entry.name), body, etag)

    # quarantine: a message's reasons in one small document, its inputs beside it ------------------------------------

    async def quarantine(self, message: QuarantinedMessage, inputs: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Keep what was refused of a message: documents of inputs by first position, then the message's own.

        The same message again overwrites itself.
        """
        day = utc_day(message.received)
        for position, body in inputs:
            await self.documents.upsert(QUARANTINE, f"{day}_{message.message}", f"{position:06d}", body)
        body = {"messageId": message.message_id, "received": message.received, "reasons": message.reasons}
        await self.documents.upsert(QUARANTINE, day, message.message, body)

    async def quarantined(self, day: str) -> list[QuarantinedMessage]:
        """Return the messages of a UTC day of which something was refused."""
        return [
            QuarantinedMessage(
                document.id, document.body["messageId"], document.body["received"], document.body["reasons"]
            )
            async for document in self.documents.scan(QUARANTINE, day)
        ]

    async def quarantined_inputs(self, message: QuarantinedMessage) -> list[Mapping[str, Any]]:
        """Return the refused inputs of a message, as they were kept."""
        partition = f"{utc_day(message.received)}_{message.message}"
        return [document.body async for document in self.documents.scan(QUARANTINE, partition)]

    async def _write(
        self, table: str, partition: str, document_id: str, body: Mapping[str, Any], etag: str | None
    ) -> None:
        if etag is None:
            await self.documents.create(table, partition, document_id, body)
        else:
            await self.documents.replace(table, partition, document_id, body, etag)


def _number(second: int) -> str:
    return f"{second:0{_NUMBER}d}"


def _numbered(second: int, name: str) -> str:
    return f"{_number(second)}_{encode_name(name)}"


def _split_number(document_id: str) -> tuple[int, str]:
    return int(document_id[:_NUMBER]), decode_name(document_id[_NUMBER + 1 :])


def _samples_partition(tenant: str, window: int) -> str:
    return f"{encode_name(tenant)}_{utc_day(window)}"


def vms_of(tenant: str) -> str:
    """Return the catalogue's kind for the VMs of a tenant."""
    return f"vms_{encode_name(tenant)}"


def _vm_window(tenant: str, document: Document) -> VmWindow:
    window, vm = _split_number(document.id)
    return VmWindow(tenant, vm, window, Dimensions(**document.body["dimensions"]), document.body["series"])


def _node_id(node: Node) -> str:
    """The level first, so that what hangs on a branch is a range of ids."""
    if node.tenant is None:
        return f"{len(node.branch)}_{node.branch}"
    return f"{len(node.branch) + 1}_{node.branch}_{encode_name(node.tenant)}"


def _rollup(document: Document) -> Rollup:
    return msgspec.convert(document.body["series"], dict[str, list[Partial | None]])


def _report_record(row: ReportRow) -> dict[str, Any]:
    """The report record of the wire: ``PerfValue`` equals ``average``, so that it can be read where a sample can."""
    return {
        "timestamp": row.timestamp,
        "PerfName": row.PerfName,
        "PerfValue": row.average,
        "PerfType": row.PerfType,
        "average": row.average,
        "count": row.count,
        "tenants": row.tenants,
        "min": row.min,
        "max": row.max,
        "stddev": row.stddev,
    }


def _report_rows(document: Document) -> list[ReportRow]:
    records = document.body["rows"]
    # Beside the records and not in them, which are those of the API; and not there from the beginning.
    shares = document.body.get("shares") or [(0, 0)] * len(records)
    rows = [
        {**record, "largest": largest, "second": second}
        for record, (largest, second) in zip(records, shares, strict=True)
    ]
    # Some stores give 1.0 back as 1; what is a float becomes one again here.
    return msgspec.convert(rows, list[ReportRow])


def _entry(document: Document) -> Stored[Entry]:
    dimensions = document.body.get("dimensions")
    entry = Entry(decode_name(document.id), document.body["newest"], Dimensions(**dimensions) if dimensions else None)
    return Stored(entry, document.etag)
