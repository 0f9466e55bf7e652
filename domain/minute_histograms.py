"""Histograms of a window's minutes, by counter: a tenant's from its VM windows, others' merged from those below.

The slots of these histograms are the window's 15 minutes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.histogram import Histograms, histograms_of_columns, merge_histograms
from domain.minutes import MINUTES_PER_WINDOW
from domain.window_matrix import Block

ByCounter = Mapping[str, Histograms]
"""The histograms of a window's 15 minutes, by counter."""

CODES_A_BLOCK = 1 << 13
"""About how many codes are merged at once: many, since a step costs much more than a code, and few enough that other
tasks need not wait."""


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
    for keys in _blocks(by_key):
        if len(keys) == 1 or all(len(by_key[key]) == 1 for key in keys):
            yield from ((key, _merged(by_key[key])) for key in keys)
            continue
        pairs = (
            (each, range(at * MINUTES_PER_WINDOW, (at + 1) * MINUTES_PER_WINDOW))
            for at, key in enumerate(keys)
            for each in by_key[key]
        )
        together = merge_histograms(pairs, len(keys) * MINUTES_PER_WINDOW)
        yield from zip(keys, together.split(MINUTES_PER_WINDOW), strict=True)


def _blocks(by_key: Mapping[str, Sequence[Histograms]]) -> Iterator[Sequence[str]]:
    """Yield the counters, as many at once as have CODES_A_BLOCK codes together, and at least one."""
    block: list[str] = []
    codes = 0
    for key, each in sorted(by_key.items()):
        size = sum(len(one.codes) for one in each)
        if block and codes + size > CODES_A_BLOCK:
            yield block
            block, codes = [], 0
        block.append(key)
        codes += size
    if block:
        yield block


def _merged(parts: Sequence[Histograms]) -> Histograms:
    return parts[0] if len(parts) == 1 else merge_histograms([(each, None) for each in parts], MINUTES_PER_WINDOW)


def smaller_minutes(histograms: ByCounter) -> ByCounter:
    """Return these histograms without the last counter, to save room."""
    return dict(list(histograms.items())[:-1])
