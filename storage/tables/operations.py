"""The operations table: records of the operations that operators started, the newest first."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from storage.documents import Document
from storage.schema import OPERATIONS
from storage.tables.ids import LAST, number, split_number
from storage.tables.table import Stored, Table

_OPERATIONS = "operations"


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """An operator's operation: its kind, its command, who started it and when, and its result.

    ``state`` is "running", "done", "failed" or "stopped", or "unknown" if the record is corrupt. ``ended`` is None
    while it runs. If it stopped without recording that, ``ended`` is when that was noticed. ``error`` says why it
    failed or stopped. Times are Unix seconds.
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
class Operations(Table):
    """The records of operations."""

    async def write(self, record: OperationRecord) -> None:
        """Write an operation's record. It overwrites the record with the same start and instance."""
        await self.documents.upsert(OPERATIONS, _OPERATIONS, _operation_id(record), _operation_body(record))

    async def settle(self, record: OperationRecord, etag: str) -> None:
        """Write an operation's result if its record has not changed since it was read. Raises Conflict."""
        body = _operation_body(record)
        await self.documents.replace(OPERATIONS, _OPERATIONS, _operation_id(record), body, etag)

    async def read(self, record: OperationRecord) -> OperationRecord | None:
        """Return an operation's present record."""
        document = await self.documents.read(OPERATIONS, _OPERATIONS, _operation_id(record))
        return _operation(document) if document else None

    async def newest(self, most: int) -> list[Stored[OperationRecord]]:
        """Return at most so many operations, the newest first."""
        records: list[Stored[OperationRecord]] = []
        async for document in self.documents.scan(OPERATIONS, _OPERATIONS):
            records.append(Stored(_operation(document), document.etag))
            if len(records) == most:
                break
        return records


def _operation_id(record: OperationRecord) -> str:
    return f"{number(LAST - record.started)}_{record.instance}"


def _operation_body(record: OperationRecord) -> Mapping[str, Any]:
    return {name: value for name, value in asdict(record).items() if value is not None}


def _operation(document: Document) -> OperationRecord:
    try:
        return msgspec.convert({"ended": None, **document.body}, OperationRecord)
    except msgspec.ValidationError:
        before_last, instance = split_number(document.id)
        return OperationRecord(
            instance, "", {}, "", LAST - before_last, None, "unknown", {}, "its record in the store is corrupt"
        )
