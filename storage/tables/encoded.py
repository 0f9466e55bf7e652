"""Histograms as documents hold them: each array as a text (storage.tables.arrays)."""

import msgspec

from domain.histogram import Histograms
from storage.tables.arrays import array_of, text_of


class EncodedHistograms(msgspec.Struct, array_like=True):
    """Histograms as texts. ``codes`` are the differences of the codes."""

    codes: str
    counts: str
    mins: str
    maxs: str
    whole: str


def encode_histograms(histograms: Histograms) -> EncodedHistograms:
    """Return histograms as they are stored."""
    import numpy as np  # noqa: PLC0415

    return EncodedHistograms(
        text_of(np.diff(histograms.codes, prepend=0), "<u4"),
        text_of(histograms.counts, "<u4"),
        text_of(histograms.mins, "<f8"),
        text_of(histograms.maxs, "<f8"),
        text_of(histograms.whole, "<u1"),
    )


def decode_histograms(stored: EncodedHistograms) -> Histograms:
    """Return stored histograms. Raises ValueError."""
    import numpy as np  # noqa: PLC0415

    found = Histograms(
        np.cumsum(array_of(stored.codes, "<u4", np.int64)),
        array_of(stored.counts, "<u4", np.int64),
        array_of(stored.mins, "<f8", np.float64),
        array_of(stored.maxs, "<f8", np.float64),
        array_of(stored.whole, "<u1", np.bool_),
    )
    if len(found.codes) != len(found.counts) or not len(found.mins) == len(found.maxs) == len(found.whole):
        raise ValueError("the arrays of the histograms differ in length")
    return found
