"""The tables: the domain's values as documents, and back. Knows ids, partitions and bodies; decides nothing.

Each table's methods stand together below. Where a caller is to write only what nobody else wrote meanwhile, reading
gives a ``Stored`` with the etag and writing takes it back (None: to be created); a ``Conflict`` then says: start anew.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain, groupby
from typing import Annotated, Any, Generic, NamedTuple, TypeGuard, TypeVar

import msgspec

from domain.closing import Driver, Progress
from domain.minutes import MINUTES_PER_WINDOW, WINDOW, first_second, utc_day, window_of
from domain.names import decode_name, encode_name
from domain.partials import Partial
from domain.report import ReportRow
from domain.rollups import FLEET, Node, Placed, Rollup, Series
from domain.samples import Dimensions, VmWindow
from storage.documents import Conflict, Damaged, Document, Documents
from storage.schema import CATALOGUE, MARKS, OPERATIONS, QUARANTINE, REPORT, ROLLUPS, SAMPLES

Value = TypeVar("Value")

ROLLUP_VERSION = 4
"""The format of rollups. It is raised when they change in what they hold or how; a rebuild then brings old ones up to
it. In a rollup each counter's place and series are a text (of JSON): who wants one counter does not parse forty."""

COUNTERS = "counters"
TENANTS = "tenants"
_COUNTERS_OF = "tenants' counters"
_DIRTY = "dirty"
_PROGRESS = "progress"
_FLEET = "fleet"
_OPERATIONS = "operations"
_DIMENSIONS = tuple(each.name for each in fields(Dimensions))
_LAST = 9_999_999_999
_NUMBER = 10
"""Digits of a second in an id, so that ids sort as numbers do (until the year 2286)."""

KEPT_BYTES = 1_500_000
"""How many bytes of refused input go into one document of the quarantine (Cosmos DB takes 2 MB); a single one that has
more is cut."""

DAMAGED_INPUTS = "what was kept of it is damaged (docs/runbook.md, Damaged documents)"
"""The reason of the one input that stands for all of a message that can't be read. Where it is kept, they are."""


