"""Closing: which windows are open, when they close, how far the fleet's data reach, and what may still be recomputed.

A window closes once: at its end, or at its first arrival if that was later, plus the allowed lateness. Then it is
final. Knows these rules, what must be remembered for them, and when averaging last ran. Refuses to know where this is
stored and what is computed when a window closes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from domain.minutes import DAY, HOUR, MINUTE, WINDOW, minutes_of, window_of

REMEMBERED = 9
"""The number of newest windows whose VM counts are remembered: two hours, and the window that has begun since."""

MOST_OPEN = 20_000
"""The most windows that are open at a time: 200 days of windows, which still fit into a document. Data of further
windows are final at once."""

SHORTEST_KEPT = 2 * DAY
"""Samples are kept for at least this long (one day, and one more), so expired samples are at least this old. If a
remembered time says otherwise, it came from a clock that was ahead."""

MOST_CLOSED_LATE = 100
"""The most windows to remember that closed after a newer window. It covers a day's outage, and other late data."""

ENOUGH = 0.5
"""The share of the hour's VMs that must have reached a minute for it to be the newest. So a single VM with a wrong
clock can't determine the newest minute."""

MARGIN = HOUR
"""Samples count as expired this many seconds early, so that none expires while it is read."""


Driver = Literal["timer", "ingest", "catch-up"]
"""What starts a run of averaging: its timer; ingest, if the timer does not; a catch-up, which begins with the oldest
windows."""

STANDS_STILL = 3 * MINUTE
"""Averaging stands still if it has not run for this many seconds. Its timer fires each minute."""


@dataclass(frozen=True, slots=True)
class Times:
    """The times that decide about windows, in seconds: the present, the allowed lateness and the samples' lifetime.

    ``kept`` is the real lifetime of samples and rollups in the store. It is longer than the time in which samples are
    accepted.
    """

    now: int
    lateness: int
    kept: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What averaging remembers about windows from one run to the next.

    ``opened`` is the time of the first arrival of each open window. ``closed`` is the newest closed window, and
    ``closed_late`` holds the newest windows that closed after a newer one, in order of time. ``vms`` is the number of
    VMs in each minute of the newest windows. ``kept`` is the value of Times.kept in the last run.
    ``whole_from``: samples of windows before this second may have expired under an earlier, shorter lifetime.
    Windows up to ``emptied`` never open: the store was emptied after they had begun (pipeline.emptying), and what
    was disclosed of them before is not known any more. Averaging does nothing before ``paused_until``.
    ``runs`` is when averaging last began to run, by driver (Unix seconds; of several runs in a minute, the first).
    """

    opened: Mapping[int, int] = field(default_factory=dict)
    closed: int | None = None
    vms: Mapping[int, Sequence[int]] = field(default_factory=dict)
    kept: int | None = None
    whole_from: int = 0
    runs: Mapping[Driver, int] = field(default_factory=dict)
    closed_late: tuple[int, ...] = ()
    emptied: int = -1
    paused_until: int = 0

    def opening(self, window: int, now: int) -> "Progress":
        """Return this with a window opened, because its first data arrived now. Unchanged if too many are open."""
        if len(self.opened) >= MOST_OPEN:
            return self
        return replace(self, opened={**self.opened, window: now})

    def emptied_up_to(self, window: int) -> "Progress":
        """Return this for a store that is emptied: no window up to this one is open, or opens again."""
        return replace(self, opened={}, vms={}, closed_late=(), emptied=max(window, self.emptied))

    def paused(self, now: int) -> bool:
        """Tell whether averaging must do nothing now."""
        return now < self.paused_until

    def closing(self, window: int) -> "Progress":
        """Return this with a window closed."""
        opened = {each: arrived for each, arrived in self.opened.items() if each != window}
        newest = max(window, self.closed or window)
        late = self.closed_late if window == newest else tuple(sorted({*self.closed_late, window})[-MOST_CLOSED_LATE:])
        return replace(self, opened=opened, closed=newest, closed_late=late)

    def due(self, times: Times) -> list[int]:
        """Return the windows that must be closed now, oldest first."""
        if self.paused(times.now):
            return []
        return sorted(window for window in self.opened if self.closes(window, times.lateness) <= times.now)

    def closes(self, window: int, lateness: int) -> int:
        """Return the second at which an open window closes."""
        return max(window + WINDOW, self.opened[window]) + lateness

    def is_final(self, timestamp: int) -> bool:
        """Tell whether a minute of the report is final. Each window is opened before it gets a report row."""
        return window_of(timestamp) not in self.opened

    def counting(self, window: int, vms: Sequence[int]) -> "Progress":
        """Return this with the VM counts of a window's 15 minutes, if it is one of the newest windows."""
        known = {**self.vms, window: tuple(vms)}
        return replace(self, vms={each: known[each] for each in sorted(known)[-REMEMBERED:]})

    @property
    def newest(self) -> int | None:
        """The newest minute that is final or that enough of the hour's VMs have reached. None if there is none."""
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
        """Return this, updated for the present lifetime of samples.

        If the lifetime was raised, expired samples stay lost: only windows that the shorter lifetime still held are
        whole. If it was lowered, ``recomputable`` uses the shorter one at once.
        """
        whole_from = self.whole_from
        if self.kept is not None and times.kept > self.kept:
            whole_from = max(whole_from, times.now - self.kept + MARGIN)
        return replace(self, kept=times.kept, whole_from=min(whole_from, max(0, times.now - SHORTEST_KEPT + MARGIN)))

    def ran(self, by: Driver, now: int) -> "Progress":
        """Return this with a run that begins now. Unchanged if this minute has one, so it is written once a minute."""
        if now // MINUTE <= self.runs.get(by, 0) // MINUTE:
            return self
        return replace(self, runs={**self.runs, by: now})

    def stands_still(self, now: int) -> bool:
        """Tell whether averaging stands still. Catch-ups don't count: they may reach the newest windows much later."""
        return now - max(self.runs.get("timer", 0), self.runs.get("ingest", 0)) >= STANDS_STILL

    def recomputable(self, window: int, times: Times) -> bool:
        """Tell whether the store still has all samples of a window, so that they can be averaged again."""
        return window >= max(times.now - times.kept + MARGIN, self.whole_from)
