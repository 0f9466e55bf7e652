"""Histograms of a window's minutes, by counter: a tenant's from its VM windows, others' merged from those below.

The slots of these histograms are the window's 15 minutes.
"""

from collections.abc import Iterable, Iterator, Mapping

from domain.histogram import Histograms, histograms_of_columns, merge_histograms
from domain.minutes import MINUTES_PER_WINDOW
from domain.window_matrix import Block

ByCounter = Mapping[str, Histograms]
"""The histograms of a window's 15 minutes, by counter."""


def minute_histograms(blocks: Iterable[Block]) -> Iterator[tuple[str, Histograms]]:
    """Yield each counter's histograms of the minutes, given the values of a tenant's window."""
    for block in blocks:
        whole = histograms_of_columns(block.values.reshape(len(block.values), -1))
        yield from zip(block.keys, whole.split(MINUTES_PER_WINDOW), strict=True)


def merge_minutes(parts: Iterable[ByCounter]) -> Iterator[tuple[str, Histograms]]:
    """Merge the histograms of different tenants of one window. Yield the result by counter."""
    by_key: dict[str, list[Histograms]] = {}
    for part in parts:
        for key, histograms in part.items():
            by_key.setdefault(key, []).append(histograms)
    for key, each in sorted(by_key.items()):
        yield key, each[0] if len(each) == 1 else merge_histograms([(one, None) for one in each], MINUTES_PER_WINDOW)


def smaller_minutes(histograms: ByCounter) -> ByCounter:
    """Return these histograms without the last counter, to save room."""
    return dict(list(histograms.items())[:-1])