@dataclass(frozen=True, slots=True)
class Stored(Generic[Value]):
    """A value as it was read, with the etag that it had."""

    value: Value
    etag: str
    current: bool = True
    """Whether it was written in the present format; else it is to be written anew though it says the same."""


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
class RefusedInput:
    """An input that was refused: its place in its message, why, and its JSON as it came (cut off where it is huge)."""

    position: int
    reason: str
    input: str


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """What of one message was refused: how many inputs for each reason. ``message`` is derived from its bytes."""

    message: str
    message_id: str
    received: int
    reasons: Mapping[str, int]

    @property
    def day(self) -> str:
        """The UTC day on which it came, under which it is kept."""
        return utc_day(self.received)


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that came and is not in the averages: what, of whom, of which window, and how many there are."""

    what: str
    whose: str
    window: int
    count: int


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """What an operator had done: which operation, on what, by whom, when, and what came of it.

    ``state`` is "running", "done", "failed" or "stopped", or "unknown" where the record is damaged; ``ended`` is None
    while it runs, and of one that stopped and could not say so, when that was seen. ``error`` says why it failed or
    stopped. Times are Unix seconds.
    """

    instance: str
    kind: str
    command: Mapping[str, Any]
    by: str
    started: int
    ended: int | None
    state: str
    figures: Mapping[str, int]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables, over one store of documents."""

    documents: Documents

    # samples: a VM window a document -----------------------------------------------------------------------------

    async def vm_window(
        self, tenant: str, vm: str, window: int, keys: Collection[str] | None = None
    ) -> Stored[VmWindow] | None:
        """Read one VM window; of it, all counters, or those of these that it has."""
        partition, document_id = _samples_partition(tenant, window), _numbered(window, vm)
        document = await self.documents.read(SAMPLES, partition, document_id)
        return Stored(_vm_window(tenant, partition, document, keys), document.etag) if document else None

    async def vm_windows(self, tenant: str, window: int, from_vm: str = "") -> AsyncIterator[VmWindow]:
        """Yield all VM windows of a tenant's window, in the order of the VMs' ids; or those from one VM on."""
        partition = _samples_partition(tenant, window)
        async for document in self.documents.scan(SAMPLES, partition, _numbered(window, from_vm), _number(window + 1)):
            yield _vm_window(tenant, partition, document)

    async def vm_windows_between(self, tenant: str, first: int, last: int) -> AsyncIterator[Stored[VmWindow]]:
        """Yield all VM windows of a tenant from one window to another, both included and of the same UTC day.

        A damaged one is given as an empty one, for those who want them gone.
        """
        partition = _samples_partition(tenant, first)
        async for document in self.documents.scan(SAMPLES, partition, _number(first), _number(last + 1)):
            try:
                vm_window = _vm_window(tenant, partition, document)
            except Damaged:
                window, vm = _split_number(document.id)
                vm_window = VmWindow(tenant, vm, window, Dimensions(), {})
            yield Stored(vm_window, document.etag)

    async def write_vm_window(self, window: VmWindow, etag: str | None) -> None:
        """Create (etag None) or replace a VM window. Raises Conflict."""
        known = {name: value for name in _DIMENSIONS if (value := getattr(window.dimensions, name)) is not None}
        body = {"dimensions": known, "series": window.series}
        partition, document_id = _samples_partition(window.tenant, window.window), _numbered(window.window, window.vm)
        await self._write(SAMPLES, partition, document_id, body, etag)

    async def delete_vm_window(self, window: VmWindow, etag: str) -> None:
        """Remove a VM window. Raises Conflict."""
        partition, document_id = _samples_partition(window.tenant, window.window), _numbered(window.window, window.vm)
        await self.documents.delete(SAMPLES, partition, document_id, etag)

    # rollups: a window of a tenant, or of a branch of tenants, a document --------------------------------------------

    async def rollup(self, node: Node, window: int) -> Stored[Rollup] | None:
        """Read a node's rollup of a window."""
        document = await self.documents.read(ROLLUPS, _number(window), _node_id(node))
        if document is None:
            return None
        return Stored(_rollup(window, document), document.etag, document.body.get("version") == ROLLUP_VERSION)

    async def partials(self, node: Node, window: int, keys: Collection[str]) -> Mapping[str, Series]:
        """Read some counters of a node's rollup of a window: those of them that it has."""
        document = await self.documents.read(ROLLUPS, _number(window), _node_id(node))
        rollup = _rollup(window, document, keys) if document else {}
        return {key: placed.series for key, placed in rollup.items()}

    async def rollups_below(self, branch: Node, window: int) -> list[Rollup]:
        """Return the rollups that make up a branch's (or the fleet's), in the order of their ids."""
        prefix = f"{len(branch.branch) + 1}_{branch.branch}"
        scan = self.documents.scan(ROLLUPS, _number(window), prefix, prefix + "~")
        return [_rollup(window, document) async for document in scan]

    async def write_rollup(self, node: Node, window: int, rollup: Rollup, etag: str | None) -> None:
        """Create (etag None) or replace a rollup. Raises Conflict."""
        texts = {key: msgspec.json.encode(placed).decode() for key, placed in rollup.items()}
        body = {"version": ROLLUP_VERSION, "series": texts}
        await self._write(ROLLUPS, _number(window), _node_id(node), body, etag)

    async def delete_rollup(self, node: Node, window: int, etag: str) -> None:
        """Remove a rollup that no sample stands behind any more. Raises Conflict."""
        await self.documents.delete(ROLLUPS, _number(window), _node_id(node), etag)

    async def has_begun(self, window: int) -> bool:
        """Tell whether data of a window have ever come; see begin."""
        return await self.documents.read(ROLLUPS, _number(window), _node_id(FLEET)) is not None

    async def begin(self, window: int) -> None:
        """Write down that data of a window have come. It is forgotten when its rollups are."""
        await self.documents.upsert(ROLLUPS, _number(window), _node_id(FLEET), {})

    # report: a counter's window a document, which holds its rows as plain records ------------------------------------

    async def report_rows(self, key: str, first: int, last: int) -> list[ReportRow]:
        """Return a counter's rows from one identifier timestamp to another, both included, oldest first."""
        scan = self.documents.scan(REPORT, key, _number(max(window_of(first), 0)), _number(last + 1))
        return [row async for document in scan for row in _report_rows(key, document) if first <= row.timestamp <= last]

    async def report_window(self, key: str, window: int) -> Stored[list[ReportRow]] | None:
        """Read a counter's rows of a window."""
        document = await self.documents.read(REPORT, key, _number(window))
        return Stored(_report_rows(key, document), document.etag) if document else None

    async def report_windows(self, key: str, before: int) -> AsyncIterator[Stored[int]]:
        """Yield the windows before a second of which a counter has rows, oldest first."""
        async for document in self.documents.scan(REPORT, key, to_id=_number(before)):
            yield Stored(int(document.id), document.etag)

    async def newest_row(self, key: str, not_after: int) -> int | None:
        """Return a counter's newest minute up to a second, or None where it has none."""
        reach = WINDOW
        while True:
            from_id = _number(max(window_of(not_after) - reach, 0))
            rows = [
                row
                async for doc in self.documents.scan(REPORT, key, from_id, _number(not_after + 1))
                for row in _report_rows(key, doc)
                if row.timestamp <= not_after
            ]
            if rows or reach > not_after:
                return rows[-1].timestamp if rows else None
            reach *= 16

    async def write_report_window(self, key: str, window: int, rows: Sequence[ReportRow], etag: str | None) -> None:
        """Create (etag None) or replace a counter's rows of a window. Raises Conflict."""
        body = {"rows": [_report_record(row) for row in rows]}
        await self._write(REPORT, key, _number(window), body, etag)

    async def delete_report_window(self, key: str, window: int, etag: str) -> None:
        """Remove a counter's rows of a window that no sample stands behind any more. Raises Conflict."""
        await self.documents.delete(REPORT, key, _number(window), etag)

    # marks -------------------------------------------------------------------------------------------------------

    async def marks(self, window: int | None = None) -> list[Stored[Mark]]:
        """Return all dirty marks, or those of a window: oldest window first."""
        marks = []
        ids = () if window is None else (_number(window), _number(window + 1))
        async for document in self.documents.scan(MARKS, _DIRTY, *ids):
            window, tenant = _split_number(document.id)
            marks.append(Stored(Mark(tenant, window), document.etag))
        return marks

    async def mark(self, mark: Mark) -> None:
        """Set a mark. A mark that is set already gets a new etag, so that who has read it can't clear it."""
        await self.documents.upsert(MARKS, _DIRTY, _numbered(mark.window, mark.tenant), {})

    async def clear_mark(self, mark: Stored[Mark]) -> None:
        """Remove a mark if it has not been set anew. Raises Changed or Gone."""
        await self.documents.delete(MARKS, _DIRTY, _numbered(mark.value.window, mark.value.tenant), mark.etag)

    # progress: one document, which queries read as well ---------------------------------------------------------------

    async def progress(self) -> Stored[Progress] | None:
        """Read what is remembered of windows; of a damaged document, nothing."""
        document = await self.documents.read(MARKS, _PROGRESS, _FLEET)
        return Stored(_progress(document), document.etag) if document else None

    async def write_progress(self, progress: Progress, etag: str | None) -> None:
        """Create (etag None) or replace what is remembered of windows. Raises Conflict."""
        body = {
            "opened": {str(window): arrived for window, arrived in progress.opened.items()},
            "closed": progress.closed,
            "vms": {str(window): list(vms) for window, vms in progress.vms.items()},
            "kept": progress.kept,
            "wholeFrom": progress.whole_from,
            "runs": dict(progress.runs),
        }
        await self._write(MARKS, _PROGRESS, _FLEET, body, etag)

    # omissions: in the quarantine, too ------------------------------------------------------------------------------

    async def omit(self, omission: Omission, now: int) -> None:
        """Write down, on the UTC day of a second, that something is left out. The same again overwrites itself."""
        body = asdict(omission)
        place = _digest({"what": omission.what, "whose": omission.whose, "window": omission.window})
        await self.documents.upsert(QUARANTINE, _omissions_partition(utc_day(now)), place, body)

    async def forget_omissions(self, day: str, whose: str) -> None:
        """Forget what was left out of somebody on a UTC day."""
        partition = _omissions_partition(day)
        async for document in self.documents.scan(QUARANTINE, partition):
            if document.body.get("whose") == whose:
                with suppress(Conflict):
                    await self.documents.delete(QUARANTINE, partition, document.id, document.etag)

    async def omissions(self, day: str) -> list[Omission]:
        """Return what was left out on a UTC day."""
        found = [document.body async for document in self.documents.scan(QUARANTINE, _omissions_partition(day))]
        return [msgspec.convert(body, Omission) for body in found if _is_omission(body)]

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
        return Stored(_counters(document), document.etag) if document else None

    async def write_counters_of(self, tenant: str, counters: Mapping[str, int], etag: str | None) -> None:
        """Create (etag None) or replace the counters of a tenant. Raises Conflict."""
        await self._write(CATALOGUE, _COUNTERS_OF, encode_name(tenant), {"counters": counters}, etag)

    async def write_entry(self, kind: str, entry: Entry, etag: str | None) -> None:
        """Create (etag None) or replace an entry. Raises Conflict."""
        body: dict[str, Any] = {"newest": entry.newest}
        if entry.dimensions:
            body["dimensions"] = asdict(entry.dimensions)
        await self._write(CATALOGUE, kind, encode_name(entry.name), body, etag)

    async def delete_entry(self, kind: str, name: str, etag: str) -> None:
        """Remove an entry. Raises Conflict."""
        await self.documents.delete(CATALOGUE, kind, encode_name(name), etag)

    async def delete_counters_of(self, tenant: str, etag: str) -> None:
        """Remove the counters of a tenant. Raises Conflict."""
        await self.documents.delete(CATALOGUE, _COUNTERS_OF, encode_name(tenant), etag)

    # quarantine: a message's reasons in one small document, its inputs beside it ------------------------------------

    async def quarantine(self, message: QuarantinedMessage, inputs: Sequence[RefusedInput]) -> None:
        """Keep what was refused of a message, in place of what is kept of it already.

        The inputs' documents are named by what they hold, and old ones go only when the new are there: so the same
        message again overwrites itself, and a crash in between leaves no input out.
        """
        partition = _inputs_partition(message)
        readable = [each for each in inputs if each.reason != DAMAGED_INPUTS]
        documents = {_digest(body): body for body in _in_documents(readable)}
        for document_id, body in documents.items():
            await self.documents.upsert(QUARANTINE, partition, document_id, body)
        all_readable = len(readable) == len(inputs)
        await self._remove_inputs(
            partition, lambda old: old.id not in documents and (all_readable or _inputs(old) is not None)
        )
        body = {"messageId": message.message_id, "received": message.received, "reasons": message.reasons}
        await self.documents.upsert(QUARANTINE, message.day, message.message, body)

    async def drop_quarantined(self, message: QuarantinedMessage) -> None:
        """Forget what was refused of a message."""
        await self._remove_inputs(_inputs_partition(message), lambda _: True)
        document = await self.documents.read(QUARANTINE, message.day, message.message)
        if document:
            with suppress(Conflict):  # it came again meanwhile, or somebody else dropped it
                await self.documents.delete(QUARANTINE, message.day, message.message, document.etag)

    async def _remove_inputs(self, partition: str, which: Callable[[Document], bool]) -> None:
        async for document in self.documents.scan(QUARANTINE, partition):
            if which(document):
                with suppress(Conflict):
                    await self.documents.delete(QUARANTINE, partition, document.id, document.etag)

    async def quarantined(
        self, day: str, from_message: str = "", to_message: str = "~"
    ) -> AsyncIterator[QuarantinedMessage]:
        """Yield the messages of a UTC day of which something was refused, or a range of them, by their names."""
        async for document in self.documents.scan(QUARANTINE, day, from_message, to_message):
            yield await self._quarantined_message(day, document)

    async def quarantined_message(self, day: str, message: str) -> QuarantinedMessage | None:
        """Return one message of a UTC day of which something was refused."""
        document = await self.documents.read(QUARANTINE, day, message)
        return await self._quarantined_message(day, document) if document else None

    async def _quarantined_message(self, day: str, document: Document) -> QuarantinedMessage:
        try:
            body = msgspec.convert(document.body, _MessageBody)
        except msgspec.ValidationError:  # what it says follows from the inputs, but for its queue's id and its time
            message = QuarantinedMessage(document.id, "", first_second(day), {})
            return replace(message, reasons=Counter(each.reason for each in await self.quarantined_inputs(message)))
        return QuarantinedMessage(document.id, body.messageId, body.received, body.reasons)

    async def quarantined_inputs(self, message: QuarantinedMessage) -> list[RefusedInput]:
        """Return the refused inputs of a message, in the order in which they stood in it.

        For all that can't be read of them, one stands with the reason DAMAGED_INPUTS.
        """
        found: dict[tuple[int, str], RefusedInput] = {}
        async for document in self.documents.scan(QUARANTINE, _inputs_partition(message)):
            for each in _inputs(document) or [RefusedInput(0, DAMAGED_INPUTS, "")]:
                found[each.position, each.input] = each
        return [found[place] for place in sorted(found)]

    # operations: records of what operators had done, the newest first -------------------------------------------------

    async def write_operation(self, record: OperationRecord) -> None:
        """Write down an operation; the same one (by its start and instance) overwrites what was written before."""
        await self.documents.upsert(OPERATIONS, _OPERATIONS, _operation_id(record), _operation_body(record))

    async def settle_operation(self, record: OperationRecord, etag: str) -> None:
        """Write down what became of an operation, if nobody has written that meanwhile. Raises Conflict."""
        body = _operation_body(record)
        await self.documents.replace(OPERATIONS, _OPERATIONS, _operation_id(record), body, etag)

    async def operation(self, record: OperationRecord) -> OperationRecord | None:
        """Return what is written of an operation by now."""
        document = await self.documents.read(OPERATIONS, _OPERATIONS, _operation_id(record))
        return _operation(document) if document else None

    async def operations(self, most: int) -> list[Stored[OperationRecord]]:
        """Return the newest operations."""
        records: list[Stored[OperationRecord]] = []
        async for document in self.documents.scan(OPERATIONS, _OPERATIONS):
            records.append(Stored(_operation(document), document.etag))
            if len(records) == most:
                break
        return records

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


