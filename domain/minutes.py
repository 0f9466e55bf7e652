"""Minutes, windows and days, as Unix seconds in UTC. Knows arithmetic on time; refuses to know the present time.

A *minute* is represented by its identifier timestamp, second 30 of the minute. A *window* is 15 minutes aligned to the
clock and is represented by its first second. 900 divides 86,400, so a window never spans two UTC days.
"""

from datetime import UTC, datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
IDENTIFIER_SECOND = 30
WINDOW = 900
MINUTES_PER_WINDOW = WINDOW // MINUTE


def identifier(timestamp: int) -> int:
    """Return the identifier timestamp of the minute that contains this second."""
    return timestamp - timestamp % MINUTE + IDENTIFIER_SECOND


def window_of(timestamp: int) -> int:
    """Return the first second of the window that contains this second."""
    return timestamp - timestamp % WINDOW


def minutes_of(window: int) -> range:
    """Return the 15 identifier timestamps of a window, oldest first."""
    return range(window + IDENTIFIER_SECOND, window + WINDOW, MINUTE)


def windows_between(first: int, last: int) -> range:
    """Return the windows that contain the minutes from ``first`` to ``last``, both included, oldest first."""
    return range(window_of(first), window_of(last) + 1, WINDOW)


def utc_day(timestamp: int) -> str:
    """Return the UTC day of a second, as ``YYYY-MM-DD``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def first_second(day: str) -> int:
    """Return the first second of a UTC day, given as ``YYYY-MM-DD``. Raises ValueError."""
    return int(datetime.strptime(f"{day}+0000", "%Y-%m-%d%z").timestamp())


def iso(timestamp: int) -> str:
    """Return a second as ISO 8601 in UTC, for people to read."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
