"""When baselines are learned: for which local day in a zone, and of which past days the digests are to be made anew."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from domain.baselines import MOST_DAYS
from domain.minutes import DAY, HOUR
from domain.zones import local, windows_of_day

EVERY = 12 * HOUR
"""Learning runs twice a day: so that most of the last day is known when the next one begins, in any zone."""


LEARNED_VERSION = 1
"""What is made of each day. If a version makes more of them than the last run knew, the days back are made once more.
1: also use days (domain.use_days)."""


@dataclass(frozen=True, slots=True)
class LastLearned:
    """The zone of a whole tenant, or of the fleet (None: UTC), and when each zone of its VMs was learned (seconds).

    ``version``: the LEARNED_VERSION of the last run.
    """

    zone: str | None = None
    times: Mapping[str | None, int] = field(default_factory=dict)
    version: int = LEARNED_VERSION


def day_to_learn(now: int, zone: str | None) -> date | None:
    """Return the local day that begins within EVERY from now; None: no day begins."""
    day = local(now + EVERY, zone).day
    begins = windows_of_day(day, zone)[0]
    return day if now < begins else None


def days_to_digest(last: LastLearned, now: int, zone: str | None) -> list[date]:
    """Return the local days that may have changed since a zone was learned the last time, oldest first.

    Windows that come later than EVERY are marked (late_day). After a run that made less of each day, it is all days.
    """
    before = 0 if last.version < LEARNED_VERSION else last.times.get(zone, now)
    first = local(max(now - MOST_DAYS * DAY, min(now - DAY, before - EVERY)), zone).day
    return [first + timedelta(days=more) for more in range((local(now, zone).day - first).days + 1)]


def local_days(days: Iterable[int], zone: str | None) -> list[date]:
    """Return the local days in a zone that share a moment with these UTC days (their first seconds), oldest first."""
    return sorted({local(at, zone).day for day in days for at in (day, day + DAY - 1)})


def late_day(window: int, now: int) -> int | None:
    """Return the first second of a window's UTC day, if learning may have left that day behind; None: it has not."""
    return window - window % DAY if window < now - EVERY else None


def still_whole(days: Iterable[date], zone: str | None, now: int, kept: int) -> Collection[date]:
    """Return the days of which nothing has expired, and nothing will within a day. ``kept``: seconds."""
    return [day for day in days if windows_of_day(day, zone)[0] > now - kept + DAY]


def days_back(day: date, number: int) -> date:
    """Return the day so many days before."""
    return day - timedelta(days=number)
