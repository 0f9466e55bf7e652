"""The values of a tenant's window as arrays: by VM, counter and minute.

From them follow the tenant's rollup (domain.rollups), standings (domain.standings) and the histograms of its minutes
(domain.minute_histograms). Each array holds some of the counters, so that no step of a long computation takes long.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from domain.counters import Reduction
from domain.exact import LARGEST
from domain.minutes import MINUTES_PER_WINDOW
from domain.samples import MOST_COUNTERS

if TYPE_CHECKING:
    from domain.buckets import Floats

Series = Mapping[str, Sequence[float | None]]
"""A VM's values of the 15 minutes of a window, by counter; None: no sample."""

VALUES_A_BLOCK = 1 << 14

_NOTHING: Sequence[None] = [None] * MINUTES_PER_WINDOW


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The values of some counters: an array by VM, counter and minute, with NaN where there is no sample."""

    keys: Sequence[str]
    values: "Floats"


def blocks_of(vms: Sequence[Series]) -> Iterator[Block]:
    """Yield the values of at most MOST_COUNTERS counters: those that most VMs have, and these first.

    The arrays' first dimension has the VMs in their order.
    """
    import numpy as np  # noqa: PLC0415

    having = Counter(chain.from_iterable(vms))
    keys = sorted(having, key=lambda key: (-having[key], key))[:MOST_COUNTERS]
    size = max(1, VALUES_A_BLOCK // (MINUTES_PER_WINDOW * max(1, len(vms))))
    for at in range(0, len(keys), size):
        some = keys[at : at + size]
        yield Block(some, np.array([[series.get(key, _NOTHING) for key in some] for series in vms], np.float64))


def reduce_minutes(reduction: Reduction, values: "Floats") -> "Floats":
    """Return an array without its last dimension, the minutes, reduced to one value each, leaving out NaN.

    The value of nothing but NaN is NaN. Minutes are added one after the other, so every machine gets the same sum. A
    sum is limited to the largest double; a mean needs no limit.
    """
    import numpy as np  # noqa: PLC0415

    if reduction in ("min", "max"):
        return np.asarray((np.fmin if reduction == "min" else np.fmax).reduce(values, axis=-1), np.float64)
    there = ~np.isnan(values)
    counts = np.where(there.any(axis=-1), there.sum(axis=-1), np.nan)
    parts = counts if reduction == "avg" else counts / counts
    filled = np.where(there, values, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        reduced = _total(filled) / parts
        far = there.any(axis=-1) & ~np.isfinite(reduced)
        if far.any():  # the sum of sixteenths of 15 minutes is always a double
            reduced[far] = np.clip(_total(filled[far] / 16) / parts[far] * 16, -LARGEST, LARGEST)
    return reduced


def _total(values: "Floats") -> "Floats":
    """Return the sums along the last dimension, added one after the other."""
    import numpy as np  # noqa: PLC0415

    total: Floats = np.zeros(values.shape[:-1])
    for each in np.moveaxis(values, -1, 0):
        total = total + each
    return total
