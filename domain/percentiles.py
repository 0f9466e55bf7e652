"""Percentiles of charts: what they are called, and those of groups of minutes, from the minutes' histograms.

A group's percentile is that of all its samples together. So the histograms of its minutes are merged; the percentiles
of its minutes are never averaged. Does not know where histograms are kept.
"""

from collections.abc import Mapping, Sequence

from domain.histogram import Histograms, merge_histograms
from domain.minutes import MINUTE, minutes_of
from domain.spans import Span

ByWindow = Mapping[int, Histograms]
"""Histograms of the 15 minutes of windows, by window."""

Named = dict[str, float]
"""Percentiles by name: ``p50`` is the 50th."""


def name_of(percentile: float) -> str:
    """Return a percentile's name, such as ``p95`` or ``p99.9``."""
    return f"p{percentile:.12g}"


def by_group(windows: ByWindow, groups: Sequence[Span]) -> Histograms:
    """Return the histogram of each group of minutes, in the order of the groups. Other minutes are left out."""
    outside = len(groups)
    group_of = {at: number for number, group in enumerate(groups) for at in range(group.first, group.last + 1, MINUTE)}
    parts = ((each, [group_of.get(at, outside) for at in minutes_of(window)]) for window, each in windows.items())
    return merge_histograms(parts, outside + 1)


def percentiles_by_group(windows: ByWindow, groups: Sequence[Span], wanted: Sequence[float]) -> dict[int, Named]:
    """Return the wanted percentiles of each group that has samples, by the timestamp of its first minute."""
    names = [name_of(each) for each in wanted]
    merged = by_group(windows, groups)
    columns = zip(groups, merged.totals.tolist(), merged.percentiles(wanted).tolist(), strict=False)
    return {group.first: dict(zip(names, found, strict=True)) for group, total, found in columns if total}
