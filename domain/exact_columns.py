"""Exact sums (domain.exact) of the columns of a matrix, all at once.

numpy is imported where it is used. It stands apart from domain.exact, which collectors run without numpy.
"""

import math
from typing import TYPE_CHECKING

from domain.exact import LARGEST, exact_sum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
