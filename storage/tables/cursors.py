"""Cursors: how far data have been sent to outside receivers, one document per receiver."""

from dataclasses import dataclass

import msgspec

from domain.remote_write import Cursor
from storage.documents import Corrupt, Document
from storage.schema import MARKS
from storage.tables.table import Stored, Table

_CURSORS = "cursors"
_REMOTE_WRITE = "remote-write"


@dataclass(frozen=True, slots=True)
class Cursors(Table):
    """The only cursor so far: the one of remote write (domain.remote_write)."""

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
