"""Learns how the VMs of a tenant grow, from the history that learning has put together (pipeline.learning)."""

from datetime import date

from domain.day_capacity import DayCapacity, day_capacity
from domain.histories import History
from pipeline.concurrency import cooperatively
from storage.documents import Conflict
from storage.tables import Tables


async def learn_capacity(
    tables: Tables, tenant: str, zone: str | None, today: date, day: date, history: History
) -> None:
    """Learn how a tenant's VMs of a zone grow, given their history before ``day``. Days before ``today`` are whole."""
    number = max(0, len(history.weekdays) - (day - today).days)
    whole = History(history.series, history.hours[:, :number], history.weekdays[:number])
    for key, found in await cooperatively(day_capacity(today, zone, whole)):
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