_VALUES = {float, int, type(None)}


def _vm_window(tenant: str, partition: str, document: Document, keys: Collection[str] | None = None) -> VmWindow:
    window, vm = _split_number(document.id)
    series = document.body.get("series")
    if isinstance(series, dict) and keys is not None:
        series = {key: series[key] for key in keys if key in series}
    if not _are_series(series):
        raise Damaged(SAMPLES, partition, document, "series is not, by counter, 15 numbers or nulls")
    try:
        dimensions = msgspec.convert(document.body.get("dimensions"), Dimensions)
    except msgspec.ValidationError as error:
        raise Damaged(SAMPLES, partition, document, error) from error
    return VmWindow(tenant, vm, window, dimensions, series)


def _are_series(series: Any) -> TypeGuard[dict[str, list[float | None]]]:
    """Tell whether these are a VM window's series: msgspec would make all lists anew, a tenth of averaging's time."""
    if not isinstance(series, dict):
        return False
    rows = series.values()
    return (
        set(map(type, rows)) <= {list}
        and set(map(len, rows)) <= {MINUTES_PER_WINDOW}
        and set(map(type, chain.from_iterable(rows))) <= _VALUES
    )


def _node_id(node: Node) -> str:
    """The level first, so that what hangs on a branch is a range of ids."""
    if node.tenant is None:
        return f"{len(node.branch)}_{node.branch}"
    return f"{len(node.branch) + 1}_{node.branch}_{encode_name(node.tenant)}"


