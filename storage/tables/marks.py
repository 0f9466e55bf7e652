"""The marks table. A dirty mark says that a tenant's window has changed since it was last averaged."""

from dataclasses import dataclass

from storage.schema import MARKS
from storage.tables.ids import number, numbered, split_number
from storage.tables.table import Stored, Table

DIRTY = "dirty"
"""The partition of dirty marks."""


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
        async for document in self.documents.scan(MARKS, DIRTY, *ids):
            window, tenant = split_number(document.id)
            marks.append(Stored(Mark(tenant, window), document.etag))
        return marks

    async def set(self, mark: Mark) -> None:
        """Set a mark. An existing mark gets a new etag, so that a caller that read it before can't clear it."""
        await self.documents.upsert(MARKS, DIRTY, numbered(mark.window, mark.tenant), {})

    async def clear(self, mark: Stored[Mark]) -> None:
        """Remove a mark if it has not been set again since it was read. Raises Changed or Gone."""
        await self.documents.delete(MARKS, DIRTY, numbered(mark.value.window, mark.value.tenant), mark.etag)
