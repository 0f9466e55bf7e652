"""When the sample fleet's people work, and how their use of a VM wanders: by the clocks of their region's zone.

A working day has a morning's storm of log-ons, a lunch break and an evening; weekends and holidays are quiet. Each VM
has habits of its own. Its level wanders from day to day and within a day, and now and then something runs for an hour
that has nothing to do with people. So do real VMs: in one hour of ten, processor time is 1.5 times what is usual
then, in one of a hundred 2.8 times, and it stays there for hours (Bitbrains "rnd" trace, CCGrid 2015).

Everything depends only on the seed, the VM's name and the moment.
"""

import math
import random
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.minutes import DAY, HOUR, WINDOW

EPOCH = date(1970, 1, 1).toordinal()
SLOW_KNOTS, FAST_KNOTS = DAY, 3 * HOUR
SLOW, FAST = 0.22, 0.18
"""The standard deviation of a level's logarithm from day to day, and within a day."""

RARE = 0.012
"""The share of hours in which something else runs."""


class Clock(NamedTuple):
    """What clocks show: the day (as datetime's ordinals count), the weekday (0: Monday) and the hour with its part."""

    day: int
    weekday: int
    hour: float


def clock(timestamp: int, zone: str | None) -> Clock:
    """Return what clocks show in a zone at a Unix second."""
    local = timestamp + ahead(timestamp // WINDOW, zone)
    day = EPOCH + local // DAY
    return Clock(day, (day - 1) % 7, local % DAY / HOUR)


@lru_cache(4096)
def ahead(window: int, zone: str | None) -> int:
    """Return by how many seconds a zone's clocks are ahead of UTC in a window. They change only between windows."""
    offset = datetime.fromtimestamp(window * WINDOW, ZoneInfo(zone or "UTC")).utcoffset()
    return int(offset.total_seconds()) if offset else 0


@dataclass(frozen=True, slots=True)
class Habit:
    """A VM's habits. ``shift``: by how many hours its people are early. ``share``: how much they work, 1 is usual.

    ``off``: the weekday on which they are away, or None. ``job``: the local hour of its nightly job.
    """

    shift: float
    share: float
    off: int | None
    job: int
    phase: float

    @classmethod
    def of(cls, chance: random.Random) -> "Habit":
        """Draw a VM's habits."""
        shift, share, phase = chance.uniform(-0.4, 0.4), chance.uniform(0.6, 1.2), chance.uniform(0, 2 * math.pi)
        off = chance.choice((None, None, None, 4, 4, 2))
        return cls(shift, share, off, chance.choice((1, 2, 3, 4)), phase)

    def busy(self, now: Clock, *, holiday: bool) -> float:
        """Return how much people use the VM, 0 to about 1."""
        hour = now.hour + self.shift
        day = _ramp(hour, 8, 9.5) * (1 - _ramp(hour, 16.5, 18.5))
        lunch = 0.45 * math.exp(-(((hour - 12.6) / 0.5) ** 2))
        away = 0.15 if holiday or weekend(now) else 0.3 if now.weekday == self.off else 1.0
        return (0.04 + 0.9 * day * (1 - lunch) * away) * self.share

    def runs_job(self, now: Clock) -> bool:
        """Tell whether the nightly job (a backup, a scan) runs. It takes half an hour."""
        return self.job <= now.hour < self.job + 0.5


def storm(now: Clock, *, holiday: bool) -> float:
    """Return the strength of the morning's storm of log-ons, 0 to 1."""
    return 0.0 if holiday or weekend(now) else math.exp(-(((now.hour - 8.75) / 0.25) ** 2))


def weekend(now: Clock) -> bool:
    """Tell whether it is Saturday or Sunday."""
    return now.weekday >= 5  # noqa: PLR2004


def level(name: str, timestamp: int) -> float:
    """Return the factor by which a VM's load strays from its habit now: it wanders around 1."""
    return math.exp(SLOW * _between(name, timestamp, SLOW_KNOTS) + FAST * _between(name, timestamp, FAST_KNOTS))


def episode(name: str, timestamp: int) -> float:
    """Return the strength of what else runs in this hour: most often 0, seldom 1, hardly ever 4."""
    return _episode(name, timestamp // HOUR)


@lru_cache(8192)
def _episode(name: str, hour: int) -> float:
    chance = random.Random(f"{name}/episode/{hour}")  # noqa: S311
    return min(4.0, chance.paretovariate(1.5)) if chance.random() < RARE else 0.0


def _between(name: str, timestamp: int, every: int) -> float:
    """Return a standard normal number at each knot, and between knots the line from one to the next."""
    knot, after = divmod(timestamp, every)
    part = after / every
    return (1 - part) * _knot(name, knot, every) + part * _knot(name, knot + 1, every)


@lru_cache(8192)
def _knot(name: str, knot: int, every: int) -> float:
    return random.Random(f"{name}/{every}/{knot}").gauss(0, 1)  # noqa: S311


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
