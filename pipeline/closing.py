"""Opening and closing windows, in the one document that says how far averaging is (domain.closing has the rules).

It is changed by reading it, deciding, and writing it with its etag, so any number of runs may overlap. It also says
when averaging last ran, and so whether somebody else than its timer has to drive it.
"""

from collections.abc import Callable

from domain.closing import Driver, Progress, Times
from domain.disclosure import figures
from domain.minutes import MINUTE
from domain.rollups import FLEET, merge_rollups
from pipeline.concurrency import cooperatively, gather
from storage.documents import Conflict
from storage.tables import Tables

AT_ONCE = 16
"""How many counters' figures are written side by side."""


async def change(tables: Tables, to: Callable[[Progress], Progress]) -> Progress:
    """Change what is remembered, whatever others do meanwhile, and return what it is now. Raises Unavailable."""
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
    """Open a window of which no data have come before; it is to be called before anything is derived of it.

    A window that was closed stays so: it has begun, and is not open. Raises Unavailable.
    """
    while True:
        stored = await tables.progress.read()
        progress = stored.value if stored else Progress()
        if window in progress.opened or await tables.rollups.has_begun(window):
            break
        try:
            # With the etag of before it was looked for: whoever opened and closed it meanwhile has changed that.
            await tables.progress.write(progress.opening(window, now), stored.etag if stored else None)
        except Conflict:
            continue
        break
    if not await tables.rollups.has_begun(window):
        await tables.rollups.begin(window)


async def disclose(tables: Tables, window: int, min_tenants: int) -> None:
    """Write what is disclosed of a window that is about to be closed (domain.disclosure). Raises Unavailable.

    What another run, or this one before it was cut off, has written stays, though late data may have come since: there
    is one figure for ever. What is not written by the time the window is closed is suppressed.
    """
    fleet = await cooperatively(merge_rollups(await tables.rollups.below(FLEET, window)))
    await gather(
        (tables.disclosed.write(key, window, figures(placed.series, min_tenants)) for key, placed in fleet), AT_ONCE
    )


async def close(tables: Tables, window: int) -> None:
    """Close a window, after all that is made at its closing has been made. Raises Unavailable."""
    await change(tables, lambda progress: progress.closing(window) if window in progress.opened else progress)


async def times_kept(tables: Tables, times: Times) -> Progress:
    """Take note of how long samples are kept now, and return what is remembered. Raises Unavailable."""
    return await change(tables, lambda progress: progress.kept_for(times))


async def begin_run(tables: Tables, times: Times, by: Driver) -> Progress:
    """Take note of a run of averaging, and of how long samples are kept now: at most one write a minute and driver.

    Returns what is remembered. Raises Unavailable.
    """
    return await change(tables, lambda progress: progress.kept_for(times).ran(by, times.now))


class Watch:
    """Looks whether averaging stands still, at most once a minute. One a process."""

    def __init__(self) -> None:
        """Look at the first time."""
        self._looked: int | None = None

    async def stands_still(self, tables: Tables, now: int) -> bool:
        """Tell whether averaging was looked at now and stands still. Raises Unavailable."""
        if self._looked is not None and now - self._looked < MINUTE:
            return False
        self._looked = now
        stored = await tables.progress.read()
        return (stored.value if stored else Progress()).stands_still(now)
