"""The digests of local days: a tenant's and the fleet's, by zone and day. They are kept as long as standings.

A partition holds all of a tenant (or of the fleet), so that one scan reads the days that a baseline is learned from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby

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

    async def between(self, tenant: str | None, zone: str | None, first: date, last: date) -> Mapping[date, Digest]:
        """Return the digests from one day to another, both included, by day."""
        partition = partition_of(tenant)
        scan = self.documents.scan(STANDINGS, partition, _prefix(zone, first), _prefix(zone, last) + "~")
        documents = [document async for document in scan]
        return {
            day: _digest(partition, zone, list(of))
            for day, of in groupby(documents, lambda document: _day(document.id))
        }

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


def _day(document_id: str) -> date:
    return date.fromisoformat(document_id.split("_")[-2])


def _digest(partition: str, zone: str | None, documents: list[Document]) -> Digest:
    try:
        series, hours = rows_of([document.body for document in documents])
    except ValueError as error:  # includes msgspec's ValidationError
        raise Corrupt(STANDINGS, partition, documents[0], error) from error
    return Digest(zone, list(series), hours)
