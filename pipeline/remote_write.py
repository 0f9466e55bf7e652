"""Remote write: send every final minute of the fleet to a Prometheus, window after window, once each.

A run continues from the cursor. For each closed window in order of time, it reads the report rows, sends them some
counters at a time, and moves the cursor when they are acknowledged. If a run dies in between, the next one sends the
same again, and a receiver that has the samples refuses them. So a refused request is halved until the missing samples
have come through. Averaging does not wait for any of this. Knows the order of steps, but not who receives
(messaging.remote_write).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.charts import FleetItem, fleet_items, judge, lookback
from domain.errors import Misconfigured, Unavailable
from domain.minutes import minutes_of
from domain.openmetrics import QUANTILES, GroupPoint
from domain.remote_write import Cursor, series_of
from domain.spans import Span
from messaging.remote_write import Receiver
from pipeline.concurrency import gather
from pipeline.queries.exported import groups_of
from pipeline.queries.names import sorted_entries
from pipeline.queries.spread import fleet_percentiles, show_fleet
from pipeline.queries.view import AT_ONCE, progress_of
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS
from storage.tables.table import Stored

COUNTERS_A_REQUEST = 20
"""How many counters a request holds. With 15 minutes and seven figures each: 2,100 samples, some 51 KB."""


_Counter = tuple[Sequence[FleetItem], Sequence[GroupPoint]]
"""A counter's minutes and groups of a window."""


@dataclass(slots=True)
class Sent:
    """The result of a run."""

    windows: list[int] = field(default_factory=list)
    """The windows that were acknowledged completely."""
    samples: int = 0
    """How many samples were sent and not refused."""
    refused: int = 0
    """How many samples the receiver will never take."""
    late: list[int] = field(default_factory=list)
    """Windows that closed after the cursor had passed them: not sent, but counted."""
    problem: str | None = None
    """Why the run stopped."""
    must_act: bool = False
    """Whether an operator must act first."""


async def send(tables: Tables, receiver: Receiver, now: int, time_left: Callable[[], bool] = lambda: True) -> Sent:
    """Send the windows closed since the last run; start no other request when no time is left. Raises Unavailable.

    Unavailable is about the store only. If the receiver can't take something, this is recorded for the operator, and
    the next run tries again.
    """
    done = Sent()
    stored = await tables.cursors.remote_write()
    try:
        if stored is None:
            await tables.cursors.write_remote_write(Cursor.first(await progress_of(tables), now), None)
            return done
        run = _Run(tables, receiver, stored.value, stored, done)
        await run.count_late()
        if now >= run.cursor.not_before:
            await run.send_closed(now, time_left)
    except Conflict:  # another run has continued from the same place, and goes on
        pass
    return done


class _NotNow(Exception):
    """The receiver could not take a request, or an operator must act first."""

    def __init__(self, why: Unavailable) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(slots=True)
class _Run:
    tables: Tables
    receiver: Receiver
    cursor: Cursor
    stored: Stored[Cursor]
    done: Sent

    async def count_late(self) -> None:
        """Count the rows of windows that closed after the cursor had passed them."""
        progress = await progress_of(self.tables)
        for window in list(self.cursor.late(progress)):
            rows = sum(len(points) for points, _ in (await self._items(window)).values())
            self.cursor = self.cursor.counted(window, rows, progress)
            await self._save()
            self.done.late.append(window)

    async def send_closed(self, now: int, time_left: Callable[[], bool]) -> None:
        """Send closed windows, oldest first, until one can't be sent."""
        try:
            while time_left() and await self._send_next(time_left):
                pass
        except _NotNow as stopped:
            why = stopped.why
            self.done.problem, self.done.must_act = str(why), isinstance(why, Misconfigured)
            self.cursor = self.cursor.failed(str(why), now + math.ceil(why.retry_after))
        await self._save()

    async def _send_next(self, time_left: Callable[[], bool]) -> bool:
        """Send the next window that is due; return whether all of it was sent. Empty windows are skipped."""
        progress = await progress_of(self.tables)
        window = next(self.cursor.due(progress), None)
        if window is None:
            return False
        items = await self._items(window)
        later = await progress_of(self.tables)
        if window in later.opened or later.closed_late != progress.closed_late:
            return window not in later.opened  # it was opened or closed while its rows were read: read them again
        keys = [key for key in sorted(items) if key > self.cursor.key]
        for at in range(0, len(keys), COUNTERS_A_REQUEST):
            if not time_left():
                return False
            batch = keys[at : at + COUNTERS_A_REQUEST]
            refused = await self._deliver([items[key] for key in batch])
            self.done.refused += refused
            self.cursor = self.cursor.sent_up_to(batch[-1], refused)
            await self._save()
        self.cursor = self.cursor.sent(window, progress)
        if items:
            await self._save()
            self.done.windows.append(window)
        return True

    async def _deliver(self, counters: Sequence[_Counter]) -> int:
        """Send these counters' minutes; return how many samples the receiver will never take."""
        series = [each for points, groups in counters for each in series_of(points, groups)]
        samples = sum(len(each.samples) for each in series)
        try:
            taken = await self.receiver.write(series)
        except Unavailable as error:
            raise _NotNow(error) from error
        if taken:
            self.done.samples += samples
            return 0
        if len(counters) == 1:
            return samples
        # Prometheus takes nothing from a request if it refuses one of its samples.
        half = len(counters) // 2
        return await self._deliver(counters[:half]) + await self._deliver(counters[half:])

    async def _items(self, window: int) -> dict[str, _Counter]:
        """Return the minutes and the groups of a closed window, by counter."""
        stamps = minutes_of(window)
        span = Span(stamps[0], stamps[-1])
        wanted = lookback(span)
        keys = [entry.name for entry in await sorted_entries(self.tables, COUNTERS) if entry.newest >= span.first]
        rows = await gather((self.tables.report.rows(key, wanted.first, wanted.last) for key in keys), AT_ONCE)
        quantiles = await fleet_percentiles(self.tables, keys, span, 1, QUANTILES)
        summaries = await gather((self.tables.summaries.of_fleet(key, window) for key in keys), AT_ONCE)
        found: dict[str, _Counter] = {}
        for key, each, summary in zip(keys, rows, summaries, strict=True):
            points = fleet_items(judge(each, span, lambda _: True), span, 1, "avg")
            show_fleet(points, quantiles[key], QUANTILES, None)
            if points:
                found[key] = points, groups_of(key, [(window, summary.value)]) if summary else []
        return found

    async def _save(self) -> None:
        """Write the cursor, if it has moved. Raises Conflict."""
        if self.cursor == self.stored.value:
            return
        await self.tables.cursors.write_remote_write(self.cursor, self.stored.etag)
        written = await self.tables.cursors.remote_write()
        if written is None or written.value != self.cursor:
            raise Conflict
        self.stored = written
