"""The values of a tenant's window as matrices, one for each counter: a row for each VM, a column for each minute.

From them follow the tenant's standings (domain.standings) and the histograms of its minutes (domain.minute_histograms).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from domain.counters import Reduction
from domain.exact import LARGEST
from domain.minutes import MINUTES_PER_WINDOW

if TYPE_CHECKING:
    from domain.histogram import Floats

Series = Mapping[str, Sequence[float | None]]
"""A VM's values of the 15 minutes of a window, by counter; None: no sample."""

_NOTHING: Sequence[None] = [None] * MINUTES_PER_WINDOW


def matrices(vms: Sequence[Series], counters: Sequence[str]) -> "Iterator[tuple[str, Floats]]":
    """Yield the matrix of each counter. Its rows are those of the VMs in their order; NaN where there is no sample."""
    import numpy as np  # noqa: PLC0415

    for key in counters:
        yield key, np.array([series.get(key, _NOTHING) for series in vms], np.float64)


def reduce_rows(reduction: Reduction, matrix: "Floats") -> "Floats":
    """Return each row reduced to one value, leaving out NaN; NaN for a row of nothing else.

    Minutes are added one after the other, so every machine gets the same sum. A sum is limited to the largest double.
    """
    import numpy as np  # noqa: PLC0415

    if reduction in ("min", "max"):
        return np.asarray((np.fmin if reduction == "min" else np.fmax).reduce(matrix, axis=1), np.float64)
    there = ~np.isnan(matrix)
    counts = there.sum(axis=1)
    total = np.zeros(len(matrix))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for column in np.where(there, matrix, 0.0).T:
            total = np.clip(total + column, -LARGEST, LARGEST)
        return np.where(counts > 0, total / counts if reduction == "avg" else total, np.nan)
