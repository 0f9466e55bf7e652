"""Histograms as documents hold them: one text of all their arrays."""

import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from domain.buckets import BUCKET_BITS
from domain.histogram import Histograms
from storage.tables.arrays import array_of, bytes_of, planes_of, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRATEGY = zlib.Z_RLE
"""Counts and differences are small integers: their bytes are runs, or nothing that repeats. So looking only for runs
saves a seventh of the bytes."""

_INTS, _ENDS, _FLAGS = "<u4", "<f8", "<u1"
_SIZES = ("<u1", "<u2", "<u4")


class EncodedHistograms(msgspec.Struct, array_like=True):
    """Histograms: the number of their codes and slots, and one text of all their arrays.

    By code: the difference to the bucket before (0 for the first of a slot), and the count. Each takes as few bytes as
    the largest of them does (``differences`` and ``counts``: 1, 2 or 4). By slot: how many codes it has, its first
    bucket, the min and max, and whether all values are whole.
    """

    codes: int
    slots: int
    differences: int
    counts: int
    text: str


def encode_histograms(histograms: Histograms) -> EncodedHistograms:
    """Return histograms as they are stored."""
    import numpy as np  # noqa: PLC0415

    slots, buckets = histograms.codes >> BUCKET_BITS, histograms.codes & ((1 << BUCKET_BITS) - 1)
    numbers = np.bincount(slots, minlength=histograms.slots)
    filled = numbers > 0
    starts = (numbers.cumsum() - numbers)[filled]
    firsts = np.zeros(histograms.slots, np.int64)
    firsts[filled] = buckets[starts]
    differences = np.zeros_like(buckets)
    np.subtract(buckets[1:], buckets[:-1], out=differences[1:])
    differences[starts] = 0
    sizes = [_size(differences), _size(histograms.counts)]
    arrays = (
        (differences, sizes[0]),
        (histograms.counts, sizes[1]),
        (np.concatenate((numbers, firsts)), _INTS),
        (np.concatenate((histograms.mins, histograms.maxs)), _ENDS),
        (histograms.whole, _FLAGS),
    )
    text = text_of(b"".join(planes_of(array, kind) for array, kind in arrays), _STRATEGY)
    of_differences, of_counts = (np.dtype(size).itemsize for size in sizes)
    return EncodedHistograms(len(histograms.codes), histograms.slots, of_differences, of_counts, text)


def decode_histograms(stored: EncodedHistograms) -> Histograms:
    """Return stored histograms. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    planes = bytes_of(stored.text)
    arrays: list[NDArray[Any]] = []
    begin = 0
    kinds = (f"<u{stored.differences}", f"<u{stored.counts}", _INTS, _ENDS, _FLAGS)
    lengths = (stored.codes, stored.codes, 2 * stored.slots, 2 * stored.slots, stored.slots)
    if stored.codes < 0 or stored.slots < 0 or not {*kinds[:2]} <= {*_SIZES}:
        raise ValueError("the histograms have sizes that none can have")
    for kind, length in zip(kinds, lengths, strict=True):
        end = begin + length * np.dtype(kind).itemsize
        arrays.append(array_of(planes[begin:end], kind))
        begin = end
    differences, counts, of_slots, ends, whole = arrays
    numbers, firsts = of_slots.reshape(2, -1).astype(np.int64)
    if begin != len(planes) or numbers.sum() != stored.codes:
        raise ValueError("the arrays of the histograms have another length than they say")
    buckets = differences.cumsum(dtype=np.int64)
    starts = np.minimum(numbers.cumsum() - numbers, max(stored.codes - 1, 0))
    bases = firsts + (np.arange(stored.slots) << BUCKET_BITS)
    codes = buckets + (bases - buckets[starts]).repeat(numbers) if stored.codes else buckets
    mins, maxs = ends.reshape(2, -1).astype(np.float64)
    return Histograms(codes, counts.astype(np.int64), mins, maxs, whole.astype(np.bool_))


def _size(numbers: "NDArray[Any]") -> str:
    """Return the smallest kind of integer that holds all of them."""
    most = int(numbers.max(initial=0))
    return next(kind for kind, bits in zip(_SIZES, (8, 16, 32), strict=True) if most < 1 << bits)
