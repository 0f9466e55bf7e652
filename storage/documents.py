"""The documents port: a partitioned, ordered store of JSON documents. It is small enough to be equal on every database.

A table holds documents. A document has a partition, an id (unique in its partition), a body (a JSON object) and an
etag, which changes with every write. Ids are ordered by their code points and hold only ASCII letters, digits, ``.``,
``-``, ``_`` and ``~`` (domain.names.encode_name).

Every adapter passes tests/storage/test_documents_contract.py. Every method raises domain.errors.Unavailable if the
database is down, busy or refuses the call.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from domain.errors import Unavailable

Body = Mapping[str, Any]


class Conflict(Exception):
    """The document has changed since the caller read it, so nothing was written. Read it again and decide again.

    Or this very call did write it, but the answer to its first attempt was lost. Then a new read returns what the
    caller wanted to write.
    """


class AlreadyExists(Conflict):
    """The document to create exists already."""


class Changed(Conflict):
    """The document has another etag: it was written since it was read."""


class Gone(Conflict):
    """The document does not exist, or no longer exists."""


class TooLarge(Exception):
    """The store can't hold this document. Retrying won't help; other documents can still be written.

    The body exceeds MOST_BYTES, its partition is full (Cosmos DB: 20 GB), or the store rejects its content. ``str()``
    says which.
    """


class Corrupt(Unavailable):
    """A document exists but does not have its table's format. ``str()`` says which one and why: an operator must act.

    ``etag`` is the document's etag when it was read. A caller that can derive the document replaces it by this etag.
    """

    def __init__(self, table: str, partition: str, document: "Document", why: object) -> None:
        """Name the document and the reason why it can't be read."""
        place = f"the document {document.id} of the table {table} in partition {partition}"
        super().__init__(f"{place} is corrupt: {why} (docs/runbook.md, Corrupt documents)")
        self.etag = document.etag


MOST_BYTES = 2_000_000
"""The largest size of a body, in bytes of JSON: Cosmos DB's limit for an item, 2 MB."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read."""

    id: str
    body: Body
    """Empty if the stored text is not a JSON object."""
    etag: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document of a table lies, and its etag."""

    partition: str
    id: str
    etag: str


class Documents(Protocol):
    """The port. A write is durable when its call returns. A cancelled call may or may not have written.

    An adapter retries a call that got no answer, so **every call may be executed twice**. The caller gets the second
    answer: a create that succeeded at first then raises AlreadyExists, a replace Changed, a delete Gone. So a Conflict
    does not prove that another process wrote. The caller must read again and decide again. The pipeline does: ingest
    merges into the stored document, averaging derives from the stored documents, and purges remove what is left. If a
    mark was cleared twice, it is set again; that costs one more run.

    A write may raise TooLarge. The names in a body are never ``id``, ``pk`` or ``ttl`` and never begin with ``_``.

    A table may have a time to live. A document that was last written longer ago no longer exists for any call.
    """

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        """Return the document, or None."""

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """Write a new document. Raises AlreadyExists."""

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        """Replace a document if it still has this etag. Raises Changed or Gone."""

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """Create or replace a document."""

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        """Remove a document if it still has this etag. Raises Changed or Gone."""

    def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        """Yield a partition's documents with ``from_id <= id < to_id``, in the order of their ids.

        The scan may or may not see documents that are written to the range while it runs.
        """

    def places(self, table: str) -> AsyncIterator[Place]:
        """Yield where all documents of a table lie, without their bodies, in any order. Costly: for operators.

        It may or may not see documents that are written while it runs, and may give a document twice.
        """

    async def close(self) -> None:
        """Release connections. Later calls raise Unavailable."""
