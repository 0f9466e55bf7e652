"""Partials and rollups: what a fleet average is made of.

A partial stands for the samples of one counter in one minute. Partials merge, so a tenant's partial is made of its VMs'
samples and the fleet's of its tenants' partials, and the way they are grouped does not show in the result.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from domain import exact
from domain.minutes import MINUTES_PER_WINDOW


class Partial(NamedTuple):
    """The samples of one counter in one minute, merged.

    ``total`` holds the terms of the exact sum (domain.exact). ``spread`` is the root of the summed squares of the
    deviations from the mean, so the standard deviation is ``spread / sqrt(count)``; unlike a sum of squares it neither
    overflows nor cancels (Chan, Golub and LeVeque, "Algorithms for Computing the Sample Variance", 1983).
    Merging never changes count, total, least and greatest by a bit, in whatever order; spread is kept bit for bit by
    merging in a fixed order (ids sorted).
    """

    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody misses
    total: Sequence[float]
    least: float
    greatest: float
    spread: float

    @property
    def mean(self) -> float:
        """The mean of the samples."""
        return exact.mean(self.total, self.count)

    @property
    def stddev(self) -> float:
        """The population standard deviation of the samples."""
        return self.spread / math.sqrt(self.count)


Series = Sequence[Partial | None]
"""A counter's partials for the 15 minutes of a window, oldest first; None where no VM had a sample."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """The partials of one tenant in one window, by counter key."""

    tenant: str
    window: int
    series: Mapping[str, Series]


def partial_of(values: Sequence[float]) -> Partial:
    """Return the partial of at least one sample."""
    count = len(values)
    total = exact.exact_sum(values)
    mean = exact.mean(total, count)
    return Partial(count, total, min(values), max(values), _norm([value - mean for value in values]))


def merge(partials: Sequence[Partial]) -> Partial:
    """Return at least one partial, merged."""
    if len(partials) == 1:
        return partials[0]
    counts, totals, leasts, greatests, spreads = zip(*partials, strict=True)
    count = sum(counts)
    total = exact.exact_sum(list(chain.from_iterable(totals)))
    mean = exact.mean(total, count)
    between = (
        math.sqrt(part_count) * (exact.mean(part_total, part_count) - mean)
        for part_count, part_total in zip(counts, totals, strict=True)
    )
    return Partial(count, total, min(leasts), max(greatests), _norm([*spreads, *between]))


def _norm(values: Sequence[float]) -> float:
    """The root of the summed squares, or the greatest double where it is beyond that."""
    return min(math.hypot(*values), exact.GREATEST)


def roll_up(tenant: str, window: int, vms: Iterable[Mapping[str, Sequence[float | None]]]) -> Rollup:
    """Return a tenant's rollup from its VMs' series of one window, given in the order of their ids.

    A VM's series map a counter to 15 values, None where it has no sample.
    """
    by_key: dict[str, list[Sequence[float | None]]] = {}
    for series in vms:
        for key, row in series.items():
            by_key.setdefault(key, []).append(row)
    rolled: dict[str, Series] = {}
    for key in sorted(by_key):
        columns = zip(*by_key[key], strict=True)
        rolled[key] = [_column(column) for column in columns]
    return Rollup(tenant, window, rolled)


def _column(column: Sequence[float | None]) -> Partial | None:
    values = column if None not in column else [value for value in column if value is not None]
    return partial_of(values) if values else None  # type: ignore[arg-type]


def merge_rollups(rollups: Iterable[Rollup], keys: Iterable[str]) -> dict[str, list[tuple[Partial, int] | None]]:
    """Merge tenants' rollups of one window, given in the order of their ids, into the fleet's, for these counters.

    Returns by key, for each of the 15 minutes, the fleet's partial and how many tenants it is made of, or None.
    """
    by_key: dict[str, list[Series]] = {key: [] for key in keys}
    for rollup in rollups:
        for key, gathered in by_key.items():
            if (series := rollup.series.get(key)) is not None:
                gathered.append(series)
    fleet: dict[str, list[tuple[Partial, int] | None]] = {}
    for key, tenants in by_key.items():
        columns = zip(*tenants, strict=True) if tenants else [()] * MINUTES_PER_WINDOW
        fleet[key] = []
        for column in columns:
            parts = [part for part in column if part is not None]
            fleet[key].append((merge(parts), len(parts)) if parts else None)
    return fleet
