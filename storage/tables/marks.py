"""The marks table. A mark says that a tenant's window has changed since what derives from it was last made.

There are five kinds. A *dirty* mark concerns what averaging makes: rollups and the report. A *due* mark concerns what
is made less often: summaries and histograms of the fleet (pipeline.summarizing). Marks of *days* and *fleet's days*
concern digests (pipeline.learning): their window is the first second of a UTC day. A mark *to judge* concerns what was
found unusual, since something else was found in a window before (pipeline.judging).
"""

from dataclasses import dataclass
from typing import Literal

from storage.schema import MARKS
from storage.tables.ids import number, numbered, split_number
from storage.tables.table import Stored, Table

DIRTY: Literal["dirty"] = "dirty"
DUE: Literal["due"] = "due"
DAYS: Literal["days"] = "days"
FLEET_DAYS: Literal["fleet's days"] = "fleet's days"
TO_JUDGE: Literal["to judge"] = "to judge"


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of a tenant's window."""

    tenant: str
    window: int


@dataclass(frozen=True, slots=True)
class Marks(Table):
    """The marks of one kind."""

    kind: Literal["dirty", "due", "days", "fleet's days", "to judge"] = DIRTY

    async def read(self, window: int | None = None) -> list[Stored[Mark]]:
        """Return all marks, or those of one window. The oldest window comes first."""
        marks = []
        ids = () if window is None else (number(window), number(window + 1))
        async for document in self.documents.scan(MARKS, self.kind, *ids):
            window, tenant = split_number(document.id)
            marks.append(Stored(Mark(tenant, window), document.etag))
        return marks

    async def find(self, mark: Mark) -> Stored[Mark] | None:
        """Return a mark if it is set."""
        document = await self.documents.read(MARKS, self.kind, numbered(mark.window, mark.tenant))
        return Stored(mark, document.etag) if document else None

    async def set(self, mark: Mark) -> None:
        """Set a mark. An existing mark gets a new etag, so that a caller that read it before can't clear it."""
        await self.documents.upsert(MARKS, self.kind, numbered(mark.window, mark.tenant), {})

    async def clear(self, mark: Stored[Mark]) -> None:
        """Remove a mark if it has not been set again since it was read. Raises Changed or Gone."""
        await self.documents.delete(MARKS, self.kind, numbered(mark.value.window, mark.value.tenant), mark.etag)
