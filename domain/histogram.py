"""Histograms: counts of values by fixed logarithmic buckets. They merge exactly, in any order and grouping.

The buckets are those of domain.buckets. Counts are integers. The exact min and max are kept too.

``Histograms`` holds several histograms, each in a *slot*: one per minute of a window, or one per group of VMs. One call
works on all of them.

numpy is imported where it is used, so that starting the app does not load it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.buckets import BUCKET_BITS, ZERO, buckets_of, ends, middles
from domain.exact import LARGEST

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats, Ints

_IN_SLOT = (1 << BUCKET_BITS) - 1
"""The bits of a bucket in a code; those above are the slot."""

MOST_SLOTS = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Histograms of several slots.

    A *code* is a slot's number and a bucket. ``codes`` are in ascending order, each once, with their ``counts``.
    ``mins``, ``maxs`` and ``whole`` are by slot: the exact min and max, and whether all values are integers. Slots
    without values have 0, 0 and True.
    """

    codes: "Ints"
    counts: "Ints"
    mins: "Floats"
    maxs: "Floats"
    whole: "Flags"

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same."""
        import numpy as np  # noqa: PLC0415

        return isinstance(other, Histograms) and all(
            np.array_equal(mine, theirs) for mine, theirs in zip(_arrays(self), _arrays(other), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def slots(self) -> int:
        """The number of slots."""
        return len(self.mins)

    @property
    def filled(self) -> "Ints":
        """The slots that have values."""
        slots = self.codes >> BUCKET_BITS
        return slots[_starts(slots)]

    @property
    def totals(self) -> "Ints":
        """The number of values by slot."""
        import numpy as np  # noqa: PLC0415

        return np.bincount(self.codes >> BUCKET_BITS, weights=self.counts, minlength=self.slots).astype(np.int64)

    def split(self, size: int) -> "Iterator[Histograms]":
        """Yield the histograms of the first ``size`` slots, of the next, and so on."""
        import numpy as np  # noqa: PLC0415

        firsts = np.arange(0, self.slots + 1, size)
        ends = np.searchsorted(self.codes, firsts << BUCKET_BITS).tolist()
        for first, begin, end in zip(firsts.tolist(), ends, ends[1:], strict=False):
            there = slice(first, first + size)
            codes = self.codes[begin:end] - (first << BUCKET_BITS)
            yield Histograms(codes, self.counts[begin:end], self.mins[there], self.maxs[there], self.whole[there])

    def percentiles(self, wanted: Sequence[float]) -> "Floats":
        """Return percentiles, each above 0 and below 100, by slot and percentile; NaN for slots without values.

        Percentile q of n values is the value at position ceil(q / 100 · n) of the sorted values. The first and the last
        are the exact min and max; others are the middle of their bucket (of integers: the middle integer), within the
        min and max.
        """
        import numpy as np  # noqa: PLC0415

        totals = self.totals
        ends = np.cumsum(self.counts)
        before = (np.cumsum(totals) - totals)[:, None]
        numbers = totals[:, None]
        positions = np.maximum(np.ceil(numbers * np.asarray(wanted, float) / 100), 1).astype(np.int64)
        positions = np.minimum(positions, numbers)
        found = np.minimum(np.searchsorted(ends, before + positions), max(len(ends) - 1, 0))
        if not len(ends):
            return np.full(positions.shape, np.nan)
        values = middles(self.codes[found] & _IN_SLOT, self.whole[:, None])
        values = np.clip(values, self.mins[:, None], self.maxs[:, None])
        values = np.where(positions == numbers, self.maxs[:, None], values)
        values = np.where(positions == 1, self.mins[:, None], values)
        return np.where(numbers == 0, np.nan, values)

    def spreads(self) -> list[tuple[float, float]]:
        """Return by slot the median, and the median distance from it (MAD); NaN for slots without values.

        Distances are those of the buckets' middles.
        """
        import numpy as np  # noqa: PLC0415

        medians = self.percentiles((50,))[:, 0]
        slots = self.codes >> BUCKET_BITS
        values = np.clip(middles(self.codes & _IN_SLOT, self.whole[slots]), self.mins[slots], self.maxs[slots])
        with np.errstate(over="ignore"):
            sizes = np.minimum(np.abs(values - medians[slots]), LARGEST)
        order = np.lexsort((sizes, slots))
        ends = np.cumsum(self.counts[order])
        totals = self.totals
        middle = np.cumsum(totals) - totals + (totals + 1) // 2
        found = np.minimum(np.searchsorted(ends, middle), max(len(ends) - 1, 0))
        mads = sizes[order][found] if len(ends) else np.full(self.slots, np.nan)
        return list(zip(medians.tolist(), np.where(totals == 0, np.nan, mads).tolist(), strict=True))

    def rank(self, slot: int, value: float) -> float | None:
        """Return which share of a slot's values lies below a value, in percent; None for a slot without values.

        Values in the value's own bucket count half (the mid-rank).
        """
        (rank,) = self.ranks([slot], [value]).tolist()
        return rank if rank == rank else None  # noqa: PLR0124  (NaN is unlike itself)

    def ranks(self, slots: "Sequence[int] | Ints", values: "Sequence[float] | Floats") -> "Floats":
        """Return the rank of each value among those of its slot; NaN for slots without values."""
        import numpy as np  # noqa: PLC0415

        first = np.asarray(slots, np.int64) << BUCKET_BITS
        codes = first | buckets_of(np.asarray(values, np.float64))
        counted = np.concatenate(([0], np.cumsum(self.counts)))
        ends = np.searchsorted(self.codes, [first, codes, codes + 1, first + (1 << BUCKET_BITS)])
        begin, below, after, end = counted[ends]
        with np.errstate(invalid="ignore"):
            return np.asarray(100 * (below - begin + (after - below) / 2) / (end - begin), np.float64)

    @property
    def numbered(self) -> tuple["Ints", "Ints"]:
        """The slot of each code, and the number of its bucket (bucket_numbers)."""
        return self.codes >> BUCKET_BITS, (self.codes & _IN_SLOT) - ZERO

    def buckets(self, slot: int) -> list[tuple[float, float, int]]:
        """Return a slot's buckets that hold values, in ascending order: lower end, upper end, count."""
        import numpy as np  # noqa: PLC0415

        first, end = np.searchsorted(self.codes, [slot << BUCKET_BITS, (slot + 1) << BUCKET_BITS])
        lows, highs = ends(self.codes[first:end] & _IN_SLOT)
        return list(zip(lows.tolist(), highs.tolist(), self.counts[first:end].tolist(), strict=True))