_Series = Annotated[list[Partial | None], msgspec.Meta(min_length=MINUTES_PER_WINDOW, max_length=MINUTES_PER_WINDOW)]


class _Placed(NamedTuple):
    place: int
    series: _Series


_PLACED = msgspec.json.Decoder(_Placed)
_SERIES = msgspec.json.Decoder(_Series)


class _RollupBody(msgspec.Struct):
    series: dict[str, Any]


def _rollup(window: int, document: Document, keys: Collection[str] | None = None) -> Rollup:
    """Return a rollup, or those of these counters that it has."""
    try:
        series = msgspec.convert(document.body, _RollupBody).series
        return {key: _placed(series[key]) for key in (series if keys is None else keys) if key in series}
    except msgspec.MsgspecError as error:
        raise Damaged(ROLLUPS, _number(window), document, error) from error


def _placed(stored: Any) -> Placed:
    if not isinstance(stored, str):  # before version 3 it was no text
        return Placed(0, msgspec.convert(stored, _Series))
    if not stored[1:2].isdigit():  # and before version 4 it had no place
        return Placed(0, _SERIES.decode(stored))
    return Placed(*_PLACED.decode(stored))


class _ProgressBody(msgspec.Struct):
    opened: dict[int, int]
    vms: dict[int, Annotated[list[int], msgspec.Meta(min_length=MINUTES_PER_WINDOW, max_length=MINUTES_PER_WINDOW)]]
    closed: int | None = None
    kept: int | None = None
    wholeFrom: int = 0
    runs: dict[Driver, int] = {}


