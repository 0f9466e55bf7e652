"""Opening and closing windows, in the one document that records the progress of averaging (rules: domain.closing).

Every change reads the document, decides, and writes it with its etag, so any number of runs may overlap. The document
also records when averaging last ran. This shows whether something other than its timer has to drive it.
"""

from collections.abc import Callable

from domain.closing import Driver, Progress, Times
from domain.minutes import MINUTE
from storage.documents import Conflict
from storage.tables import Tables


async def change(tables: Tables, to: Callable[[Progress], Progress]) -> Progress:
    """Change the stored progress, even while others change it, and return the result. Raises Unavailable."""
    while True:
        stored = await tables.progress.read()
        before = stored.value if stored else Progress()
        after = to(before)
        if after == before:
            return after
        try:
            await tables.progress.write(after, stored.etag if stored else None)
        except Conflict:
            continue
        return after


async def open_if_new(tables: Tables, window: int, now: int) -> None:
    """Open a window that has had no data before. Call this before deriving anything from it.

    A closed window stays closed: it has begun, and is not open. Raises Unavailable.
    """
    while True:
        stored = await tables.progress.read()
        progress = stored.value if stored else Progress()
        if window in progress.opened or window <= progress.emptied or await tables.rollups.has_begun(window):
            break
        try:
            # Use the etag from before the lookup: if another run opened and closed the window meanwhile, the etag has
            # changed.
            await tables.progress.write(progress.opening(window, now), stored.etag if stored else None)
        except Conflict:
            continue
        break
    if not await tables.rollups.has_begun(window):
        await tables.rollups.begin(window)


async def close(tables: Tables, window: int) -> None:
    """Close a window. Call this after everything that belongs to its closing is written. Raises Unavailable."""
    await change(tables, lambda progress: progress.closing(window) if window in progress.opened else progress)


async def times_kept(tables: Tables, times: Times) -> Progress:
    """Record how long samples are kept now, and return the stored progress. Raises Unavailable."""
    return await change(tables, lambda progress: progress.kept_for(times))


async def begin_run(tables: Tables, times: Times, by: Driver) -> Progress:
    """Record a run of averaging and how long samples are kept now: at most one write per minute and driver.

    Returns the stored progress. Raises Unavailable.
    """
    return await change(tables, lambda progress: progress.kept_for(times).ran(by, times.now))


class Watch:
    """Checks whether averaging stands still, at most once a minute. Each process has one."""

    def __init__(self) -> None:
        """Make the first call check at once."""
        self._looked: int | None = None

    async def stands_still(self, tables: Tables, now: int) -> bool:
        """Return True if this call checked averaging and found it standing still. Raises Unavailable."""
        if self._looked is not None and now - self._looked < MINUTE:
            return False
        self._looked = now
        stored = await tables.progress.read()
        return (stored.value if stored else Progress()).stands_still(now)
