"""The report table. Each document holds one counter's rows of one window as plain records."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.minutes import WINDOW, window_of
from domain.report import ReportRow
from storage.documents import Corrupt, Document
from storage.schema import REPORT
from storage.tables.ids import number
from storage.tables.table import Stored, Table


@dataclass(frozen=True, slots=True)
class Report(Table):
    """The report rows."""

    async def rows(self, key: str, first: int, last: int) -> list[ReportRow]:
        """Return a counter's rows from identifier timestamp ``first`` to ``last``, both included, oldest first."""
        scan = self.documents.scan(REPORT, key, number(max(window_of(first), 0)), number(last + 1))
        return [row async for document in scan for row in _report_rows(key, document) if first <= row.timestamp <= last]

    async def read(self, key: str, window: int) -> Stored[list[ReportRow]] | None:
        """Read a counter's rows of a window."""
        document = await self.documents.read(REPORT, key, number(window))
        return Stored(_report_rows(key, document), document.etag) if document else None

    async def windows_before(self, key: str, before: int) -> AsyncIterator[Stored[int]]:
        """Yield the windows that begin before a second and in which a counter has rows, oldest first."""
        async for document in self.documents.scan(REPORT, key, to_id=number(before)):
            yield Stored(int(document.id), document.etag)

    async def newest(self, key: str, not_after: int) -> int | None:
        """Return a counter's newest minute up to a second, or None if it has none."""
        reach = WINDOW
        while True:
            from_id = number(max(window_of(not_after) - reach, 0))
            rows = [
                row
                async for doc in self.documents.scan(REPORT, key, from_id, number(not_after + 1))
                for row in _report_rows(key, doc)
                if row.timestamp <= not_after
            ]
            if rows or reach > not_after:
                return rows[-1].timestamp if rows else None
            reach *= 16

    async def write(self, key: str, window: int, rows: Sequence[ReportRow], etag: str | None) -> None:
        """Create (etag None) or replace a counter's rows of a window. Raises Conflict."""
        body = {"rows": [_report_record(row) for row in rows]}
        await self._write(REPORT, key, number(window), body, etag)

    async def delete(self, key: str, window: int, etag: str) -> None:
        """Remove a counter's rows of a window that no longer has samples. Raises Conflict."""
        await self.documents.delete(REPORT, key, number(window), etag)


def _report_record(row: ReportRow) -> dict[str, Any]:
    """Return the report record of the wire format.

    ``PerfValue`` equals ``average``, so that code that reads a sample can read a report record too.
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
    }


class _ReportBody(msgspec.Struct):
    rows: list[ReportRow]


def _report_rows(key: str, document: Document) -> list[ReportRow]:
    try:
        # Some stores return 1.0 as 1; this conversion makes it a float again.
        return msgspec.convert(document.body, _ReportBody).rows
    except msgspec.ValidationError as error:
        raise Corrupt(REPORT, key, document, error) from error
