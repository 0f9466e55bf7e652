"""Closing: which windows are open, when they close, how far the fleet's data reach, and what may still be recomputed.

A window closes once: at its end, or at its first arrival if that was later, plus the allowed lateness. Then it is
final. Knows these rules and the little that has to be remembered for them, with it when averaging last ran; refuses to
know where it is kept, and what is made at closing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from domain.minutes import DAY, HOUR, MINUTE, WINDOW, minutes_of, window_of

REMEMBERED = 9
"""Of how many windows, the newest, it is remembered how many VMs they have: of two hours and what has begun since."""

MOST_OPEN = 20_000
"""The most windows that are open at a time, 200 days of them: so they still fit into a document. What comes of more is
final at once."""

SHORTEST_KEPT = 2 * DAY
"""Samples are kept for at least so long (one day, and one more). What had expired under a shorter lifetime is at least
so old: whatever says otherwise was said by a clock that was ahead."""

MOST_CLOSED_LATE = 100
"""How many windows are remembered that closed after a newer one had: those of a day's outage, and what comes late."""

ENOUGH = 0.5
"""Which part of the hour's VMs must have reached a minute for it to be the newest. So no VM's clock makes it."""

MARGIN = HOUR
"""Sources are taken for expired this many seconds before they are, so that none expires while it is read."""


Driver = Literal["timer", "ingest", "catch-up"]
"""What drives averaging: its timer; ingest, where that does not; a catch-up, which begins with the oldest windows."""

STANDS_STILL = 3 * MINUTE
"""After so many seconds without a run averaging stands still. Its timer fires each minute."""


@dataclass(frozen=True, slots=True)
class Times:
    """What decides about windows, in seconds: the time, the allowed lateness, and for how long samples are kept.

    ``kept`` is the real lifetime of samples and rollups in the store, which is longer than samples are accepted.
    """

    now: int
    lateness: int
    kept: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What is remembered of windows from one run of averaging to the next.

    ``opened``: the first arrival of each window that is not closed. ``closed``: the newest window that is.
    ``closed_late``: windows that closed when a newer one had closed already, in order of time, the newest of them.
    ``vms``: how many VMs each minute of the newest windows has. ``kept``: see Times, as it was in the last run.
    ``whole_from``: of windows before this second, samples may have expired under a shorter lifetime than today's.
    ``runs``: when averaging was last begun (Unix seconds, of a minute the first time), by what drove it.
    """

    opened: Mapping[int, int] = field(default_factory=dict)
    closed: int | None = None
    vms: Mapping[int, Sequence[int]] = field(default_factory=dict)
    kept: int | None = None
    whole_from: int = 0
    runs: Mapping[Driver, int] = field(default_factory=dict)
    closed_late: tuple[int, ...] = ()

    def opening(self, window: int, now: int) -> "Progress":
        """Return this with a window opened, whose data begin to arrive now; the same where too many are open."""
        if len(self.opened) >= MOST_OPEN:
            return self
        return replace(self, opened={**self.opened, window: now})

    def closing(self, window: int) -> "Progress":
        """Return this with a window closed."""
        opened = {each: arrived for each, arrived in self.opened.items() if each != window}
        newest = max(window, self.closed or window)
        late = self.closed_late if window == newest else tuple(sorted({*self.closed_late, window})[-MOST_CLOSED_LATE:])
        return replace(self, opened=opened, closed=newest, closed_late=late)

    def due(self, times: Times) -> list[int]:
        """Return the windows that are to be closed now, oldest first."""
        return sorted(window for window in self.opened if self.closes(window, times.lateness) <= times.now)

    def closes(self, window: int, lateness: int) -> int:
        """Return the second at which an open window closes."""
        return max(window + WINDOW, self.opened[window]) + lateness

    def is_final(self, timestamp: int) -> bool:
        """Tell whether a minute that the report has is final: a window is opened before it gets a report row."""
        return window_of(timestamp) not in self.opened

    def counting(self, window: int, vms: Sequence[int]) -> "Progress":
        """Return this with the VMs of a window's minutes, 15 numbers; the same where the window is not remembered."""
        known = {**self.vms, window: tuple(vms)}
        return replace(self, vms={each: known[each] for each in sorted(known)[-REMEMBERED:]})

    @property
    def newest(self) -> int | None:
        """The newest minute that enough of the hour's VMs have reached, or that is final; None: there is none."""
        counts = {
            at: count
            for window, vms in self.vms.items()
            for at, count in zip(minutes_of(window), vms, strict=True)
            if count
        }
        for at in sorted(counts, reverse=True):
            hour = max(counts.get(before, 0) for before in range(at - HOUR + MINUTE, at + 1, MINUTE))
            if counts[at] >= ENOUGH * hour or window_of(at) <= (self.closed or 0):
                return at
        return None

    def kept_for(self, times: Times) -> "Progress":
        """Return this after a look at how long samples are kept now.

        Where that was raised, what had expired by then stays gone: only windows whose samples the shorter lifetime
        still held are whole. Where it was lowered, ``recomputable`` goes by the shorter one at once.
        """
        whole_from = self.whole_from
        if self.kept is not None and times.kept > self.kept:
            whole_from = max(whole_from, times.now - self.kept + MARGIN)
        return replace(self, kept=times.kept, whole_from=min(whole_from, max(0, times.now - SHORTEST_KEPT + MARGIN)))

    def ran(self, by: Driver, now: int) -> "Progress":
        """Return this with a run that begins now; the same where one of this minute is known, so it is written once."""
        if now // MINUTE <= self.runs.get(by, 0) // MINUTE:
            return self
        return replace(self, runs={**self.runs, by: now})

    def stands_still(self, now: int) -> bool:
        """Tell whether averaging stands still. A catch-up does not count: the newest windows may wait for it long."""
        return now - max(self.runs.get("timer", 0), self.runs.get("ingest", 0)) >= STANDS_STILL

    def recomputable(self, window: int, times: Times) -> bool:
        """Tell whether all samples that a window ever had are still there, so that it may be averaged from them."""
        return window >= max(times.now - times.kept + MARGIN, self.whole_from)
