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

_PARTS = "parts"
"""The field of a body that says how many documents there are. Older documents lack it."""


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
    documents: Documents, table: str, partition: str, prefix: str, first: str | None = None
) -> Stored[Sequence[Document]] | None:
    """Read all documents whose ids begin with ``prefix`` and ``_``, in the order of their ids. None: there is none.

    ``first``: how the id of the first one ends, where there seldom is another. It is then read by its id, which costs
    half as much as a scan, and a scan follows only if it says that there are more.
    """
    if first is not None:
        alone = await documents.read(table, partition, f"{prefix}_{first}")
        if alone is None:
            return None
        if alone.body.get(_PARTS) == 1:
            return Stored([alone], _etags({alone.id: alone.etag}))
    found = [each async for each in documents.scan(table, partition, f"{prefix}_", f"{prefix}_~")]
    return Stored(found, _etags({each.id: each.etag for each in found})) if found else None


async def write_split(
    documents: Documents, table: str, partition: str, prefix: str, bodies: Mapping[str, Body], etag: str | None
) -> None:
    """Create (etag None) or replace them, by the rest of their ids, and remove those that are left. Raises Conflict."""
    before = msgspec.json.decode(etag, type=dict[str, str]) if etag else {}
    for rest, each in bodies.items():
        document_id, body = f"{prefix}_{rest}", {**each, _PARTS: len(bodies)}
        if document_id in before:
            await documents.replace(table, partition, document_id, body, before.pop(document_id))
        else:
            await documents.create(table, partition, document_id, body)
    for document_id, left in before.items():
        await documents.delete(table, partition, document_id, left)


async def delete_split(documents: Documents, table: str, partition: str, etag: str) -> None:
    """Remove them all, the first one last, so that nobody takes the others for nothing. Raises Conflict."""
    for document_id, each in reversed(msgspec.json.decode(etag, type=dict[str, str]).items()):
        await documents.delete(table, partition, document_id, each)


def _etags(etags: Mapping[str, str]) -> str:
    return msgspec.json.encode(etags).decode()
