"""Histograms of a window's minutes, by counter: a tenant's from its VM windows, others' merged from those below.

The slots of these histograms are the window's 15 minutes.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from domain.histogram import Histograms, histograms_of, merge_histograms
from domain.minutes import MINUTES_PER_WINDOW

ByCounter = Mapping[str, Histograms]
"""The histograms of a window's 15 minutes, by counter."""


def minute_histograms(
    vms: Sequence[Mapping[str, Sequence[float | None]]], counters: Collection[str]
) -> Iterator[tuple[str, Histograms]]:
    """Yield the histograms of some counters over all VMs of a tenant, given the VMs' series of one window."""
    import numpy as np  # noqa: PLC0415

    for key in sorted(counters):
        rows = np.array([series[key] for series in vms if key in series], np.float64)
        slots = np.broadcast_to(np.arange(MINUTES_PER_WINDOW), rows.shape)
        there = ~np.isnan(rows)
        yield key, histograms_of(rows[there], slots[there], MINUTES_PER_WINDOW)


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
