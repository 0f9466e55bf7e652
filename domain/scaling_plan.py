"""The four times of a day in a scaling plan of Azure Virtual Desktop, from what is expected of a pool on that day.

Ramp-up begins when the first host should start, peak when half of the day's most sessions are there, ramp-down when
they are there for the last time, and off-peak when the last host may stop. A plan's day ends at midnight and its times
must follow one another, so a time before midnight is taken as midnight, and one after the day's end as its last minute.
A host with sessions stays up off-peak, so a shift over midnight is not cut short.

Refuses to know how a plan is written (pipeline.queries.scaling_plan).
"""

from typing import TYPE_CHECKING, NamedTuple

from domain.logons import QUARTERS, DayAhead

if TYPE_CHECKING:
    from domain.buckets import Floats

APART = 15
"""The fewest minutes between two times, which all fall on quarters of an hour but for the day's last."""

_LAST = 24 * 60 - 1


class PlanTimes(NamedTuple):
    """The times of a day, in minutes after midnight: 0 to 1439, each at least APART after the one before."""

    ramp_up: int
    peak: int
    ramp_down: int
    off_peak: int


def plan_times(of: DayAhead, sessions: "Floats | None") -> PlanTimes | None:
    """Return the times of a day; None: no host should be started. ``sessions``: those expected, by quarter."""
    if of.start_by is None or of.stop_after is None or of.first is None or of.last is None:
        return None
    ramp_up, off_peak = of.start_by // APART * APART, -(-of.stop_after // APART) * APART
    busy = _busy(sessions, max(0, ramp_up) // APART, min(off_peak // APART, QUARTERS))
    peak, ramp_down = busy or (int(of.first.high) // APART * APART, int(of.last.low) // APART * APART)
    return _in_order(ramp_up, peak, ramp_down, off_peak)


def _busy(sessions: "Floats | None", first: int, end: int) -> tuple[int, int] | None:
    """Return from when to when half of the most sessions are there, of some quarters; None: nobody knows."""
    import numpy as np  # noqa: PLC0415

    some = np.zeros(0) if sessions is None else np.nan_to_num(sessions[first:end])
    if not some.size or some.max() <= 0:
        return None
    busy = np.flatnonzero(some >= some.max() / 2) + first
    return int(busy[0]) * APART, int(busy[-1] + 1) * APART


def _in_order(*times: int) -> PlanTimes:
    """Return the times, moved so that they lie within the day and each is after the one before."""
    forward: list[int] = []
    for time in times:
        forward.append(max(time, forward[-1] + APART if forward else 0))
    latest = _LAST
    backward: list[int] = []
    for time in reversed(forward):
        backward.append(min(time, latest))
        latest = (backward[-1] - APART) // APART * APART
    return PlanTimes(*reversed(backward))
