"""The catalogue: the counters, tenants and VMs that have been averaged. Averaging keeps it up to date.

Knows when an entry is renewed; refuses to know how averages are computed.
"""

from collections.abc import Collection, Iterable

from domain.samples import MOST_COUNTERS
from pipeline.concurrency import gather
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.catalogue import Entry
from storage.tables.table import Stored

SEEN_EVERY = 6 * 3600
"""A VM's entry in the catalogue is renewed when the VM's newest minute is this many seconds ahead of it.

Renewing it with every window would raise the cost of storing a sample by half, for a figure in a list."""

MOST_LISTED = 2 * MOST_COUNTERS
"""The most counters in a tenant's own list, the newest first. This many fit into a document, whatever their names."""


async def enter(tables: Tables, kind: str, entries: Iterable[Entry], renew_after: int = 0) -> None:
    """Enter names into the catalogue. Renew entries that are older by more than ``renew_after``, or differ."""
    entries = list(entries)
    while entries:
        known = await tables.catalogue.entries(kind, [entry.name for entry in entries])
        results = await gather(_enter_one(tables, kind, entry, known.get(entry.name), renew_after) for entry in entries)
        entries = [entry for entry, done in zip(entries, results, strict=True) if not done]


async def _enter_one(tables: Tables, kind: str, entry: Entry, known: Stored[Entry] | None, renew_after: int) -> bool:
    """Enter one name. Return False if another run wrote at the same time, so that it must be tried again."""
    if known:
        late = entry.newest < known.value.newest
        same = entry.dimensions == known.value.dimensions
        if late or (same and entry.newest <= known.value.newest + renew_after):
            return True
    try:
        await tables.catalogue.write_entry(kind, entry, known.etag if known else None)
    except Conflict:
        return False
    return True


async def enter_counters(tables: Tables, tenant: str, counters: Collection[str], newest: int) -> set[str]:
    """Enter a tenant's counters of a window with their ``newest`` minute into its own list. Return the list.

    They share one document, so a tenant's push costs one read and only sometimes a write.
    """
    while True:
        stored = await tables.catalogue.counters_of(tenant)
        known = stored.value if stored else {}
        if all(newest <= known.get(key, -SEEN_EVERY) + SEEN_EVERY for key in counters):
            return set(known)
        known.update((key, max(newest, known.get(key, 0))) for key in counters)
        kept = sorted(known, key=lambda key: (-known[key], key))[:MOST_LISTED]
        try:
            await tables.catalogue.write_counters_of(
                tenant, {key: known[key] for key in kept}, stored.etag if stored else None
            )
        except Conflict:
            continue
        return set(known)
