"""How long it is between two readings, by two clocks. Pure; knows what a gap is, refuses to know the time."""

from dataclasses import dataclass

LONGEST_SPAN = 60
"""Seconds over which a rate is still told. A machine is read every ten: what is longer was asleep, or stood still."""


@dataclass(frozen=True, slots=True)
class Now:
    """A moment by the clock that is never set (and may stand still while the machine sleeps), and by the wall's."""

    steady: float
    wall: float


def span(then: Now | None, now: Now) -> float | None:
    """Return the seconds between two moments, or None where nothing can be told of them: none, or a gap."""
    if then is None or max(now.steady - then.steady, now.wall - then.wall) > LONGEST_SPAN:
        return None
    return now.steady - then.steady if now.steady > then.steady else None
