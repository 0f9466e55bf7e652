"""Whether the fleet's disclosed average is as usual: by what was disclosed at the same time of the days before.

So what a tenant's caller is told about it follows from disclosed figures alone. Knows no counters and no clocks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from domain.disclosure import DisclosedWindow
from domain.exact import mean
from domain.unusual import LEAST

DAYS = 28
"""How many days back."""

FEWEST = 3
"""With fewer days of the same type nothing is known to be usual."""

FAR = 3.5
"""In robust standard deviations from the median: farther is unusual (Iglewicz and Hoaglin, "How to Detect and Handle
Outliers", 1993)."""

_MAD_TO_DEVIATION = 1.4826
_BAND = 1.2816
"""In standard deviations: the half of a band that holds four of five values of a normal distribution."""


@dataclass(frozen=True, slots=True)
class DisclosedPast:
    """The fleet's disclosed average in a window, and what was usual at this time. ``far``: in robust deviations."""

    value: float
    expected: float
    low: float
    high: float
    far: float

    def unusual(self, *, above: bool) -> bool:
        """Tell whether it is unusual, to one side."""
        return self.far > FAR if above else self.far < -FAR


def average_of(window: DisclosedWindow) -> float | None:
    """Return the mean of a window's disclosed minutes; None: none is disclosed."""
    known = [each for each in window.figures if isinstance(each, float | int)]
    return mean(known, len(known)) if known else None


def disclosed_past(now: float | None, past: Sequence[float | None]) -> DisclosedPast | None:
    """Return the average beside those of the days before; None: too little is disclosed."""
    known = [each for each in past if each is not None]
    if now is None or len(known) < FEWEST:
        return None
    middle = median(known)
    spread = max(_MAD_TO_DEVIATION * median(abs(each - middle) for each in known), LEAST * abs(middle))
    far = (now - middle) / (spread or math.ulp(0.0))  # a constant: whatever differs is far
    return DisclosedPast(now, middle, middle - _BAND * spread, middle + _BAND * spread, far)
