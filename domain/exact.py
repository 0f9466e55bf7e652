"""Exact sums of doubles. The order and grouping of the values never change a sum, not even its last bit.

A sum is kept as its *terms*: the double nearest to the sum, then the double nearest to the remainder, and so on until
nothing remains (usually one or two terms). The terms depend only on the true sum, so merging sums in any order and
grouping gives the same terms. (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997; ``math.fsum``.)
"""

import math
import sys
from collections.abc import Sequence
from fractions import Fraction

LARGEST = sys.float_info.max


def exact_sum(values: Sequence[float]) -> list[float]:
    """Return the terms of the sum of finite doubles. A sum of zero has no terms."""
    terms: list[float] = []
    try:
        while rest := math.fsum([*values, *[-term for term in terms]] if terms else values):
            terms.append(rest)
    except OverflowError:
        return _exact_sum_beyond_doubles(values)
    return terms


def _exact_sum_beyond_doubles(values: Sequence[float]) -> list[float]:
    """Return the terms if the sum or an intermediate sum exceeds the largest double. Terms are limited to it."""
    total = sum(map(Fraction, values))
    terms: list[float] = []
    while total:
        nearest = float(max(min(total, Fraction(LARGEST)), Fraction(-LARGEST)))
        terms.append(nearest)
        total -= Fraction(nearest)
    return terms


def limited_sum(terms: Sequence[float]) -> float:
    """Return the sum of ``terms`` as one double, limited to the largest."""
    try:
        return math.fsum(terms)
    except OverflowError:
        return LARGEST if sum(map(Fraction, terms)) > 0 else -LARGEST


def mean(terms: Sequence[float], count: int) -> float:
    """Return the sum of ``terms`` divided by ``count``. This equals ``statistics.fmean`` of the values."""
    if len(terms) == 1:
        return terms[0] / count
    try:
        return math.fsum(terms) / count
    except OverflowError:
        return float(sum(map(Fraction, terms)) / count)
