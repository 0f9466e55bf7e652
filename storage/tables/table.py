"""The base of all tables: reading returns a document's etag, and writing checks it.

Reading returns a ``Stored``, a value with its etag. Writing takes this etag, or None to create the document. If another
process has written the document in the meantime, writing raises ``Conflict`` and the caller starts again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from storage.documents import Documents

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Stored(Generic[Value]):
    """A value as it was read, with its etag."""

    value: Value
    etag: str
    current: bool = True
    """Whether the document has the present format. If not, it must be rewritten even if its value has not changed."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a document store."""

    documents: Documents

    async def _write(
        self, table: str, partition: str, document_id: str, body: Mapping[str, Any], etag: str | None
    ) -> None:
        if etag is None:
            await self.documents.create(table, partition, document_id, body)
        else:
            await self.documents.replace(table, partition, document_id, body, etag)