def _progress(document: Document) -> Progress:
    try:
        body = msgspec.convert(document.body, _ProgressBody, str_keys=True)
    except msgspec.ValidationError:
        return Progress()
    return Progress(
        body.opened, body.closed, {at: tuple(vms) for at, vms in body.vms.items()}, body.kept, body.wholeFrom, body.runs
    )


def _is_omission(body: Mapping[str, Any]) -> bool:
    try:
        msgspec.convert(body, Omission)
    except msgspec.ValidationError:
        return False
    return True


def _report_record(row: ReportRow) -> dict[str, Any]:
    """The report record of the wire, with the shares that disclosure asks for besides.

    ``PerfValue`` equals ``average``, so that it can be read where a sample can.
    """
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
        "shares": row.shares,
    }


class _ReportBody(msgspec.Struct):
    rows: list[ReportRow]


def _report_rows(key: str, document: Document) -> list[ReportRow]:
    try:
        # Some stores give 1.0 back as 1; what is a float becomes one again here.
        return msgspec.convert(document.body, _ReportBody).rows
    except msgspec.ValidationError as error:
        raise Damaged(REPORT, key, document, error) from error


class _MessageBody(msgspec.Struct):
    messageId: str
    received: int
    reasons: dict[str, int]


class _InputBody(msgspec.Struct):
    position: int
    input: str


