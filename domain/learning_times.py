"""When baselines are learned: for which local days in a zone, and of which days the digests are to be made anew."""

from collections.abc import Iterable
from datetime import date, timedelta

from domain.minutes import DAY, HOUR
from domain.zones import local, windows_of_day

EVERY = 12 * HOUR
"""Baselines are learned twice a day: so that most of the last day is known when the next one begins, in any zone."""


def day_to_learn(now: int, zone: str | None) -> date | None:
    """Return the local day that begins within EVERY from now; None: no day begins."""
    day = local(now + EVERY, zone).day
    begins = windows_of_day(day, zone)[0]
    return day if now < begins else None


def today_in(now: int, zone: str | None) -> date:
    """Return the local day that it is now."""
    return local(now, zone).day


def local_days(days: Iterable[int], zone: str | None) -> list[date]:
    """Return the local days in a zone that share a moment with these UTC days (their first seconds), oldest first."""
    return sorted({local(at, zone).day for day in days for at in (day, day + DAY - 1)})


def live_days(now: int) -> list[int]:
    """Return the first seconds of today and yesterday (UTC): days whose digests are made anew at each learning."""
    today = now - now % DAY
    return [today - DAY, today]


def late_day(window: int, now: int) -> int | None:
    """Return the first second of a window's UTC day, if learning may have left that day behind; None: it has not."""
    day = window - window % DAY
    return day if day < live_days(now)[0] else None


def days_back(day: date, number: int) -> date:
    """Return the day so many days before."""
    return day - timedelta(days=number)
