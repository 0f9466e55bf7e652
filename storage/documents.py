"""The documents port: a partitioned, ordered store of JSON documents, narrow enough to be equal on every database.

A table holds documents. A document has a partition, an id (unique in its partition), a body (a JSON object) and an
etag, which changes with every write. Ids are ordered by their code points and hold only ASCII letters, digits, ``.``,
``-``, ``_`` and ``~`` (domain.names.encode_name).

Every adapter passes tests/storage/test_documents_contract.py. All raise domain.errors.Unavailable where the database is
down, busy or refuses.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from domain.errors import Unavailable

Body = Mapping[str, Any]


class Conflict(Exception):
    """The write was not made, because the document is not as the caller believes. Read again and decide anew.

    Or it was made, by this very call, whose first answer was lost: what is read again is then what was to be written.
    """


class AlreadyExists(Conflict):
    """The document to create is there already."""


class Changed(Conflict):
    """The document has another etag: somebody wrote it since it was read."""


class Gone(Conflict):
    """The document is not there (any more)."""


class TooLarge(Exception):
    """There is no room for this document: the write was not made and never will be, though others are.

    The body is larger than a document may be (MOST_BYTES), its partition is as large as one may be (Cosmos DB: 20 GB),
    or the store can't hold what it says. ``str()`` says which.
    """


class Corrupt(Unavailable):
    """A document is there and is not what its table holds. ``str()`` says which and why: an operator must act.

    ``etag``: what it had when it was read, for whoever can write it anew.
    """

    def __init__(self, table: str, partition: str, document: "Document", why: object) -> None:
        """Name the document, and say why it can't be read."""
        place = f"the document {document.id} of the table {table} in partition {partition}"
        super().__init__(f"{place} is corrupt: {why} (docs/runbook.md, Corrupt documents)")
        self.etag = document.etag


MOST_BYTES = 2_000_000
"""The most bytes of JSON that a body may take: Cosmos DB's limit of an item, 2 MB."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read."""

    id: str
    body: Body
    """Empty, where what is stored is no JSON object (any more)."""
    etag: str


class Documents(Protocol):
    """The port. Writes are durable when their call returns; a call that was cancelled may have written or not.

    An adapter that hears no answer asks again, so **every call may be done twice**, and its answer is the second one's:
    a create that was made raises AlreadyExists, a replace Changed, a delete Gone. So a Conflict is no proof that
    somebody else wrote: who meets one reads again and decides anew. The pipeline does so: ingest merges into what is
    there, averaging derives from what is there, purges remove what is left; and a mark whose clearing was done twice is
    set again, which costs one more run.

    A write may raise TooLarge. A name in a body is no ``id``, ``pk`` or ``ttl``, nor does it begin with ``_``.

    A table may have a time to live: a document that was last written longer ago is not there any more, for any call.
    """

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        """Return the document, or None."""

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """Write a new document. Raises AlreadyExists."""

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        """Write a document anew if it still has this etag. Raises Changed or Gone."""

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """Write a document, whether it is there or not."""

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        """Remove a document if it still has this etag. Raises Changed or Gone."""

    def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        """Yield a partition's documents with ``from_id <= id < to_id``, in the order of their ids.

        What is written to the range meanwhile may be seen or not.
        """

    async def close(self) -> None:
        """Release connections. Calls after it raise Unavailable."""
