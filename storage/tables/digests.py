"""The digests of local days: a tenant's and the fleet's, by zone and day. They are kept as long as standings.

A partition holds all of a tenant (or of the fleet), so that one scan reads the days that a baseline is learned from.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date

from domain.baselines import HOURS
from domain.digests import Digest
from domain.names import encode_name
from storage.documents import Corrupt, Document
from storage.schema import STANDINGS
from storage.tables.rows import parts_of, rows_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

DIGEST_VERSION = 1
UTC = "UTC"


@dataclass(frozen=True, slots=True)
class Digests(Table):
    """The digests. ``tenant`` is None for the fleet, ``zone`` None for UTC."""

    async def read(self, tenant: str | None, zone: str | None, day: date) -> Stored[Digest] | None:
        """Read a day's digest."""
        partition = partition_of(tenant)
        stored = await read_split(self.documents, STANDINGS, partition, _prefix(zone, day))
        if stored is None:
            return None
        current = all(document.body.get("version") == DIGEST_VERSION for document in stored.value)
        try:
            return Stored(_digest(partition, zone, list(stored.value)), stored.etag, current)
        except Corrupt as corrupt:
            corrupt.etag = stored.etag  # of all documents, since all of them are written again
            raise

    async def between(
        self, tenant: str | None, zone: str | None, first: date, last: date
    ) -> tuple[Mapping[date, Digest], Mapping[date, Corrupt]]:
        """Return the digests from one day to another, both included, by day; and those days' that can't be read."""
        partition = partition_of(tenant)
        scan = self.documents.scan(STANDINGS, partition, _prefix(zone, first), _prefix(zone, last) + "~")
        digests: dict[date, Digest] = {}
        corrupt: dict[date, Corrupt] = {}
        async for day, documents in by_day(scan):
            try:
                digests[day] = _digest(partition, zone, documents)
            except Corrupt as error:
                corrupt[day] = error
        return digests, corrupt

    async def write(self, tenant: str | None, day: date, digest: Digest, etag: str | None) -> None:
        """Create (etag None) or replace a day's digest. Raises Conflict."""
        bodies = {
            part.end: {"version": DIGEST_VERSION, **part.body(digest.hours)} for part in parts_of(digest.series, HOURS)
        }
        prefix = _prefix(digest.zone, day)
        await write_split(self.documents, STANDINGS, partition_of(tenant), prefix, bodies, etag)

    async def delete(self, tenant: str | None, etag: str) -> None:
        """Remove a day's digest. Raises Conflict."""
        await delete_split(self.documents, STANDINGS, partition_of(tenant), etag)


def partition_of(tenant: str | None) -> str:
    """Return the partition of a tenant's days, or the fleet's."""
    return "days" if tenant is None else f"days_{encode_name(tenant)}"


def zone_id(zone: str | None) -> str:
    """Return a zone as a part of an id."""
    return encode_name(zone or UTC)


def _prefix(zone: str | None, day: date) -> str:
    return f"digest_{zone_id(zone)}_{day.isoformat()}"


async def by_day(scan: AsyncIterator[Document]) -> AsyncIterator[tuple[date, list[Document]]]:
    """Yield the days and their documents, so that only those of one day are held at once."""
    day: date | None = None
    documents: list[Document] = []
    async for document in scan:
        of = date.fromisoformat(document.id.split("_")[-2])
        if day is not None and of != day:
            yield day, documents
            documents = []
        day = of
        documents.append(document)
    if day is not None:
        yield day, documents


def _digest(partition: str, zone: str | None, documents: list[Document]) -> Digest:
    try:
        series, hours = rows_of([document.body for document in documents])
    except ValueError as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, partition, documents[0], error) from error
    return Digest(zone, list(series), hours)
