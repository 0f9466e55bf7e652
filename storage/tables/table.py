"""What all tables share: reading gives the etag, and writing takes it back.

Where a caller is to write only what nobody else wrote meanwhile, reading gives a ``Stored`` with the etag, and writing
takes it back (None: to be created). A ``Conflict`` then says: start anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from storage.documents import Documents

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Stored(Generic[Value]):
    """A value as it was read, with the etag that it had."""

    value: Value
    etag: str
    current: bool = True
    """Whether it was written in the present format; else it is to be written anew though it says the same."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table over a store of documents."""

    documents: Documents

    async def _write(
        self, table: str, partition: str, document_id: str, body: Mapping[str, Any], etag: str | None
    ) -> None:
        if etag is None:
            await self.documents.create(table, partition, document_id, body)
        else:
            await self.documents.replace(table, partition, document_id, body, etag)
