"""Merged summaries: of different tenants, in any order and grouping, with a limited number of groups.

What a summary is, and which groups it keeps if there is no room for all, see domain.summary.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from domain.exact import exact_sum
from domain.histogram import Histograms, merge_histograms
from domain.summary import (
    MOST_GROUPS,
    MOST_LISTED,
    OTHER,
    WHOLE,
    CounterSummary,
    Entry,
    GroupKey,
    Summary,
    SummaryVm,
    group_order,
    is_high_worse,
)

if TYPE_CHECKING:
    from domain.standings import Dimension


def merge_summaries(summaries: Iterable[Summary], most_groups: int = MOST_GROUPS) -> Summary:
    """Merge summaries of different tenants. A dimension keeps at most ``most_groups`` values besides OTHER."""
    parts = list(summaries)
    places: dict[GroupKey, int] = {}
    for summary in parts:
        for group, place in zip(summary.groups, summary.places, strict=True):
            places[group] = min(place, places.get(group, place))
    renamed = _renamed(places, most_groups)
    kept: dict[GroupKey, int] = {}
    for group, place in places.items():
        kept[renamed[group]] = min(place, kept.get(renamed[group], place))
    groups = sorted(kept, key=group_order) or [WHOLE]
    slots = {group: slot for slot, group in enumerate(groups)}
    moves = [[slots[renamed[group]] for group in summary.groups] for summary in parts]
    vms, places_of_vms = _merged_vms([summary.vms for summary in parts])
    having = {
        key: [
            (summary.counters[key], moved, positions)
            for summary, moved, positions in zip(parts, moves, places_of_vms, strict=True)
            if key in summary.counters
        ]
        for key in sorted({key for summary in parts for key in summary.counters})
    }
    size = len(groups)
    together = merge_histograms(  # of all counters at once, since a step costs much more than a value
        (
            (counter.histograms, [at * size + slot for slot in moved])
            for at, of in enumerate(having.values())
            for counter, moved, _ in of
        ),
        len(having) * size,
    )
    counters = {
        key: _merged(key, of, histograms, size)
        for (key, of), histograms in zip(having.items(), together.split(size), strict=True)
    }
    return Summary(groups, [kept.get(group, 0) for group in groups], counters, vms)


def limited(summary: Summary, most_groups: int) -> Summary:
    """Return a summary with at most ``most_groups`` values of each dimension besides OTHER."""
    return summary if len(summary.groups) <= most_groups else merge_summaries([summary], most_groups)


def smaller_summary(summary: Summary) -> Summary:
    """Return a summary without its last counter, to save room."""
    return replace(summary, counters=dict(list(summary.counters.items())[:-1]))


def _renamed(places: Mapping[GroupKey, int], most: int) -> Mapping[GroupKey, GroupKey]:
    """Return the name of each group after those with the largest places have become OTHER."""
    of: dict[Dimension | None, list[GroupKey]] = defaultdict(list)
    for group in sorted(places, key=lambda group: (places[group], *group_order(group))):
        of[group.dimension].append(group)
    return {
        group: group if at < most else GroupKey(dimension, OTHER)
        for dimension, groups in of.items()
        for at, group in enumerate(groups)
    }


def _merged_vms(parts: Sequence[Sequence[SummaryVm]]) -> tuple[list[SummaryVm], list[list[int]]]:
    """Merge lists of VMs. Return them in the order of their names, and for each list the new positions of its VMs."""
    if len(parts) == 1:
        return list(parts[0]), [list(range(len(parts[0])))]
    every = sorted(
        ((vm, number, at) for number, part in enumerate(parts) for at, vm in enumerate(part)),
        key=lambda each: (each[0].tenant, each[0].vm),
    )
    positions = [[0] * len(part) for part in parts]
    for position, (_, number, at) in enumerate(every):
        positions[number][at] = position
    return [vm for vm, _, _ in every], positions


def _merged(
    key: str, parts: Sequence[tuple[CounterSummary, Sequence[int], Sequence[int]]], histograms: Histograms, groups: int
) -> CounterSummary:
    """Merge one counter's summaries, given their merged histograms.

    With each summary come the new slots of its groups, and the new positions of its VMs.
    """
    sums: list[list[float]] = [[] for _ in range(groups)]
    numbers = [0] * groups
    worst: list[list[Entry]] = [[] for _ in range(groups)]
    for counter, moved, positions in parts:
        # If several groups of one summary become OTHER, a tenant counts once for each.
        for total, tenants, listed, slot in zip(counter.sums, counter.numbers, counter.worst, moved, strict=True):
            sums[slot] += total
            numbers[slot] += tenants
            worst[slot] += [(positions[at], value, rank) for at, value, rank in listed]
    high = is_high_worse(key)
    best = [(positions[at], value, rank) for counter, _, positions in parts for at, value, rank in counter.best]
    return CounterSummary(
        [exact_sum(each) for each in sums],
        numbers,
        histograms,
        [_first(each, high=high) for each in worst],
        _first(best, high=not high),
        dict(sorted(chain.from_iterable(counter.tenants.items() for counter, _, _ in parts))),
    )


def _first(listed: Sequence[Entry], *, high: bool) -> list[Entry]:
    """Return the first MOST_LISTED VMs by value, ties by name, which is the order of their positions."""
    if high:
        return sorted(listed, key=lambda entry: (-entry[1], entry[0]))[:MOST_LISTED]
    return sorted(listed, key=lambda entry: (entry[1], entry[0]))[:MOST_LISTED]
