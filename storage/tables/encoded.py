"""Histograms as documents hold them: one text of all their arrays."""

from typing import TYPE_CHECKING, Any

import msgspec

from domain.histogram import Histograms
from storage.tables.arrays import array_of, bytes_of, planes_of, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CODES, _COUNTS, _ENDS, _FLAGS = "<u4", "<u4", "<f8", "<u1"


class EncodedHistograms(msgspec.Struct, array_like=True):
    """The number of codes and of slots; and the arrays: the codes' differences, counts, mins, maxs, whole."""

    codes: int
    slots: int
    text: str


def encode_histograms(histograms: Histograms) -> EncodedHistograms:
    """Return histograms as they are stored."""
    import numpy as np  # noqa: PLC0415

    arrays = (
        (np.diff(histograms.codes, prepend=0), _CODES),
        (histograms.counts, _COUNTS),
        (histograms.mins, _ENDS),
        (histograms.maxs, _ENDS),
        (histograms.whole, _FLAGS),
    )
    planes = b"".join(planes_of(array, kind) for array, kind in arrays)
    return EncodedHistograms(len(histograms.codes), histograms.slots, text_of(planes))


def decode_histograms(stored: EncodedHistograms) -> Histograms:
    """Return stored histograms. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    planes = bytes_of(stored.text)
    arrays: list[NDArray[Any]] = []
    begin = 0
    kinds = (_CODES, _COUNTS, _ENDS, _ENDS, _FLAGS)
    lengths = (stored.codes, stored.codes, stored.slots, stored.slots, stored.slots)
    for kind, length in zip(kinds, lengths, strict=True):
        end = begin + length * np.dtype(kind).itemsize
        arrays.append(array_of(planes[begin:end], kind))
        begin = end
    if begin != len(planes) or stored.codes < 0 or stored.slots < 0:
        raise ValueError("the arrays of the histograms have another length than they say")
    codes, counts, mins, maxs, whole = arrays
    return Histograms(
        np.cumsum(codes, dtype=np.int64),
        counts.astype(np.int64),
        mins.astype(np.float64),
        maxs.astype(np.float64),
        whole.astype(np.bool_),
    )
