"""Opening and closing windows, in the one document that says how far averaging is (domain.closing has the rules).

It is changed by reading it, deciding, and writing it with its etag, so any number of runs may overlap.
"""

from collections.abc import Callable

from domain.closing import Progress, Times
from storage.documents import Conflict
from storage.tables import Tables


async def change(tables: Tables, to: Callable[[Progress], Progress]) -> Progress:
    """Change what is remembered, whatever others do meanwhile, and return what it is now. Raises Unavailable."""
    while True:
        stored = await tables.progress()
        before = stored.value if stored else Progress()
        after = to(before)
        if after == before:
            return after
        try:
            await tables.write_progress(after, stored.etag if stored else None)
        except Conflict:
            continue
        return after


async def open_if_new(tables: Tables, window: int, now: int) -> None:
    """Open a window of which no data have come before; it is to be called before anything is derived of it.

    A window that was closed stays so: it has begun, and is not open. Raises Unavailable.
    """
    while True:
        stored = await tables.progress()
        progress = stored.value if stored else Progress()
        if window in progress.opened or await tables.has_begun(window):
            break
        try:
            # With the etag of before it was looked for: whoever opened and closed it meanwhile has changed that.
            await tables.write_progress(progress.opening(window, now), stored.etag if stored else None)
        except Conflict:
            continue
        break
    if not await tables.has_begun(window):
        await tables.begin(window)


async def close(tables: Tables, window: int) -> None:
    """Close a window, after all that is made at its closing has been made. Raises Unavailable."""
    await change(tables, lambda progress: progress.closing(window) if window in progress.opened else progress)


async def times_kept(tables: Tables, times: Times) -> Progress:
    """Take note of how long samples are kept now, and return what is remembered. Raises Unavailable."""
    return await change(tables, lambda progress: progress.kept_for(times))
