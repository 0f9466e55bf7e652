"""Partials: the parts of a fleet average, and how they merge.

A partial stands for the samples of one counter in one minute. A tenant's partial is computed from its VMs' samples. The
tenants' partials are merged to the fleet's. The grouping does not change the result.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from domain import exact
from domain.exact_columns import exact_sums_of_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Partial(NamedTuple):
    """The samples of one counter in one minute, merged.

    ``tenants`` is the number of tenants with samples. ``total`` holds the terms of the exact sum (domain.exact).
    ``spread`` is the root of the summed squares of the deviations from the mean, so the standard deviation is
    ``spread / sqrt(count)``. Unlike a sum of squares it neither overflows nor cancels (Chan, Golub and LeVeque,
    "Algorithms for Computing the Sample Variance", 1983).
    ``spread`` depends on the order of merging in its last bits, so partials are merged in a fixed order and grouping
    (domain.rollups). The other fields are equal to the bit in any order.
    The last four fields are for domain.disclosure. Of tenants that the operator has enrolled, ``enrolled`` is the
    number, ``proven`` the number of their samples, and ``largest`` and ``second`` are the sample counts of the one with
    the most samples and of the next one. A partial that is older than these fields counts no enrolled tenants.
    """

    count: int  # type: ignore[assignment]  # hides tuple.count, which is not used
    tenants: int
    total: Sequence[float]
    min: float
    max: float
    spread: float
    largest: int = 0
    second: int = 0
    enrolled: int = 0
    proven: int = 0

    @property
    def mean(self) -> float:
        """The mean of the samples."""
        return exact.mean(self.total, self.count)

    @property
    def stddev(self) -> float:
        """The population standard deviation of the samples."""
        return self.spread / math.sqrt(self.count)


def partial_of(values: Sequence[float], *, enrolled: bool = False) -> Partial:
    """Return the partial of one or more samples of one tenant. ``enrolled``: whether the operator has enrolled it."""
    count = len(values)
    total = exact.exact_sum(values)
    mean = exact.mean(total, count)
    spread = _norm([value - mean for value in values])
    proof = (count, 0, 1, count) if enrolled else ()
    return Partial(count, 1, total, min(values) + 0.0, max(values) + 0.0, spread, *proof)


def partials_of_columns(matrix: "NDArray[np.float64]", *, enrolled: bool = False) -> list[Partial | None]:
    """Return ``partial_of`` of each column's samples, and None for a column without any. NaN is no sample."""
    import numpy as np  # noqa: PLC0415

    there = ~np.isnan(matrix)
    filled = np.where(there, matrix, 0.0)
    counts = there.sum(axis=0).tolist()
    sums = exact_sums_of_columns(filled)
    means = np.array([total[0] if total else 0.0 for total in sums]) / np.maximum(counts, 1)
    with np.errstate(over="ignore"):
        deviations = np.where(there, filled - means, 0.0).T.tolist()
    lows, highs = ((each.reduce(matrix, axis=0) + 0.0).tolist() for each in (np.fmin, np.fmax))
    partials: list[Partial | None] = []
    for at, (count, total) in enumerate(zip(counts, sums, strict=True)):
        if not count:
            partials.append(None)
        elif total is None:
            partials.append(partial_of(matrix[there[:, at], at].tolist(), enrolled=enrolled))
        else:
            proof = (count, 0, 1, count) if enrolled else ()
            partials.append(Partial(count, 1, total, lows[at], highs[at], _norm(deviations[at]), *proof))
    return partials


def merge(partials: Sequence[Partial]) -> Partial:
    """Merge one or more partials. No tenant has samples in two of them."""
    if len(partials) == 1:
        return partials[0]
    counts, tenants, totals, lows, highs, spreads, largests, seconds, enrolled, proven = zip(*partials, strict=True)
    count = sum(counts)
    total = exact.exact_sum(list(chain.from_iterable(totals)))
    mean = exact.mean(total, count)
    between = (
        math.sqrt(part_count) * (exact.mean(part_total, part_count) - mean)
        for part_count, part_total in zip(counts, totals, strict=True)
    )
    spread = _norm([*spreads, *between])
    *_, second, largest = sorted([*largests, *seconds])
    return Partial(
        count, sum(tenants), total, min(lows), max(highs), spread, largest, second, sum(enrolled), sum(proven)
    )


def _norm(values: Sequence[float]) -> float:
    """Return the root of the summed squares, limited to the largest double."""
    return min(math.hypot(*values), exact.LARGEST)