class _InputsBody(msgspec.Struct):
    reason: str
    inputs: Annotated[list[_InputBody], msgspec.Meta(min_length=1)]


def _inputs(document: Document) -> list[RefusedInput] | None:
    """Return the refused inputs of a document; None: it is damaged."""
    try:
        body = msgspec.convert(document.body, _InputsBody)
    except msgspec.ValidationError:
        return None
    return [RefusedInput(each.position, body.reason, each.input) for each in body.inputs]


def _operation_id(record: OperationRecord) -> str:
    return f"{_number(_LAST - record.started)}_{record.instance}"


def _operation_body(record: OperationRecord) -> Mapping[str, Any]:
    return {name: value for name, value in asdict(record).items() if value is not None}


def _operation(document: Document) -> OperationRecord:
    try:
        return msgspec.convert({"ended": None, **document.body}, OperationRecord)
    except msgspec.ValidationError:
        before_last, instance = _split_number(document.id)
        return OperationRecord(
            instance, "", {}, "", _LAST - before_last, None, "unknown", {}, "its record in the store is damaged"
        )


def _omissions_partition(day: str) -> str:
    return f"{day}_omissions"


def _inputs_partition(message: QuarantinedMessage) -> str:
    return f"{message.day}_{message.message}"


def _in_documents(inputs: Iterable[RefusedInput]) -> Iterator[dict[str, Any]]:
    """Yield bodies of documents that hold refused inputs, each of one reason and of a size that a document may have."""
    by_reason = sorted(inputs, key=lambda each: (each.reason, each.position))
    for reason, group in groupby(by_reason, key=lambda each: each.reason):
        some: list[dict[str, Any]] = []
        size = 0
        for each in group:
            record = {"position": each.position, "input": each.input}
            length = len(msgspec.json.encode(record))
            if length > KEPT_BYTES:
                record["input"] = each.input[: KEPT_BYTES // 6]  # JSON writes a character with at most six
                length = len(msgspec.json.encode(record))
            if some and size + length > KEPT_BYTES:
                yield {"reason": reason, "inputs": some}
                some, size = [], 0
            some.append(record)
            size += length + 1
        yield {"reason": reason, "inputs": some}


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(body)).hexdigest()[:32]


class _EntryBody(msgspec.Struct):
    newest: int = 0
    dimensions: Dimensions | None = None


class _CountersBody(msgspec.Struct):
    counters: dict[str, int]


def _entry(document: Document) -> Stored[Entry]:
    """Return an entry; a damaged one as one that is not averaged yet, so that averaging writes it anew."""
    try:
        body = msgspec.convert(document.body, _EntryBody)
    except msgspec.ValidationError:
        body = _EntryBody()
    return Stored(Entry(decode_name(document.id), body.newest, body.dimensions), document.etag)


def _counters(document: Document) -> dict[str, int]:
    """Return a tenant's counters; of a damaged list none, for the same reason."""
    try:
        return msgspec.convert(document.body, _CountersBody).counters
    except msgspec.ValidationError:
        return {}
