"""Coarse histograms: counts of values by buckets of 3 to 6 % of the value, made from finer ones (domain.histogram).

What tenants are shown of others' VMs is read from these. A coarse bucket holds the values that round to the same number
of five binary digits (four bits of the mantissa), and is read as that number: 0, 1 and 100 as themselves, 17.3 as 17.
So a reading is at most 3.1 % away from each value of its bucket, and is the same for all of them.

Knows counts by bucket, and nothing that would tell of a single VM: no min and max, and not whether all values are
whole. Whose values they are and who may see what, domain.disclosure decides.

numpy is imported where it is used, so that starting the app does not load it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.buckets import MANTISSA, bucket_numbers
from domain.exact import LARGEST
from domain.histogram import Histograms

if TYPE_CHECKING:
    from domain.buckets import Floats, Ints

COARSE_MANTISSA = 4
"""The bits of the mantissa to which values are rounded."""

_FINER = MANTISSA - COARSE_MANTISSA
_DROPPED = 52 - COARSE_MANTISSA
_BITS = 64 - _DROPPED
_ZERO = 1 << (_BITS - 1)
"""The bucket of zero. Buckets of positive values lie above it, those of negative values below it, in their order."""

_IN_SLOT = (1 << _BITS) - 1
LEFT_OUT = -1
"""Instead of a new slot: a slot whose values are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarseHistograms:
    """Coarse histograms of several slots. A *code* is a slot's number and a bucket.

    ``codes`` are in ascending order, each once, with their ``counts``.
    """

    codes: "Ints"
    counts: "Ints"
    slots: int

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same."""
        import numpy as np  # noqa: PLC0415

        return (
            isinstance(other, CoarseHistograms)
            and self.slots == other.slots
            and np.array_equal(self.codes, other.codes)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def totals(self) -> "Ints":
        """The number of values by slot."""
        import numpy as np  # noqa: PLC0415

        return np.bincount(self.codes >> _BITS, weights=self.counts, minlength=self.slots).astype(np.int64)

    def percentiles(self, wanted: Sequence[int]) -> "Floats":
        """Return percentiles, each from 1 to 99, by slot and percentile; NaN for slots without values.

        Percentile q of n values is the value at position ceil(q / 100 · n) of the sorted values, rounded as above. The
        first and the last are rounded like all others.
        """
        import numpy as np  # noqa: PLC0415

        totals = self.totals
        if not len(self.codes):
            return np.full((self.slots, len(wanted)), np.nan)
        ends = np.cumsum(self.counts)
        before = np.cumsum(totals) - totals
        positions = -(-totals[:, None] * np.asarray(wanted, np.int64) // 100)
        found = np.minimum(np.searchsorted(ends, before[:, None] + positions), len(ends) - 1)
        return np.where(totals[:, None] == 0, np.nan, _readings(self.codes[found] & _IN_SLOT))

    def ranks(self, slot: int, values: "Sequence[float] | Floats") -> "Floats":
        """Return which share of a slot's values lies below each of these, in percent; NaN for a slot without values.

        Values in the same bucket count half (the mid-rank).
        """
        import numpy as np  # noqa: PLC0415

        first, end = np.searchsorted(self.codes, [slot << _BITS, (slot + 1) << _BITS])
        codes = slot << _BITS | _buckets(bucket_numbers(values))
        sums = np.concatenate([[0], np.cumsum(self.counts[first:end])])
        below = sums[np.searchsorted(self.codes[first:end], codes, "left")]
        up_to = sums[np.searchsorted(self.codes[first:end], codes, "right")]
        return np.asarray(50 * (below + up_to) / sums[-1] if sums[-1] else np.full(len(codes), np.nan), np.float64)


def coarsened(histograms: Histograms) -> CoarseHistograms:
    """Return the coarse histograms of the same values in the same slots."""
    slots, numbers = histograms.numbered
    return _together(slots << _BITS | _buckets(numbers), histograms.counts, histograms.slots)


def merge_coarse(parts: Iterable[tuple[CoarseHistograms, Sequence[int]]], number: int) -> CoarseHistograms:
    """Merge coarse histograms into ``number`` slots. With each comes the new slot, or LEFT_OUT, of each of its slots.

    Several slots may become one.
    """
    import numpy as np  # noqa: PLC0415

    codes, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for each, moved in parts:
        to = np.asarray(moved, np.int64)[each.codes >> _BITS]
        kept = to != LEFT_OUT
        codes.append(to[kept] << _BITS | each.codes[kept] & _IN_SLOT)
        counts.append(each.counts[kept])
    return _together(np.concatenate(codes), np.concatenate(counts), number)


def _together(codes: "Ints", counts: "Ints", slots: int) -> CoarseHistograms:
    """Return histograms of codes in any order, of which some may be there several times."""
    import numpy as np  # noqa: PLC0415

    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return CoarseHistograms(
        codes[starts], np.add.reduceat(counts[order], starts) if len(starts) else counts[order], slots
    )


def _buckets(numbers: "Ints") -> "Ints":
    """Return the coarse buckets of these numbers of finer ones (domain.histogram), of which each has four.

    Two of them are below its reading, which is the lower end of the third.
    """
    import numpy as np  # noqa: PLC0415

    sizes = (np.abs(numbers) + (1 << (_FINER - 1))) >> _FINER
    return _ZERO + np.where(numbers < 0, -sizes, sizes)


def _readings(buckets: "Ints") -> "Floats":
    import numpy as np  # noqa: PLC0415

    numbers = buckets - _ZERO
    sizes = np.minimum((np.abs(numbers) << _DROPPED).view(np.float64), LARGEST)
    return np.where(numbers < 0, -sizes, sizes)
