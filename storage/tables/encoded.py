"""Histograms as documents hold them: one text of all their arrays."""

import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from domain.histogram import Histograms
from storage.tables.arrays import array_of, bytes_of, planes_of, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRATEGY = zlib.Z_RLE
"""Counts and differences are small integers: their bytes are runs of zeros, or nothing that repeats. So looking only
for runs saves a seventh of the bytes."""

_INTS, _ENDS, _FLAGS = "<u4", "<f8", "<u1"


class EncodedHistograms(msgspec.Struct, array_like=True):
    """The number of codes and of slots; and the arrays: the codes' differences and counts, mins and maxs, whole."""

    codes: int
    slots: int
    text: str


def encode_histograms(histograms: Histograms) -> EncodedHistograms:
    """Return histograms as they are stored."""
    import numpy as np  # noqa: PLC0415

    arrays = (
        (np.concatenate((histograms.codes[:1], np.diff(histograms.codes), histograms.counts)), _INTS),
        (np.concatenate((histograms.mins, histograms.maxs)), _ENDS),
        (histograms.whole, _FLAGS),
    )
    planes = b"".join(planes_of(array, kind) for array, kind in arrays)
    return EncodedHistograms(len(histograms.codes), histograms.slots, text_of(planes, _STRATEGY))


def decode_histograms(stored: EncodedHistograms) -> Histograms:
    """Return stored histograms. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    planes = bytes_of(stored.text)
    arrays: list[NDArray[Any]] = []
    begin = 0
    for kind, length in ((_INTS, 2 * stored.codes), (_ENDS, 2 * stored.slots), (_FLAGS, stored.slots)):
        end = begin + length * np.dtype(kind).itemsize
        arrays.append(array_of(planes[begin:end], kind))
        begin = end
    if begin != len(planes) or stored.codes < 0 or stored.slots < 0:
        raise ValueError("the arrays of the histograms have another length than they say")
    numbers, ends, whole = arrays
    codes, counts = numbers.reshape(2, -1).astype(np.int64)
    mins, maxs = ends.reshape(2, -1).astype(np.float64)
    return Histograms(np.cumsum(codes), counts, mins, maxs, whole.astype(np.bool_))
