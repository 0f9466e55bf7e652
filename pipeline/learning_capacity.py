"""Learns how the VMs of a tenant grow, from the digests that learning has read (pipeline.learning)."""

from collections.abc import Mapping
from datetime import date

from domain.day_capacity import DayCapacity, day_capacity
from domain.digests import Digest
from pipeline.concurrency import cooperatively
from storage.documents import Conflict
from storage.tables import Tables


async def learn_capacity(
    tables: Tables, tenant: str, zone: str | None, today: date, digests: Mapping[date, Digest]
) -> None:
    """Learn how a tenant's VMs of a zone grow, by their whole days: those before ``today``."""
    for key, found in await cooperatively(day_capacity(today, zone, digests)):
        await _write(tables, tenant, key, found)


async def _write(tables: Tables, tenant: str, key: str, found: DayCapacity) -> None:
    """Write it in place of what was learned before."""
    while True:
        stored = await tables.capacity.read(tenant, found.zone, key)
        if stored is None and not found:
            return
        try:
            await tables.capacity.write(tenant, key, found, stored.etag if stored else None)
        except Conflict:  # another run writes the same, of digests as new
            continue
        return
