"""Exact sums of doubles. The order and grouping of the values never change a sum, not even its last bit.

A sum is kept as its *terms*: the double nearest to the sum, then the double nearest to the remainder, and so on until
nothing remains (usually one or two terms). The terms depend only on the true sum, so merging sums in any order and
grouping gives the same terms. (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997; ``math.fsum``.)
"""

import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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


_MOST_PARTS = 4


def exact_sums_of_columns(matrix: "NDArray[np.float64]") -> list[list[float] | None]:
    """Return ``exact_sum`` of each column of finite doubles, or None where this fast way does not find it.

    Each column is split into parts whose sums are exact in any order: the leading bits of all its values, the bits
    below those, and so on. (Rump, Ogita and Oishi, "Accurate Floating-Point Summation, Part I", 2008: ExtractVector.)
    It does not find the sum of values near the largest double, or of a wide range of magnitudes.
    """
    import numpy as np  # noqa: PLC0415

    bits = (len(matrix) + 1).bit_length()
    found = np.abs(matrix).max(axis=0, initial=0.0) < math.ldexp(LARGEST, -bits - 1)
    left = np.where(found, matrix, 0.0)
    parts: list[NDArray[np.float64]] = []
    while len(parts) < _MOST_PARTS and left.any():
        unit = np.ldexp(1.0, np.frexp(np.abs(left).max(axis=0))[1] + bits)
        part = (unit + left) - unit
        parts.append(part.sum(axis=0))
        left = left - part
    found &= ~left.any(axis=0)
    zeros = np.zeros(matrix.shape[1])
    high, low, *others = [*parts, zeros, zeros]
    nearest = high + low
    rest = low - (nearest - high)  # exact, since the low parts are smaller
    sums: list[list[float] | None] = [
        [one, other] if other else [one] if one else []
        for one, other in zip(nearest.tolist(), rest.tolist(), strict=True)
    ]
    for at in np.flatnonzero(np.any(others, axis=0)).tolist():
        sums[at] = exact_sum([high[at], low[at], *(other[at] for other in others)])
    for at in np.flatnonzero(~found).tolist():
        sums[at] = None
    return sums


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
        return math.copysign(LARGEST, sum(map(Fraction, terms)))


def mean(terms: Sequence[float], count: int) -> float:
    """Return the sum of ``terms`` divided by ``count``. This equals ``statistics.fmean`` of the values."""
    if len(terms) == 1:
        return terms[0] / count
    try:
        return math.fsum(terms) / count
    except OverflowError:
        return float(sum(map(Fraction, terms)) / count)
