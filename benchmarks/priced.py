"""A store with Microsoft's published charges, so that the pipeline's costs can be estimated without an account.

The rule ("Optimize request cost in Azure Cosmos DB"): a point read of 1 KB costs 1 RU, and of 100 KB 10 RU. A write or
delete of 1 KB costs 5 RU, and of 100 KB 50 RU. Between these sizes the charge is linear. By the same page every read
costs double at strong consistency, which the account has (infra/modules/cosmos.bicep). A scan is charged like a read of
everything it returns, and each of its pages has the additional charge of a query.

Two charges are not published and not included: what the indexed partition key adds to a write, and the lookup of a
range of ids in an index that other partitions share. Only the service's own header has the true charge (storage.cosmos
adds it up).
"""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from storage.charges import charge
from storage.documents import Body, Document, Documents, Place
from storage.schema import CATALOGUE

KB = 1000

READS_COST = 2
"""The factor for reads: at strong consistency two replicas answer a read, and both are charged."""

QUERY_UNITS = 1.3
"""The assumed charge of each page of a query, in addition to the read: a query of one item of 1 KB costs "at least 2.3
RU", and its point read 1 RU (Microsoft's blog of Azure Cosmos DB, "Understanding the difference between point reads and
queries")."""

PAGE_ITEMS = 200
"""The items in a page of a scan (storage.cosmos)."""

PAGE_BYTES = 4_000_000
"""The most bytes of an answer ("Azure Cosmos DB service quotas")."""


def read_units(size: float) -> float:
    """Return the charge of a point read of so many bytes, in request units."""
    return READS_COST * (1 + 9 * max(0.0, size / KB - 1) / 99)


def scan_units(items: float, size: float) -> float:
    """Return the charge of a scan that returns so many items with so many bytes in total, in request units."""
    pages = max(1, math.ceil(items / PAGE_ITEMS), math.ceil(size / PAGE_BYTES))
    return read_units(size) + READS_COST * QUERY_UNITS * pages


def write_units(size: float) -> float:
    """Return the charge of writing or deleting an item of so many bytes, in request units."""
    return 5 + 45 * max(0.0, size / KB - 1) / 99


@dataclass(slots=True)
class PricedDocuments:
    """See Documents. ``sizes`` holds, by table, the bytes of each existing document."""

    inner: Documents
    sizes: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)

    def bytes_of(self, table: str) -> int:
        """Return the bytes of all documents that were written to a table and not deleted."""
        return sum(self.sizes.get(table, {}).values())

    def expiry_of(self, table: str) -> float:
        """Return a serverless account's charge when all these documents expire, which equals that of deletes."""
        return sum(map(write_units, self.sizes.get(table, {}).values()))

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        """See Documents."""
        document = await self.inner.read(table, partition, document_id)
        charge(
            f"read {_kind(table, partition)}",
            read_units(_size(partition, document.id, document.body) if document else 0),
        )
        return document

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        self._write("create", table, partition, document_id, body)
        await self.inner.create(table, partition, document_id, body)

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        """See Documents."""
        self._write("replace", table, partition, document_id, body)
        await self.inner.replace(table, partition, document_id, body, etag)

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        self._write("upsert", table, partition, document_id, body)
        await self.inner.upsert(table, partition, document_id, body)

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        """See Documents."""
        size = self.sizes.get(table, {}).pop((partition, document_id), 0)
        charge(f"delete {_kind(table, partition)}", write_units(size))
        await self.inner.delete(table, partition, document_id, etag)

    async def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        """See Documents."""
        items = size = 0
        async for document in self.inner.scan(table, partition, from_id, to_id):
            items += 1
            size += _size(partition, document.id, document.body)
            yield document
        charge(f"scan {_kind(table, partition)}", scan_units(items, size))

    async def places(self, table: str) -> AsyncIterator[Place]:
        """See Documents."""
        size = 0
        found = [place async for place in self.inner.places(table)]
        for place in found:
            size += self.sizes.get(table, {}).get((place.partition, place.id), 0)
            yield place
        charge(f"places {table}", scan_units(len(found), size))

    async def close(self) -> None:
        """See Documents."""
        await self.inner.close()

    def _write(self, verb: str, table: str, partition: str, document_id: str, body: Body) -> None:
        size = _size(partition, document_id, body)
        self.sizes.setdefault(table, {})[partition, document_id] = size
        charge(f"{verb} {_kind(table, partition)}", write_units(size))


def _kind(table: str, partition: str) -> str:
    """Return the table's name. For the catalogue, it includes the part, since costs depend on it."""
    return f"{table}:{partition.partition('_')[0]}" if table == CATALOGUE else table


def _size(partition: str, document_id: str, body: Body) -> int:
    return len(msgspec.json.encode({"id": document_id, "pk": partition, **body}))
