"""Cursors: how far something has come that goes on for long, one document for each such thing."""

from dataclasses import asdict, dataclass

import msgspec

from domain.remote_write import Cursor
from storage.documents import Corrupt, Document
from storage.schema import MARKS
from storage.tables.table import Stored, Table

_CURSORS = "cursors"
_REMOTE_WRITE = "remote-write"
_FILLING = "filling"


@dataclass(frozen=True, slots=True)
class Filling:
    """Which share of a sample fleet's past was filled at a time (Unix seconds)."""

    share: float
    at: int


@dataclass(frozen=True, slots=True)
class Cursors(Table):
    """The cursors of remote write (domain.remote_write) and of what fills a sample fleet's past (local.history)."""

    async def filling(self) -> Filling | None:
        """Read how far a sample fleet's past is filled; None: nothing ever filled one, or the document is corrupt."""
        document = await self.documents.read(MARKS, _CURSORS, _FILLING)
        try:
            return msgspec.convert(document.body, Filling) if document else None
        except msgspec.ValidationError:
            return None

    async def write_filling(self, filling: Filling) -> None:
        """Write how far a sample fleet's past is filled."""
        await self.documents.upsert(MARKS, _CURSORS, _FILLING, asdict(filling))

    async def remote_write(self) -> Stored[Cursor] | None:
        """Read how far remote write has come; None: it has not begun. Raises Corrupt."""
        document = await self.documents.read(MARKS, _CURSORS, _REMOTE_WRITE)
        return Stored(_cursor(document), document.etag) if document else None

    async def write_remote_write(self, cursor: Cursor, etag: str | None) -> None:
        """Create (etag None) or replace the cursor of remote write. Raises Conflict."""
        body = {
            "window": cursor.window,
            "key": cursor.key,
            "handled": list(cursor.handled),
            "lateRows": cursor.late_rows,
            "refused": cursor.refused,
            "problem": cursor.problem,
            "notBefore": cursor.not_before,
        }
        await self._write(MARKS, _CURSORS, _REMOTE_WRITE, body, etag)


class _CursorBody(msgspec.Struct):
    window: int
    key: str
    handled: list[int]
    lateRows: int
    refused: int
    problem: str | None
    notBefore: int


def _cursor(document: Document) -> Cursor:
    try:
        body = msgspec.convert(document.body, _CursorBody)
    except msgspec.ValidationError as error:
        raise Corrupt(MARKS, _CURSORS, document, error) from error
    return Cursor(body.window, body.key, tuple(body.handled), body.lateRows, body.refused, body.problem, body.notBefore)
