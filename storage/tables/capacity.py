"""How the VMs of a tenant grow: a document (or a few) for each counter and zone, so that a query reads one a tenant.

It lies beside the digests, and is kept as long as standings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from domain.capacity import Growth
from domain.day_capacity import DayCapacity
from domain.digests import Series, Whose
from domain.names import decode_name, encode_name
from storage.documents import Document
from storage.schema import STANDINGS
from storage.tables.digests import UTC, partition_of, zone_id
from storage.tables.rows import parts_of, rows_of
from storage.tables.split import delete_split, read_split, write_split
from storage.tables.table import Stored, Table

CAPACITY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Capacity(Table):
    """How VMs grow."""

    async def of_tenant(self, tenant: str, key: str) -> Sequence[DayCapacity]:
        """Return what is known of a counter's VMs, zone by zone, in the order of their ids.

        What can't be read counts as not learned: the next run of learning writes it again.
        """
        prefix = f"capacity_{encode_name(key)}_"
        by_zone: dict[str, list[Document]] = {}
        async for document in self.documents.scan(STANDINGS, partition_of(tenant), prefix, prefix + "~"):
            by_zone.setdefault(document.id.split("_")[2], []).append(document)
        found = [_capacity(zone, documents) for zone, documents in by_zone.items()]
        return [each for each in found if each]

    async def read(self, tenant: str, zone: str | None, key: str) -> Stored[DayCapacity | None] | None:
        """Read what is known of the VMs of a zone (None: UTC). Its value is None if it can't be read."""
        stored = await read_split(self.documents, STANDINGS, partition_of(tenant), _prefix(zone, key))
        if stored is None:
            return None
        return Stored(_capacity(zone_id(zone), list(stored.value)), stored.etag)

    async def write(self, tenant: str, key: str, capacity: DayCapacity, etag: str | None) -> None:
        """Create (etag None) or replace it; without VMs, remove it. Raises Conflict."""
        import numpy as np  # noqa: PLC0415

        partition = partition_of(tenant)
        if not capacity:
            if etag is not None:
                await delete_split(self.documents, STANDINGS, partition, etag)
            return
        numbers = np.stack(capacity.growth, axis=1)
        series = [Series(Whose("vm", vm), key) for vm in capacity.vms]
        head = {"version": CAPACITY_VERSION, "day": capacity.day.isoformat()}
        bodies = {part.end: {**head, **part.body(numbers)} for part in parts_of(series, numbers.shape[1])}
        await write_split(self.documents, STANDINGS, partition, _prefix(capacity.zone, key), bodies, etag)


class _Head(msgspec.Struct):
    version: int
    day: date


def _prefix(zone: str | None, key: str) -> str:
    return f"capacity_{encode_name(key)}_{zone_id(zone)}"


def _capacity(zone: str, documents: Sequence[Document]) -> DayCapacity | None:
    """Return what documents of a zone hold, or None if they can't be read, or are not of one run and this version."""
    bodies: list[Mapping[str, object]] = [document.body for document in documents]
    try:
        heads = {(head.version, head.day) for head in (msgspec.convert(body, _Head) for body in bodies)}
        series, numbers = rows_of(bodies)
    except ValueError:  # includes msgspec's ValidationError
        return None
    ((version, day), *others) = heads
    if others or version != CAPACITY_VERSION or numbers.shape[1] != len(Growth._fields):
        return None
    vms = [series.whose[at].name or "" for at in series.of[0].tolist()]
    name = decode_name(zone)
    return DayCapacity(None if name == UTC else name, day, vms, Growth(*numbers.T))
