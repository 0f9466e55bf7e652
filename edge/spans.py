"""The time between two readings by two clocks. Pure; knows what a gap is, refuses to know the time."""

from dataclasses import dataclass

LONGEST_SPAN = 60
"""The most seconds for which a rate is reported. A machine is read every ten seconds, so a longer span is a gap: the
machine or the program was asleep."""


@dataclass(frozen=True, slots=True)
class Now:
    """A moment by the monotonic clock (which may stand still while the machine sleeps), and by the wall clock."""

    steady: float
    wall: float


def span(then: Now | None, now: Now) -> float | None:
    """Return the seconds between two moments. None if there is no earlier one, or a gap lies between them."""
    if then is None or max(now.steady - then.steady, now.wall - then.wall) > LONGEST_SPAN:
        return None
    return now.steady - then.steady if now.steady > then.steady else None
