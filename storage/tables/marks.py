"""The marks table. A mark says that something has changed since what derives from it was last made.

A *dirty* mark names a tenant's window, which averaging is to read. A *due* mark names a branch of tenants and a window,
whose summary is to be made anew from the tenants' standings.
"""

from collections.abc import Collection
from dataclasses import dataclass

from domain.rollups import Node
from storage.schema import MARKS
from storage.tables.ids import number, numbered, split_number
from storage.tables.table import Stored, Table

_DIRTY = "dirty"
_DUE = "due"


@dataclass(frozen=True, slots=True)
class Mark:
    """A dirty mark: this tenant's window has changed since it was last averaged."""

    tenant: str
    window: int


@dataclass(frozen=True, slots=True)
class Marks(Table):
    """The dirty marks."""

    async def read(self, window: int | None = None) -> list[Stored[Mark]]:
        """Return all dirty marks, or those of one window. The oldest window comes first."""
        marks = []
        ids = () if window is None else (number(window), number(window + 1))
        async for document in self.documents.scan(MARKS, _DIRTY, *ids):
            window, tenant = split_number(document.id)
            marks.append(Stored(Mark(tenant, window), document.etag))
        return marks

    async def set(self, mark: Mark) -> None:
        """Set a mark. An existing mark gets a new etag, so that a caller that read it before can't clear it."""
        await self.documents.upsert(MARKS, _DIRTY, numbered(mark.window, mark.tenant), {})

    async def clear(self, mark: Stored[Mark]) -> None:
        """Remove a mark if it has not been set again since it was read. Raises Changed or Gone."""
        await self.documents.delete(MARKS, _DIRTY, numbered(mark.value.window, mark.value.tenant), mark.etag)

    async def due(self, window: int) -> list[Stored[Node]]:
        """Return the branches of a window that have due marks."""
        scan = self.documents.scan(MARKS, _DUE, number(window), number(window + 1))
        return [Stored(Node(split_number(document.id)[1]), document.etag) async for document in scan]

    async def due_windows(self) -> Collection[int]:
        """Return the windows that have due marks."""
        return {split_number(document.id)[0] async for document in self.documents.scan(MARKS, _DUE)}

    async def set_due(self, branch: Node, window: int) -> None:
        """Set a due mark. An existing one gets a new etag."""
        await self.documents.upsert(MARKS, _DUE, numbered(window, branch.branch), {})

    async def clear_due(self, window: int, branch: Stored[Node]) -> None:
        """Remove a due mark if it has not been set again since it was read. Raises Changed or Gone."""
        await self.documents.delete(MARKS, _DUE, numbered(window, branch.value.branch), branch.etag)
