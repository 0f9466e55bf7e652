"""Partials: what a fleet average is made of, and how they merge.

A partial stands for the samples of one counter in one minute. Partials merge, so a tenant's partial is made of its VMs'
samples and the fleet's of its tenants' partials, and the way they are grouped does not show in the result.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from domain import exact


class Partial(NamedTuple):
    """The samples of one counter in one minute, merged.

    ``tenants``: how many tenants they are of. ``total`` holds the terms of the exact sum (domain.exact). ``spread`` is
    the root of the summed squares of the deviations from the mean, so the standard deviation is
    ``spread / sqrt(count)``; unlike a sum of squares it neither overflows nor cancels (Chan, Golub and LeVeque,
    "Algorithms for Computing the Sample Variance", 1983).
    Merging never changes the others by a bit, in whatever order; spread is kept bit for bit by merging in a fixed
    order and grouping (domain.rollups).
    ``largest`` and ``second`` count the samples of the tenant that has the most and of the next (domain.disclosure asks
    for them); 0 for ``largest``: written before that was kept, so one tenant may have brought all.
    """

    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody misses
    tenants: int
    total: Sequence[float]
    min: float
    max: float
    spread: float
    largest: int = 0
    second: int = 0

    @property
    def mean(self) -> float:
        """The mean of the samples."""
        return exact.mean(self.total, self.count)

    @property
    def stddev(self) -> float:
        """The population standard deviation of the samples."""
        return self.spread / math.sqrt(self.count)


def partial_of(values: Sequence[float]) -> Partial:
    """Return the partial of at least one sample, all of one tenant."""
    count = len(values)
    total = exact.exact_sum(values)
    mean = exact.mean(total, count)
    return Partial(count, 1, total, min(values), max(values), _norm([value - mean for value in values]), count)


def merge(partials: Sequence[Partial]) -> Partial:
    """Return at least one partial, merged: of different tenants."""
    if len(partials) == 1:
        return partials[0]
    counts, tenants, totals, lows, highs, spreads, _, seconds = zip(*partials, strict=True)
    count = sum(counts)
    total = exact.exact_sum(list(chain.from_iterable(totals)))
    mean = exact.mean(total, count)
    between = (
        math.sqrt(part_count) * (exact.mean(part_total, part_count) - mean)
        for part_count, part_total in zip(counts, totals, strict=True)
    )
    spread = _norm([*spreads, *between])
    *_, second, largest = sorted([*(part.largest or part.count for part in partials), *seconds])
    return Partial(count, sum(tenants), total, min(lows), max(highs), spread, largest, second)


def _norm(values: Sequence[float]) -> float:
    """The root of the summed squares, or the greatest double where it is beyond that."""
    return min(math.hypot(*values), exact.LARGEST)
