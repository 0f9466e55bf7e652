"""Holidays: days on which most of a tenant's people stayed away who usually come on such a weekday.

They teach nothing about other days. Found from the share of the tenant's VMs that were used, by day. Weekends are none:
a day is held against the same weekday. Nor is a day on which one of few people is away. Knows no calendar of any
country, so a holiday to come is not foretold.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.buckets import Flags, Ints

LEAST_TENANT = 5
"""With fewer VMs a tenant has no holidays."""

_FEWEST_ALIKE = 3
"""Of so many days of a weekday on, it is known what is usual."""

_MOST_HOLIDAYS = 0.25
"""If a larger share of the days were holidays, they are none, but how the tenant works."""

_ROUNDING = 1e-5


def holidays(tenant_used: Sequence[float], weekdays: "Ints", known: "Flags") -> "Flags":
    """Return which days were holidays, as far as was known before each day, and before the day after the last one.

    ``tenant_used``: by day the share of the tenant's VMs that were used, NaN if unknown. A holiday has less than half
    of what is usual on that weekday. ``known``: which days are known; others are no holidays.
    """
    import numpy as np  # noqa: PLC0415

    shares = np.where(known, np.asarray(tenant_used, np.float64), np.nan)
    days = len(shares)
    found = np.zeros((days + 1, days), np.bool_)
    told = np.flatnonzero(~np.isnan(shares))
    apart = np.diff(np.unique(np.append(np.round(shares[told], 6), [0.0, 1.0])))
    if apart.min() > 1 / LEAST_TENANT + _ROUNDING:  # shares of so few VMs lie far apart
        return found
    for weekday in range(7):
        own = told[weekdays[told] == weekday]
        for number in range(_FEWEST_ALIKE, len(own) + 1):
            some = own[:number]
            until = int(own[number]) + 1 if number < len(own) else days + 1
            found[int(some[-1]) + 1 : until, some] = shares[some] < np.median(shares[some]) / 2
    found &= (found.sum(axis=1) <= _MOST_HOLIDAYS * np.arange(days + 1))[:, None]
    return found
