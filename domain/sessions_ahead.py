"""Sessions of a pool to come: how many are active in each quarter hour of the days ahead.

Refuses to know single log-ons (domain.logons).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from domain.logons import FEWEST_DAYS, QUARTERS

if TYPE_CHECKING:
    from domain.histogram import Floats


class SessionsAhead(NamedTuple):
    """Sessions by day ahead and quarter: the expected number, and an 80 % band; NaN if nothing is known."""

    expected: "Floats"
    low: "Floats"
    high: "Floats"


def sessions_ahead(
    sessions: "Floats",
    weekdays: Sequence[int],
    known: Sequence[bool],
    tenant_used: Sequence[float],
    weekdays_ahead: Sequence[int],
) -> SessionsAhead:
    """Return how many sessions a pool will have on the days that follow its history, of these weekdays.

    ``sessions``: by day, the oldest first, and quarter. The others are as of domain.logons.habits.
    """
    import numpy as np  # noqa: PLC0415

    del tenant_used
    found = np.full((3, len(weekdays_ahead), QUARTERS), np.nan)
    there = np.asarray(known, np.bool_)
    if there.sum() >= FEWEST_DAYS:
        weekend = np.asarray(weekdays) >= 5  # noqa: PLR2004
        for at, weekday in enumerate(weekdays_ahead):
            same = there & (weekend == (weekday >= 5))  # noqa: PLR2004
            if same.any():
                found[:, at] = np.nanquantile(sessions[same], (0.5, 0.1, 0.9), axis=0)
    return SessionsAhead(*found)