def _arrays(of: Histograms) -> tuple[Any, ...]:
    return of.codes, of.counts, of.mins, of.maxs, of.whole


def histograms_of(values: "Sequence[float] | Floats", slots: "Sequence[int] | Ints", number: int) -> Histograms:
    """Return the histograms of finite values, given the slot of each, and the number of slots."""
    import numpy as np  # noqa: PLC0415

    found = np.asarray(values, np.float64)
    where = np.asarray(slots, np.int64)
    codes, counts = np.unique(where << BUCKET_BITS | buckets_of(found), return_counts=True)
    return Histograms(codes, counts.astype(np.int64), *_by_slot(where, found, found, found == np.floor(found), number))


def histograms_of_columns(matrix: "Floats") -> Histograms:
    """Return the histograms of a matrix's columns, each a slot, without its NaN. Faster than histograms_of."""
    import numpy as np  # noqa: PLC0415

    there = ~np.isnan(matrix)
    buckets = np.where(there, buckets_of(np.where(there, matrix, 0.0)), -1)
    in_order = np.sort(np.ascontiguousarray(buckets.T), axis=1)
    codes = ((np.arange(len(in_order)) << BUCKET_BITS)[:, None] | in_order)[in_order >= 0]
    starts = _starts(codes)
    some = there.any(axis=0)
    mins = np.where(some, np.fmin.reduce(matrix, axis=0), np.inf)
    maxs = np.where(some, np.fmax.reduce(matrix, axis=0), -np.inf)
    whole = ((matrix == np.floor(matrix)) | ~there).all(axis=0)
    return Histograms(codes[starts], np.diff(starts, append=len(codes)), *_settled(mins, maxs), whole)


def merge_histograms(parts: Iterable[tuple[Histograms, Sequence[int] | None]], number: int) -> Histograms:
    """Merge histograms into ``number`` slots. With each comes the new slot of each of its slots; None: they stay.

    Several slots may become one.
    """
    import numpy as np  # noqa: PLC0415

    codes, counts, slots = ([np.empty(0, np.int64)] for _ in range(3))
    mins, maxs, whole = [np.empty(0)], [np.empty(0)], [np.empty(0, np.bool_)]
    for each, moved in parts:
        there = each.filled
        to = np.arange(each.slots) if moved is None else np.asarray(moved, np.int64)
        codes.append(
            each.codes if moved is None else to[each.codes >> BUCKET_BITS] << BUCKET_BITS | each.codes & _IN_SLOT
        )
        counts.append(each.counts)
        slots.append(to[there])
        mins.append(each.mins[there])
        maxs.append(each.maxs[there])
        whole.append(each.whole[there])
    every = np.concatenate(codes)
    order = np.argsort(every, kind="stable")  # fast, since each part is sorted
    every = every[order]
    starts = _starts(every)
    together = np.concatenate(counts)[order]
    if len(starts) < len(every):
        together = np.add.reduceat(together, starts)
    lows, highs = np.concatenate(mins), np.concatenate(maxs)
    by_slot = _by_slot(np.concatenate(slots), lows, highs, np.concatenate(whole), number)
    return Histograms(every[starts], together, *by_slot)


def _starts(in_order: "Ints") -> "Ints":
    """Return where each value of a sorted array begins."""
    import numpy as np  # noqa: PLC0415

    return np.flatnonzero(np.concatenate((in_order[:1] == in_order[:1], in_order[1:] != in_order[:-1])))


def _by_slot(
    slots: "Ints", lows: "Floats", highs: "Floats", whole: "Flags", number: int
) -> tuple["Floats", "Floats", "Flags"]:
    """Return the mins, maxs and flags of a number of slots, from those of parts of them."""
    import numpy as np  # noqa: PLC0415

    mins, maxs, all_whole = np.full(number, np.inf), np.full(number, -np.inf), np.ones(number, np.bool_)
    np.minimum.at(mins, slots, lows)
    np.maximum.at(maxs, slots, highs)
    np.logical_and.at(all_whole, slots, whole)
    return *_settled(mins, maxs), all_whole


def _settled(mins: "Floats", maxs: "Floats") -> tuple["Floats", "Floats"]:
    """Replace the ends of empty slots by 0, and minus zero by zero."""
    import numpy as np  # noqa: PLC0415

    empty = mins > maxs
    return np.where(empty, 0.0, mins + 0.0), np.where(empty, 0.0, maxs + 0.0)
