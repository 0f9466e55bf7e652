"""Which windows a question asks for: one, the newest so many, or a range; and which is the newest that answers."""

from dataclasses import dataclass

from domain.closing import REACHED, Progress
from domain.minutes import WINDOW, window_of
from pipeline.concurrency import gather
from storage.tables import Tables
from storage.tables.catalogue import TENANTS


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows as they were asked for: ``window`` alone, or the ``newest`` so many, or those from ``start`` to ``end``.

    ``start`` and ``end`` (None: until now) are Unix seconds, both included.
    """

    newest: int = 1
    window: int | None = None
    start: int | None = None
    end: int | None = None


def windows_asked(asked: Windows, newest: int | None, now: int) -> range:
    """Return the windows, the newest first, given the newest that there is; empty if there is none."""
    if asked.window is not None:
        return range(asked.window, asked.window - 1, -WINDOW)
    if asked.start is not None:
        return range(window_of(now if asked.end is None else asked.end), window_of(asked.start) - 1, -WINDOW)
    return range(0) if newest is None else range(newest, newest - asked.newest * WINDOW, -WINDOW)


def ended(newest: int | None, now: int) -> int | None:
    """Return the newest window, but none that has not ended: it can't be compared with whole ones."""
    return None if newest is None else min(newest, window_of(now) - WINDOW)


def coverage_of(progress: Progress, window: int) -> float | None:
    """Return how many of the expected VMs a window had when it was summarized; None: it is not remembered."""
    vms, expected = progress.summarized.get(window), progress.expected_vms
    if vms is None:
        return None
    return min(1.0, vms / expected) if expected else 1.0


async def newest_of_tenant(tables: Tables, tenant: str, now: int) -> int | None:
    """Return the newest window that most of a tenant's VMs have reached; None: there is none."""
    entry = await tables.catalogue.entry(TENANTS, tenant)
    if entry is None or not entry.value.newest:
        return None
    newest = window_of(min(entry.value.newest, now))
    last, before = await gather(tables.standings.read(tenant, each, []) for each in (newest, newest - WINDOW))
    few = before and len(last.value.vms if last else ()) < REACHED * len(before.value.vms)
    return newest - WINDOW if few else newest
