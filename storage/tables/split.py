"""A value that one document may not hold: it is split over as many documents as it needs, whose ids begin alike.

Reading returns all of them, and one text with all of their etags. Writing takes that text. If another process has
written any of the documents meanwhile, writing raises ``Conflict``, perhaps after some are written: the caller reads,
derives and writes again. Until then, readers may find old and new parts together.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from storage.documents import Body, Document, Documents
from storage.tables.table import Stored

PART_BYTES = 500_000
"""The bytes of a part: a quarter of what a document may have."""


def in_parts(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield the keys in parts of at most PART_BYTES, given the bytes of each. One alone may have more."""
    part: list[str] = []
    taken = 0
    for key, size in sizes.items():
        if part and taken + size > PART_BYTES:
            yield part
            part, taken = [], 0
        part.append(key)
        taken += size
    if part:
        yield part


async def read_split(
    documents: Documents, table: str, partition: str, prefix: str
) -> Stored[Sequence[Document]] | None:
    """Read all documents whose ids begin with ``prefix`` and ``_``, in the order of their ids. None: there is none."""
    found = [each async for each in documents.scan(table, partition, f"{prefix}_", f"{prefix}_~")]
    return Stored(found, _etags({each.id: each.etag for each in found})) if found else None


async def write_split(
    documents: Documents, table: str, partition: str, prefix: str, bodies: Mapping[str, Body], etag: str | None
) -> None:
    """Create (etag None) or replace them, by the rest of their ids, and remove those that are left. Raises Conflict."""
    before = msgspec.json.decode(etag, type=dict[str, str]) if etag else {}
    for rest, body in bodies.items():
        document_id = f"{prefix}_{rest}"
        if document_id in before:
            await documents.replace(table, partition, document_id, body, before.pop(document_id))
        else:
            await documents.create(table, partition, document_id, body)
    for document_id, each in before.items():
        await documents.delete(table, partition, document_id, each)


async def delete_split(documents: Documents, table: str, partition: str, etag: str) -> None:
    """Remove them all. Raises Conflict."""
    for document_id, each in msgspec.json.decode(etag, type=dict[str, str]).items():
        await documents.delete(table, partition, document_id, each)


def _etags(etags: Mapping[str, str]) -> str:
    return msgspec.json.encode(etags).decode()
